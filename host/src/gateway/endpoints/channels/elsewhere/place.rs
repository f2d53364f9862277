//! Where a channel lies.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::{Instant, timeout_at};

use super::refusal::ElsewhereRefusal;
use crate::gateway::context::Context;
use crate::passing::{Holder, changed};

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
pub(in crate::gateway) fn target(name: &str, rest: &str) -> String {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    format!("{CHANNELS}{name}{rest}")
}

/// How long a request on a name that nobody is known to have waits for those who have just been
/// linked to say what they have, which they do at once.
const SAYING: Duration = Duration::from_secs(5);

impl Context {
    /// Where the channel lies that is called so, once those who have just been linked had a
    /// moment to say what they have.
    pub(super) async fn placed(&self, given: &str) -> Result<Place, ElsewhereRefusal> {
        let is_settled =
            |placed: &Result<_, _>| !matches!(placed, Err(ElsewhereRefusal::Unsettled(_)));
        let placed = self.place(given);
        if is_settled(&placed) {
            return placed;
        }
        let until = Instant::now() + SAYING;
        let mut changes = self.elsewhere.changes();
        loop {
            // Looked at once more, so that nothing is missed in between.
            changes.borrow_and_update();
            let placed = self.place(given);
            if is_settled(&placed) || Instant::now() >= until {
                return placed;
            }
            // Either way it is looked at anew.
            let _ = timeout_at(until, changed(&mut changes)).await;
        }
    }

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
        let holders = without_moved(self.elsewhere.holders(given));
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

    /// The other node that the channel of this name lies on; `None` if it lies here, or
    /// nowhere.
    pub(in crate::gateway) async fn lies_on(
        &self,
        name: &str,
    ) -> Result<Option<Arc<str>>, ElsewhereRefusal> {
        Ok(match self.placed(name).await? {
            Place::Here => None,
            Place::There(node) => Some(node),
        })
    }

    /// Checks that no other node has, or may have, the channel that is meant by this name.
    pub(in crate::gateway) async fn only_here(&self, name: &str) -> Result<(), ElsewhereRefusal> {
        match self.placed(name).await? {
            Place::Here => Ok(()),
            Place::There(node) => Err(ElsewhereRefusal::OnlyThere {
                name: name.to_owned(),
                node: node.to_string(),
            }),
        }
    }

    /// Names of the other nodes that have a channel of this name.
    pub(in crate::gateway) fn also_on(&self, name: &str) -> Vec<String> {
        names(&self.elsewhere.holders(name))
    }

    /// Checks that no other node may have a channel of this name, which is to be new.
    pub(super) async fn check_new(&self, name: &str) -> Result<(), ElsewhereRefusal> {
        let placed = self.placed(name).await;
        let holders = self.elsewhere.holders(name);
        // Of one that can be reached the route tells.
        match placed {
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

/// Without those that are away and whose log lies with another that can be reached: its node
/// was given another name, or its data another node. It is one channel, and no two of a name.
fn without_moved(mut holders: Vec<Holder>) -> Vec<Holder> {
    let reached = holders.iter().filter(|holder| holder.reachable);
    let reached: Vec<_> = reached.map(|holder| Arc::clone(&holder.epoch)).collect();
    holders.retain(|holder| holder.reachable || !reached.contains(&holder.epoch));
    holders
}

fn names(holders: &[Holder]) -> Vec<String> {
    let names = holders.iter().map(|holder| holder.node.to_string());
    names.collect()
}
