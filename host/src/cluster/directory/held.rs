//! Which channels another node has.

use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cluster::wire::protocol::Channels;
use crate::passing::{Held, MAX_HELD};

/// Longest name of a channel, in bytes.
const MAX_NAME: usize = 255;

/// Longest epoch, in bytes.
const MAX_EPOCH: usize = 64;

/// Which channels a node says that it has. It holds until the node has said all anew: while
/// the node is away, it is known what it had.
#[derive(Debug, Default)]
pub(in crate::cluster) struct HeldBy(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    held: Held,
    /// What is being said anew, until it was said whole.
    anew: Option<Held>,
    /// Whether this start of the node has said all.
    whole: bool,
}

/// Names of which something new was said.
pub(super) type News = Vec<Arc<str>>;

impl HeldBy {
    /// What another start of the same node has said.
    pub(in crate::cluster) fn of_former(former: &Self) -> Self {
        Self::known(former.all())
    }

    /// What is known from before this node was started.
    pub(in crate::cluster) fn known(held: Held) -> Self {
        let held = held.into_iter();
        let held = held.filter(|(name, epoch)| is_name(name) && is_epoch(epoch));
        Self(Mutex::new(Said {
            held: held.take(MAX_HELD).collect(),
            ..Said::default()
        }))
    }

    /// Whether this start of the node has said all that it has.
    pub(super) fn is_whole(&self) -> bool {
        self.lock().whole
    }

    /// The node says which channels it has. What no channel is called is passed over, and
    /// what is beyond the most that it may tell of. Returns the names of which that was news.
    pub(super) fn hear(&self, said: Channels) -> News {
        let Channels {
            whole,
            held,
            gone,
            more,
        } = said;
        let mut state = self.lock();
        if whole {
            state.anew = Some(Held::new());
        }
        let Said {
            held: now, anew, ..
        } = &mut *state;
        // What is said anew is compared once it was said whole.
        let is_anew = anew.is_some();
        let target = anew.as_mut().unwrap_or(now);
        let mut news = News::new();
        for name in &gone {
            if let Some((name, _)) = target.remove_entry(&**name) {
                news.push(name);
            }
        }
        for channel in held {
            let known = target.get(&*channel.name);
            let fits = known.is_some() || target.len() < MAX_HELD;
            let is_new = known.is_none_or(|epoch| **epoch != *channel.epoch);
            if is_new && fits && is_name(&channel.name) && is_epoch(&channel.epoch) {
                let name: Arc<str> = channel.name.into();
                target.insert(Arc::clone(&name), channel.epoch.into());
                news.push(name);
            }
        }
        if is_anew {
            news.clear();
        }
        if !more && let Some(anew) = state.anew.take() {
            news = differing(&state.held, &anew);
            state.held = anew;
            state.whole = true;
        }
        news
    }

    /// Which log of a name it has; `None` if it has no channel of that name.
    pub(super) fn epoch(&self, name: &str) -> Option<Arc<str>> {
        self.lock().held.get(name).cloned()
    }

    /// So many names before and behind this one.
    pub(super) fn beside(&self, name: &str, most: usize) -> Vec<Arc<str>> {
        let said = self.lock();
        let behind = said.held.range::<str, _>((Excluded(name), Unbounded));
        let before = said.held.range::<str, _>((Unbounded, Excluded(name))).rev();
        let names = behind.take(most).chain(before.take(most));
        names.map(|(name, _)| Arc::clone(name)).collect()
    }

    /// How many it has.
    pub(super) fn count(&self) -> usize {
        self.lock().held.len()
    }

    /// All that it has: names and epochs.
    pub(super) fn all(&self) -> Held {
        self.lock().held.clone()
    }

    /// The first so many whose names come behind this one.
    pub(super) fn behind(&self, name: Option<&str>, most: usize) -> Vec<(Arc<str>, Arc<str>)> {
        let said = self.lock();
        let behind = said
            .held
            .range::<str, _>((name.map_or(Unbounded, Excluded), Unbounded));
        let behind = behind.take(most);
        behind
            .map(|(name, epoch)| (Arc::clone(name), Arc::clone(epoch)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        // What a panic leaves half said is said anew.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names that only one of the two has, or with another epoch.
fn differing(one: &Held, other: &Held) -> News {
    let missing = |(name, epoch): (&Arc<str>, &Arc<str>), there: &Held| {
        (there.get(name) != Some(epoch)).then(|| Arc::clone(name))
    };
    let gone = one.iter().filter_map(|row| missing(row, other));
    // Those with another epoch are among these already.
    let new = other.keys().filter(|name| !one.contains_key(*name));
    gone.chain(new.map(Arc::clone)).collect()
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:".contains(&byte);
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(allowed)
}

fn is_epoch(epoch: &str) -> bool {
    let length = 1..=MAX_EPOCH;
    length.contains(&epoch.len()) && epoch.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::wire::protocol::ChannelHeld;

    fn said(whole: bool, held: &[&str], gone: &[&str], more: bool) -> Channels {
        let held = held.iter().map(|name| ChannelHeld {
            name: (*name).to_owned(),
            epoch: "e1".to_owned(),
        });
        Channels {
            whole,
            held: held.collect(),
            gone: gone.iter().map(|name| (*name).to_owned()).collect(),
            more,
        }
    }

    fn heard(held: &HeldBy, said: Channels) -> Vec<String> {
        let news = held.hear(said).into_iter();
        news.map(|name| name.to_string()).collect()
    }

    fn names(held: &HeldBy) -> Vec<String> {
        let said = held.lock();
        said.held.keys().map(|name| name.to_string()).collect()
    }

    #[test]
    fn what_is_said_anew_holds_once_it_was_said_whole() {
        let held = HeldBy::default();
        assert_eq!(
            heard(&held, said(true, &["a", "b"], &[], false)),
            ["a", "b"]
        );
        assert!(held.is_whole());
        assert_eq!(names(&held), ["a", "b"]);
        assert_eq!(heard(&held, said(true, &["c", "b"], &[], true)), [""; 0]);
        assert_eq!(names(&held), ["a", "b"], "not whole yet");
        let news = heard(&held, said(false, &["d"], &[], false));
        assert_eq!(news, ["a", "c", "d"]);
        assert_eq!(names(&held), ["b", "c", "d"]);
        let news = heard(&held, said(false, &["e", "d"], &["b", "x"], false));
        assert_eq!(news, ["b", "e"]);
        assert_eq!(names(&held), ["c", "d", "e"]);
        let again = said(true, &["c", "d", "e"], &[], false);
        assert_eq!(heard(&held, again), [""; 0], "no news");
        let news = heard(&held, said(true, &[], &[], false));
        assert_eq!(news, ["c", "d", "e"]);
        assert_eq!(names(&held), [""; 0]);
    }

    #[test]
    fn what_a_lost_connection_left_half_said_is_forgotten() {
        let held = HeldBy::default();
        held.hear(said(true, &["a"], &[], true));
        held.hear(said(true, &["b"], &[], false));
        assert_eq!(names(&held), ["b"]);
        let latter = HeldBy::of_former(&held);
        assert_eq!(names(&latter), ["b"]);
        assert!(held.is_whole() && !latter.is_whole());
    }

    #[test]
    fn a_node_tells_of_so_many_and_no_more() {
        let held = HeldBy::default();
        let all: Vec<String> = (0..=MAX_HELD).map(|number| format!("c{number}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        held.hear(said(true, &all, &[], false));
        assert_eq!(names(&held).len(), MAX_HELD);
        let long = "x".repeat(MAX_NAME + 1);
        held.hear(said(true, &["a@b", "", "a b", &long, "ok"], &[], false));
        assert_eq!(names(&held), ["ok"]);
    }
}
