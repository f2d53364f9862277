//! Sessions, channels and figures of all nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hearken_pattern::Glob;
use tokio::time::Instant;

use super::acting_wire::{decoded_whose, encoded_whose};
use super::listing_wire::{LISTED, SESSION_BYTES, bytes_of, shown, status_of};
use super::protocol::{
    AskUsage, ChannelUsed, ChannelsListed, ListChannels, ListSessions, SessionsListed, Usage,
    answer, ask,
};
use crate::session::name::ChannelName;
use crate::session::server::Whose;
use crate::session::sessions::Sessions;
use crate::session::shared::Shared;
use crate::session::shown::SessionStatus;

/// How long it is waited for other nodes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Channels that are looked at for one answer.
const CHANNELS: usize = 8_192;

/// Longest that all nodes' channels are asked for.
const ALL_CHANNELS_WITHIN: Duration = Duration::from_secs(10);

/// Sessions of all nodes, or some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionsPage {
    /// In the order of their ids.
    pub sessions: Vec<SessionStatus>,
    /// Whether others follow.
    pub has_more: bool,
    /// Names of the nodes that were looked at, this one included.
    pub nodes: BTreeSet<Arc<str>>,
    /// Whether one that may have such sessions was not.
    pub is_partial: bool,
    /// Whether one of those was asked: it is there, or was a moment ago.
    pub is_unanswered: bool,
}

/// Channels of all nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllChannels {
    /// How many sessions are subscribed to each.
    pub channels: BTreeMap<ChannelName, u64>,
    /// Whether a node that is there, or was a moment ago, has not said all of its own.
    pub is_partial: bool,
}

/// How much the sessions of a node are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeUsage {
    /// Name of the node.
    pub node: Arc<str>,
    /// Which start of it that is.
    pub incarnation: String,
    /// Version of the program.
    pub version: String,
    /// Sessions.
    pub sessions: u64,
    /// Users who have any.
    pub users: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Channels with subscribers.
    pub channels: u64,
    /// Seconds since the node started.
    pub uptime: u64,
}

impl Sessions {
    /// Up to `limit` sessions behind the id `after` that are meant, on whichever nodes they
    /// are, or on the one of that name, in the order of their ids. There may be fewer where
    /// others follow. It is waited a second for other nodes.
    pub async fn list_everywhere(
        &self,
        whose: &Whose,
        node: Option<&str>,
        after: &str,
        limit: usize,
    ) -> SessionsPage {
        let places = match node {
            Some(node) => self.0.places(&Whose::NodeOf(node.to_owned())),
            None => self.0.places(whose),
        };
        let mut page = SessionsPage::default();
        // One more tells whether there are more.
        let wanted = limit.saturating_add(1);
        if places.is_here {
            page.nodes.insert(Arc::clone(self.0.bus.node()));
            page.sessions = self.list_of(whose, after, wanted);
        }
        let what = ask::What::Sessions(ListSessions {
            whose: Some(encoded_whose(whose)),
            after: after.to_owned(),
            limit: u32::try_from(wanted).unwrap_or(u32::MAX),
        });
        // Up to where all have said what there is.
        let mut upto: Option<Arc<str>> = None;
        for (node, answered) in self.0.ask_all(places.others, &what, ANSWER_TIMEOUT).await {
            let Ok(answer::What::Sessions(listed)) = answered else {
                page.is_unanswered = true;
                continue;
            };
            let last = listed.sessions.last().filter(|_| listed.has_more);
            if let Some(last) = last {
                let last: Arc<str> = last.client.as_str().into();
                upto = Some(upto.map_or_else(|| Arc::clone(&last), |upto| upto.min(last.clone())));
            }
            page.is_partial |= listed.sessions.iter().any(|one| one.is_cut);
            let shown = listed.sessions.into_iter();
            page.sessions
                .extend(shown.map(|one| status_of(one, &node.name)));
            page.nodes.insert(node.name);
        }
        let only = places.only.as_deref();
        page.is_partial |= page.is_unanswered || self.0.is_any_unheard(only, &page.nodes);
        page.sessions
            .sort_by(|one, other| one.client.cmp(&other.client));
        page.sessions
            .dedup_by(|one, other| one.client == other.client);
        if let Some(upto) = upto {
            page.has_more = true;
            page.sessions.retain(|one| one.client <= upto);
        }
        page.has_more |= page.sessions.len() > limit;
        page.sessions.truncate(limit);
        page
    }

    /// The session with this id, on whichever node it is.
    pub async fn show_anywhere(&self, client: &str) -> SessionsPage {
        let whose = Whose::Client(client.to_owned());
        if let Some(status) = self.show(client) {
            return SessionsPage {
                sessions: vec![status],
                ..SessionsPage::default()
            };
        }
        self.list_everywhere(&whose, None, "", 1).await
    }

    /// All channels with subscribers whose names match the pattern, if there is one. It is
    /// waited a second for each answer of another node, and ten for all of them.
    pub async fn all_channels(&self, pattern: Option<&str>) -> AllChannels {
        let pattern = pattern.unwrap_or_default();
        let mut all = AllChannels::default();
        let mut after = String::new();
        loop {
            let page = self.0.channels_of(pattern, &after, CHANNELS);
            all.add(page.channels);
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        let mut nodes: Vec<_> = {
            let others = self.0.across.members.others();
            let (away, there): (Vec<_>, Vec<_>) =
                others.into_iter().partition(|member| member.is_away);
            all.is_partial = !away.is_empty();
            let there = there.into_iter();
            there.map(|member| (member.peer, String::new())).collect()
        };
        let deadline = Instant::now() + ALL_CHANNELS_WITHIN;
        while !nodes.is_empty() && Instant::now() < deadline {
            let asked = nodes.into_iter().map(|(node, after)| async move {
                let what = ask::What::Channels(ListChannels {
                    after: after.clone(),
                    pattern: pattern.to_owned(),
                });
                let answered = self.0.across.ask(&node, what, ANSWER_TIMEOUT).await;
                (node, after, answered)
            });
            let mut following = Vec::new();
            for (node, after, answered) in join_all(asked).await {
                let Ok(answer::What::Channels(listed)) = answered else {
                    all.is_partial = true;
                    continue;
                };
                match listed.has_more {
                    true if listed.behind > after => following.push((node, listed.behind)),
                    // It would go on for ever.
                    is_stuck => all.is_partial |= is_stuck,
                }
                all.add(listed.channels);
            }
            nodes = following;
        }
        all.is_partial |= !nodes.is_empty();
        all
    }

    /// How much the sessions of each node are used, this one first; of those that have said it
    /// within a second.
    pub async fn usage_everywhere(&self) -> Vec<NodeUsage> {
        let this = self.0.across.members.this();
        let own = usage_of(self.0.usage(), Arc::clone(&this.name), this.incarnation);
        let mut all = vec![own];
        let others = self.0.across.members.others();
        let what = ask::What::Usage(AskUsage {});
        for (node, answered) in self.0.ask_all(others, &what, ANSWER_TIMEOUT).await {
            if let Ok(answer::What::Usage(usage)) = answered {
                all.push(usage_of(usage, node.name, node.incarnation));
            }
        }
        all
    }
}

/// Channels in the order of their names.
struct ChannelsOf {
    channels: Vec<ChannelUsed>,
    /// The name behind which others follow.
    next: Option<String>,
}

impl Shared {
    /// Sessions of this node that another one asks for.
    pub(super) fn listed(self: &Arc<Self>, asked: &ListSessions) -> SessionsListed {
        let whose = asked.whose.clone().and_then(decoded_whose);
        let Some(whose) = whose else {
            return SessionsListed::default();
        };
        // No more than fit.
        let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
        let limit = limit.min(LISTED / SESSION_BYTES);
        let sessions = Sessions(Arc::clone(self));
        let found = sessions.list_of(&whose, &asked.after, limit.saturating_add(1));
        let mut used = 0;
        let fits = found.iter().take(limit).take_while(|one| {
            let bytes = bytes_of(one).min(LISTED);
            let fits = used == 0 || used + bytes <= LISTED;
            used += bytes;
            fits
        });
        let fits = fits.count();
        SessionsListed {
            has_more: fits < found.len(),
            sessions: found[..fits].iter().map(shown).collect(),
        }
    }

    /// Channels of this node that another one asks for.
    pub(super) fn channels_listed(&self, asked: &ListChannels) -> ChannelsListed {
        let page = self.channels_of(&asked.pattern, &asked.after, CHANNELS);
        ChannelsListed {
            has_more: page.next.is_some(),
            behind: page.next.unwrap_or_default(),
            channels: page.channels,
        }
    }

    fn channels_of(&self, pattern: &str, after: &str, limit: usize) -> ChannelsOf {
        let pattern = (!pattern.is_empty()).then(|| Glob::new(pattern.to_owned()));
        let hubs = self.hubs.page(after, limit);
        let mut next = hubs.last().map(|(hub, _)| hub);
        next = next.filter(|_| hubs.len() >= limit);
        let (mut channels, mut used) = (Vec::new(), 0);
        for (hub, subscribers) in &hubs {
            let name = hub.name().as_str();
            if pattern
                .as_ref()
                .is_some_and(|pattern| !pattern.matches(name))
            {
                continue;
            }
            used += name.len() + SESSION_BYTES;
            channels.push(ChannelUsed {
                channel: name.to_owned(),
                subscribers: *subscribers as u64,
            });
            if used > LISTED {
                next = Some(hub);
                break;
            }
        }
        ChannelsOf {
            channels,
            next: next.map(|hub| hub.name().to_string()),
        }
    }

    /// How much the sessions of this node are used.
    pub(super) fn usage(&self) -> Usage {
        let used = self.hubs.used();
        let subscriptions: usize = used.iter().map(|(_, subscribers)| subscribers).sum();
        Usage {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sessions: self.registry.sessions() as u64,
            users: self.registry.users() as u64,
            subscriptions: subscriptions as u64,
            channels: used.len() as u64,
            uptime: self.wheel.now() / 1000,
        }
    }
}

impl AllChannels {
    fn add(&mut self, channels: Vec<ChannelUsed>) {
        for ChannelUsed {
            channel,
            subscribers,
        } in channels
        {
            if let Ok(name) = ChannelName::new(&channel) {
                let count = self.channels.entry(name).or_default();
                *count = count.saturating_add(subscribers);
            }
        }
    }
}

fn usage_of(usage: Usage, node: Arc<str>, incarnation: uuid::Uuid) -> NodeUsage {
    NodeUsage {
        node,
        incarnation: incarnation.simple().to_string(),
        version: usage.version,
        sessions: usage.sessions,
        users: usage.users,
        subscriptions: usage.subscriptions,
        channels: usage.channels,
        uptime: usage.uptime,
    }
}
