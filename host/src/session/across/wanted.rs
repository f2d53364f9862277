//! Which channels other nodes want.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::FixedState;

use super::protocol::{WantedChange, WantedWhole};
use crate::mesh::PeerNode;

/// Most channels that are kept of one node, which takes 16 MiB: one that wants more is taken to
/// want all.
const MAX_WANTED: usize = 1 << 20;

/// Channels for which there is room however few a node wants.
const MIN_ROOM: usize = 1 << 10;

/// What all other nodes want. A node of which that is not known, since it has just come or
/// messages of it were lost, is taken to want all.
#[derive(Debug, Default)]
pub(super) struct Wanted(BTreeMap<PeerNode, Theirs>);

/// What one node wants.
#[derive(Debug, Default)]
struct Theirs {
    /// Version of the set; `None` while it is not known.
    version: Option<u64>,
    set: Set,
    /// What has come of a set that is not whole.
    coming: Option<Set>,
}

#[derive(Debug, Default)]
struct Set {
    /// Whether there are too many.
    is_all: bool,
    hashes: HashSet<u64, FixedState>,
}

/// What is to be said to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// Nothing.
    Nothing,
    /// What it wants is known, as of this version.
    Known(u64),
    /// It is to say all anew.
    Anew,
}

impl Wanted {
    /// A node has come, which is about to say what it wants.
    pub(super) fn join(&mut self, peer: &PeerNode) {
        self.0.insert(peer.clone(), Theirs::default());
    }

    /// A node has gone.
    pub(super) fn part(&mut self, peer: &PeerNode) {
        self.0.remove(peer);
    }

    /// Something that it has said may be lost, and it is about to say all anew.
    pub(super) fn lose(&mut self, peer: &PeerNode) {
        if let Some(theirs) = self.0.get_mut(peer) {
            *theirs = Theirs::default();
        }
    }

    /// A node says all that it wants, or a part of that.
    pub(super) fn whole(&mut self, peer: &PeerNode, whole: &WantedWhole) -> Say {
        let Some(theirs) = self.0.get_mut(peer) else {
            return Say::Nothing;
        };
        if whole.first {
            theirs.coming = Some(Set::default());
        }
        let Some(coming) = &mut theirs.coming else {
            // Its beginning was lost; then it begins again.
            return Say::Nothing;
        };
        coming.is_all |= whole.all;
        coming.add(&whole.hashes);
        if !whole.last {
            return Say::Nothing;
        }
        theirs.set = theirs.coming.take().unwrap_or_default();
        theirs.set.hashes.shrink_to_fit();
        theirs.version = Some(whole.version);
        Say::Known(whole.version)
    }

    /// A node says what has changed.
    pub(super) fn change(&mut self, peer: &PeerNode, change: &WantedChange) -> Say {
        let Some(theirs) = self.0.get_mut(peer) else {
            return Say::Nothing;
        };
        match theirs.version {
            Some(version) if version == change.after => {
                for hash in &change.removed {
                    theirs.set.hashes.remove(hash);
                }
                theirs.set.add(&change.added);
                theirs.set.shrink();
                theirs.version = Some(change.version);
                Say::Known(change.version)
            }
            // Nothing was lost on the way, so that this is a mistake of one of both.
            Some(_) => {
                *theirs = Theirs::default();
                Say::Anew
            }
            // All that it wants is on its way, this included.
            None => Say::Nothing,
        }
    }

    /// The nodes that want a channel.
    pub(super) fn of(&self, hash: u64) -> impl Iterator<Item = &PeerNode> {
        let wants = move |theirs: &Theirs| theirs.version.is_none() || theirs.set.has(hash);
        let all = self.0.iter().filter(move |(_, theirs)| wants(theirs));
        all.map(|(peer, _)| peer)
    }

    /// Whether there is no other node.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many channels all others together want.
    pub(super) fn len(&self) -> usize {
        let sets = self.0.values();
        sets.map(|theirs| theirs.set.hashes.len()).sum()
    }

    /// Bytes that these channels take: of each 8, and one beside, in a table that is filled by
    /// seven eighths at most.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let sets = self.0.values();
        sets.map(|theirs| theirs.set.hashes.capacity() / 7 * 8 * 9)
            .sum()
    }
}

impl Set {
    fn add(&mut self, hashes: &[u64]) {
        if self.is_all {
            return;
        }
        if self.hashes.len() + hashes.len() > MAX_WANTED {
            self.is_all = true;
            self.hashes = HashSet::default();
            return;
        }
        self.hashes.extend(hashes);
    }

    /// Gives room back where most of it was for what is not wanted any more.
    fn shrink(&mut self) {
        let room = (self.hashes.len() * 2).max(MIN_ROOM);
        if self.hashes.capacity() > room * 4 {
            self.hashes.shrink_to(room);
        }
    }

    fn has(&self, hash: u64) -> bool {
        self.is_all || self.hashes.contains(&hash)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn peer() -> PeerNode {
        PeerNode {
            name: "b".into(),
            incarnation: Uuid::from_u128(1),
        }
    }

    fn wants(wanted: &Wanted, hash: u64) -> bool {
        wanted.of(hash).any(|it| *it == peer())
    }

    fn whole(version: u64, hashes: &[u64]) -> WantedWhole {
        WantedWhole {
            version,
            first: true,
            last: true,
            all: false,
            hashes: hashes.to_vec(),
        }
    }

    fn change(after: u64, added: &[u64], removed: &[u64]) -> WantedChange {
        WantedChange {
            after,
            version: after + 1,
            added: added.to_vec(),
            removed: removed.to_vec(),
        }
    }

    #[test]
    fn a_set_is_said_and_then_what_changes() {
        let mut wanted = Wanted::default();
        assert_eq!(wanted.whole(&peer(), &whole(3, &[1])), Say::Nothing);
        assert!(!wants(&wanted, 1), "it is not there");
        wanted.join(&peer());
        assert!(wants(&wanted, 7), "it is not known what it wants");
        assert_eq!(wanted.change(&peer(), &change(3, &[1], &[])), Say::Nothing);
        assert_eq!(wanted.whole(&peer(), &whole(4, &[1, 2])), Say::Known(4));
        assert!(wants(&wanted, 1) && wants(&wanted, 2) && !wants(&wanted, 7));
        assert_eq!(
            wanted.change(&peer(), &change(4, &[7], &[1])),
            Say::Known(5)
        );
        assert!(!wants(&wanted, 1) && wants(&wanted, 7));
        assert_eq!(wanted.len(), 2);
        wanted.part(&peer());
        assert!(!wants(&wanted, 7) && wanted.is_empty());
    }

    #[test]
    fn what_does_not_follow_on_is_asked_for_anew() {
        let mut wanted = Wanted::default();
        wanted.join(&peer());
        wanted.whole(&peer(), &whole(1, &[1]));
        assert_eq!(wanted.change(&peer(), &change(2, &[2], &[])), Say::Anew);
        // Once: until then it is sent everything.
        assert_eq!(wanted.change(&peer(), &change(3, &[3], &[])), Say::Nothing);
        assert!(wants(&wanted, 9));
        assert_eq!(wanted.whole(&peer(), &whole(4, &[1, 2, 3])), Say::Known(4));
        assert!(wants(&wanted, 2) && !wants(&wanted, 9));
        wanted.lose(&peer());
        assert!(wants(&wanted, 9));
    }

    #[test]
    fn a_set_comes_in_pieces_and_holds_with_the_last() {
        let mut wanted = Wanted::default();
        wanted.join(&peer());
        wanted.whole(&peer(), &whole(1, &[1]));
        let piece = |first, last, hash| WantedWhole {
            first,
            last,
            ..whole(2, &[hash])
        };
        assert_eq!(wanted.whole(&peer(), &piece(true, false, 2)), Say::Nothing);
        assert!(wants(&wanted, 1) && !wants(&wanted, 2));
        assert_eq!(wanted.whole(&peer(), &piece(false, true, 3)), Say::Known(2));
        assert!(!wants(&wanted, 1) && wants(&wanted, 2) && wants(&wanted, 3));
        // The first piece was lost.
        wanted.lose(&peer());
        assert_eq!(wanted.whole(&peer(), &piece(false, true, 3)), Say::Nothing);
        assert!(wants(&wanted, 1), "it is not known what it wants");
    }

    #[test]
    fn what_is_wanted_no_more_takes_no_memory() {
        let mut wanted = Wanted::default();
        wanted.join(&peer());
        let many: Vec<u64> = (0..50_000).collect();
        wanted.whole(&peer(), &whole(1, &many));
        let before = wanted.bytes();
        wanted.change(&peer(), &change(1, &[], &many[1..]));
        assert!(wants(&wanted, 0) && !wants(&wanted, 1));
        let after = wanted.bytes();
        assert!(after < before / 10, "{before} {after}");
    }

    #[test]
    fn who_wants_too_much_is_sent_everything() {
        let mut wanted = Wanted::default();
        wanted.join(&peer());
        let many: Vec<u64> = (0..MAX_WANTED as u64).collect();
        assert_eq!(wanted.whole(&peer(), &whole(1, &many)), Say::Known(1));
        assert!(!wants(&wanted, u64::MAX));
        let more = change(1, &[MAX_WANTED as u64], &[]);
        assert_eq!(wanted.change(&peer(), &more), Say::Known(2));
        assert!(wants(&wanted, u64::MAX));
        assert_eq!(wanted.len(), 0);
    }
}
