//! Who is where, as the clients know it themselves, and whom the nodes see.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ledger::LifeId;

/// For what changes to be seen everywhere, where nothing is broken.
const SEEN: Duration = Duration::from_secs(2);

/// For those to be seen no more whose node has died: it is found unreachable, and then for 5
/// seconds more it may come back.
const DEAD: Duration = Duration::from_secs(12);

/// A session, from its connect on.
#[derive(Clone, Debug)]
struct Stay {
    /// The channel with presence that it is in.
    channel: String,
    /// Since when it is connected and subscribed.
    since: Duration,
    /// When it ended.
    until: Option<Duration>,
    /// Whether it ended with its node.
    is_cut_off: bool,
}

/// Whom a node sees.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// When it began to look.
    pub from: Duration,
    /// When it had.
    pub at: Duration,
    /// The clients, by their ids.
    pub clients: Vec<String>,
}

/// Who is where, and whom the nodes see.
#[derive(Debug, Default)]
pub struct Presences {
    stays: BTreeMap<String, Stay>,
    /// By node and channel.
    pub seen: BTreeMap<(LifeId, String), Seen>,
    /// By node, in the order of its list of all sessions.
    pub listed: BTreeMap<LifeId, Seen>,
}

impl Presences {
    /// A client is connected, and subscribed to the channel.
    pub fn came(&mut self, at: Duration, client: &str, channel: &str) {
        let stay = Stay {
            channel: channel.to_owned(),
            since: at,
            until: None,
            is_cut_off: false,
        };
        self.stays.insert(client.to_owned(), stay);
    }

    /// It is gone.
    pub fn went(&mut self, at: Duration, client: &str, is_cut_off: bool) {
        if let Some(stay) = self.stays.get_mut(client)
            && stay.until.is_none()
        {
            stay.until = Some(at);
            stay.is_cut_off = is_cut_off;
        }
    }

    /// What is wrong with what was seen since then, if anything is: `channel` is that of the
    /// presence, and there is none where all sessions are listed.
    #[must_use]
    pub fn wrong(&self, seen: &Seen, channel: Option<&str>) -> Option<String> {
        let mut sorted = seen.clients.clone();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|two| two[0] == two[1]) {
            return Some(format!("{} twice", twice[0]));
        }
        for client in &sorted {
            let Some(stay) = self.stays.get(client) else {
                // Connected, and not yet told so.
                continue;
            };
            if channel.is_some_and(|channel| channel != stay.channel) {
                return Some(format!("{client}, which is in {}", stay.channel));
            }
            let within = match stay.is_cut_off {
                true => DEAD,
                false => SEEN,
            };
            if let Some(until) = stay.until
                && seen.from > until + within
            {
                return Some(format!("{client}, which went at {until:?}"));
            }
        }
        let missing = self.stays.iter().find(|(client, stay)| {
            channel.is_none_or(|channel| channel == stay.channel)
                && stay.since + SEEN <= seen.from
                && stay.until.is_none_or(|until| until > seen.at)
                && sorted.binary_search(client).is_err()
        });
        missing.map(|(client, stay)| format!("no {client}, which is there since {:?}", stay.since))
    }
}
