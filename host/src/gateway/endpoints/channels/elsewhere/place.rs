//! Where a channel lies.

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::refusal::ElsewhereRefusal;
use crate::gateway::context::Context;
use crate::passing::Holder;

/// What stands between a channel's name and that of its node.
const AT: char = '@';

/// The paths of all channels begin so.
pub(super) const CHANNELS: &str = "/v1/channels/";

/// Where a channel lies, as far as a request tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On this node, or nowhere.
    Here,
    /// On the node of this name.
    There(Arc<str>),
}

/// A channel's name without that of its node, `orders` of `orders@a`.
pub(in crate::gateway) fn bare(given: &str) -> &str {
    given.split_once(AT).map_or(given, |(name, _)| name)
}

/// The same of a channel of this node alone.
pub(in crate::gateway) fn without_node<'g>(given: &'g str, node: &str) -> &'g str {
    match given.split_once(AT) {
        Some((name, its_node)) if its_node == node => name,
        _ => given,
    }
}

/// The path of a channel, with what is behind its name.
pub(super) fn target(name: &str, rest: &str) -> String {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    format!("{CHANNELS}{name}{rest}")
}

impl Context {
    /// Where the channel lies that is called so: with the node that is named, else here, else
    /// with the one node that has it. Whether nodes can be reached does not decide which is
    /// meant: the same name would mean another channel when one of them goes away.
    pub(super) fn place(&self, given: &str) -> Result<Place, ElsewhereRefusal> {
        if let Some((name, node)) = given.split_once(AT) {
            return self.place_on(name, node);
        }
        // Whether it is here is not known yet.
        if !self.channels.is_open() || self.channels.has(given) {
            return Ok(Place::Here);
        }
        let holders = self.elsewhere.holders(given);
        match &holders[..] {
            [] if !self.elsewhere.is_settled() => {
                Err(ElsewhereRefusal::Unsettled(given.to_owned()))
            }
            [] => Ok(Place::Here),
            [holder] if holder.reachable => Ok(Place::There(Arc::clone(&holder.node))),
            [_] => Err(ElsewhereRefusal::Away {
                name: given.to_owned(),
                nodes: names(&holders),
            }),
            several => Err(ElsewhereRefusal::Ambiguous {
                name: given.to_owned(),
                nodes: names(several),
            }),
        }
    }

    /// The same of a channel on the node of this name.
    pub(super) fn place_on(&self, name: &str, node: &str) -> Result<Place, ElsewhereRefusal> {
        if node == &**self.bus.node() {
            return Ok(Place::Here);
        }
        match self.elsewhere.is_reachable(node) {
            Some(true) => Ok(Place::There(node.into())),
            Some(false) => Err(ElsewhereRefusal::Away {
                name: name.to_owned(),
                nodes: vec![node.to_owned()],
            }),
            None if !self.elsewhere.is_settled() => {
                Err(ElsewhereRefusal::Unsettled(name.to_owned()))
            }
            None => {
                let nodes = self.cluster.nodes();
                let known = nodes.iter().map(|node| node.name.as_str());
                Err(ElsewhereRefusal::no_node(node, known))
            }
        }
    }

    /// Names of the other nodes that have a channel of this name.
    pub(in crate::gateway) fn also_on(&self, name: &str) -> Vec<String> {
        names(&self.elsewhere.holders(name))
    }

    /// Checks that no other node may have a channel of this name, which is to be new.
    pub(super) fn check_new(&self, name: &str) -> Result<(), ElsewhereRefusal> {
        let holders = self.elsewhere.holders(name);
        // Of one that can be reached the route tells.
        match self.place(name) {
            Err(refusal) if holders.iter().all(|holder| !holder.reachable) => Err(refusal),
            _ => Ok(()),
        }
    }

    /// Checks that a channel of this name may be made here: none that can be reached has it.
    pub(in crate::gateway) fn check_name(&self, name: &str) -> Result<(), ElsewhereRefusal> {
        let holders = self.elsewhere.holders(name);
        match holders.into_iter().find(|holder| holder.reachable) {
            Some(holder) => Err(ElsewhereRefusal::Exists {
                name: name.to_owned(),
                node: holder.node.to_string(),
            }),
            None => Ok(()),
        }
    }
}

fn names(holders: &[Holder]) -> Vec<String> {
    let names = holders.iter().map(|holder| holder.node.to_string());
    names.collect()
}
