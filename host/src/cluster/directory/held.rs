//! Which channels another node has.

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
}

impl HeldBy {
    /// What another start of the same node has said.
    pub(in crate::cluster) fn of_former(former: &Self) -> Self {
        let held = former.lock().held.clone();
        Self(Mutex::new(Said { held, anew: None }))
    }

    /// The node says which channels it has. What no channel is called is passed over, and
    /// what is beyond the most that it may tell of. Returns whether that was news.
    pub(super) fn hear(&self, said: Channels) -> bool {
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
        let Said { held: now, anew } = &mut *state;
        let target = anew.as_mut().unwrap_or(now);
        let mut news = !held.is_empty() || !gone.is_empty();
        for name in &gone {
            target.remove(&**name);
        }
        for channel in held {
            let known = target.contains_key(&*channel.name);
            let fits = known || target.len() < MAX_HELD;
            if fits && is_name(&channel.name) && is_epoch(&channel.epoch) {
                target.insert(channel.name.into(), channel.epoch.into());
            }
        }
        if !more && let Some(anew) = state.anew.take() {
            news = anew != state.held;
            state.held = anew;
        }
        news
    }

    /// Which log of a name it has; `None` if it has no channel of that name.
    pub(super) fn epoch(&self, name: &str) -> Option<Arc<str>> {
        self.lock().held.get(name).cloned()
    }

    /// So many names before and behind this one.
    pub(super) fn beside(&self, name: &str, most: usize) -> Vec<Arc<str>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let said = self.lock();
        let behind = said.held.range::<str, _>((Excluded(name), Unbounded));
        let before = said.held.range::<str, _>((Unbounded, Excluded(name))).rev();
        let names = behind.take(most).chain(before.take(most));
        names.map(|(name, _)| Arc::clone(name)).collect()
    }

    /// All that it has: names and epochs.
    pub(super) fn all(&self) -> Held {
        self.lock().held.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        // What a panic leaves half said is said anew.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    fn names(held: &HeldBy) -> Vec<String> {
        let said = held.lock();
        said.held.keys().map(|name| name.to_string()).collect()
    }

    #[test]
    fn what_is_said_anew_holds_once_it_was_said_whole() {
        let held = HeldBy::default();
        assert!(held.hear(said(true, &["a", "b"], &[], false)));
        assert_eq!(names(&held), ["a", "b"]);
        held.hear(said(true, &["c"], &[], true));
        assert_eq!(names(&held), ["a", "b"], "not whole yet");
        held.hear(said(false, &["d"], &[], false));
        assert_eq!(names(&held), ["c", "d"]);
        assert!(held.hear(said(false, &["e"], &["c"], false)));
        assert_eq!(names(&held), ["d", "e"]);
        assert!(!held.hear(said(true, &["d", "e"], &[], false)), "no news");
        assert!(held.hear(said(true, &[], &[], false)));
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
