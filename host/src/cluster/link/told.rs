//! What the other side is told of this node's channels: all when the link is made, then what
//! changes.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use crate::cluster::wire::handshake::CHANNELS_SINCE;
use crate::cluster::wire::protocol::{ChannelHeld, Channels};
use crate::passing::{Held, Hosting};

/// Bytes of names after which a frame is full: what else there is to say goes between.
const FRAME_BYTES: usize = 32 << 10;

/// What a channel takes of a frame beside its name and epoch, about.
const ROW_BYTES: usize = 8;

/// What one side of a link tells of its node's channels.
pub(super) struct Told {
    held: watch::Receiver<Option<Arc<Held>>>,
    /// Whether the other side understands it.
    is_told: bool,
    /// What it has been told, or is being.
    told: Option<Arc<Held>>,
    /// What is still to be said.
    waiting: VecDeque<Channels>,
}

impl Told {
    /// Nothing was said yet over the connection, on which `minor` is spoken.
    pub(super) fn new(hosting: &Hosting, minor: u32) -> Self {
        let mut told = Self {
            held: hosting.held(),
            is_told: minor >= CHANNELS_SINCE,
            told: None,
            waiting: VecDeque::new(),
        };
        told.look();
        told
    }

    /// Waits until there is something to say that was not to be said before.
    pub(super) async fn changed(&mut self) {
        let ended = !self.is_told || self.held.changed().await.is_err();
        if ended {
            std::future::pending::<()>().await;
        }
    }

    /// Looks what there is to say. Before the node has opened its channels it is nothing:
    /// what it said before it started again holds until then.
    pub(super) fn look(&mut self) {
        // What has changed is seen once all is said.
        if !self.is_told || !self.waiting.is_empty() {
            return;
        }
        let Some(now) = self.held.borrow_and_update().clone() else {
            return;
        };
        self.waiting = match self.told.take() {
            None => frames(true, now.iter(), Vec::new()),
            Some(before) => {
                let gone = before.keys().filter(|name| !now.contains_key(*name));
                let gone: Vec<String> = gone.map(|name| name.to_string()).collect();
                let new = now.iter();
                let new = new.filter(|(name, epoch)| before.get(*name) != Some(*epoch));
                frames(false, new, gone)
            }
        };
        self.told = Some(now);
    }

    /// The next frame.
    pub(super) fn next(&mut self) -> Option<Channels> {
        let next = self.waiting.pop_front();
        if next.is_some() && self.waiting.is_empty() {
            self.look();
        }
        next
    }
}

/// What is said, in frames that are not too long. All is said also if it is nothing.
fn frames<'h>(
    whole: bool,
    held: impl Iterator<Item = (&'h Arc<str>, &'h Arc<str>)>,
    gone: Vec<String>,
) -> VecDeque<Channels> {
    let mut frames = VecDeque::new();
    let mut frame = Channels {
        whole,
        ..Channels::default()
    };
    let mut bytes = 0;
    let mut add = |row: usize, put: &mut dyn FnMut(&mut Channels)| {
        if bytes > 0 && bytes + row > FRAME_BYTES {
            let mut full = std::mem::take(&mut frame);
            full.more = true;
            frames.push_back(full);
            bytes = 0;
        }
        bytes += row;
        put(&mut frame);
    };
    for name in gone {
        add(name.len() + ROW_BYTES, &mut |frame| {
            frame.gone.push(name.clone());
        });
    }
    for (name, epoch) in held {
        add(name.len() + epoch.len() + ROW_BYTES, &mut |frame| {
            frame.held.push(ChannelHeld {
                name: name.to_string(),
                epoch: epoch.to_string(),
            });
        });
    }
    if whole || bytes > 0 {
        frames.push_back(frame);
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(names: impl IntoIterator<Item = String>) -> Held {
        let names = names.into_iter();
        names.map(|name| (name.into(), "e".into())).collect()
    }

    fn all(told: &mut Told) -> Vec<Channels> {
        std::iter::from_fn(|| told.next()).collect()
    }

    fn names(frames: &[Channels]) -> Vec<&str> {
        let rows = frames.iter().flat_map(|frame| &frame.held);
        rows.map(|row| row.name.as_str()).collect()
    }

    #[test]
    fn all_is_said_once_the_channels_are_open_and_then_what_changes() {
        let hosting = Hosting::default();
        let mut told = Told::new(&hosting, CHANNELS_SINCE);
        assert!(all(&mut told).is_empty(), "they are not open");
        hosting.hold(Held::new());
        told.look();
        let said = all(&mut told);
        assert_eq!(said.len(), 1, "that there is none is said too");
        assert!(said[0].whole && !said[0].more);

        hosting.hold(held(["a".to_owned(), "b".to_owned()]));
        told.look();
        // Not said yet when the next change comes.
        hosting.hold(held(["b".to_owned(), "c".to_owned()]));
        told.look();
        let said = all(&mut told);
        assert_eq!(said.len(), 2);
        assert_eq!(names(&said[..1]), ["a", "b"]);
        assert!(!said[1].whole);
        assert_eq!(names(&said[1..]), ["c"]);
        assert_eq!(said[1].gone, ["a"]);
        told.look();
        assert!(all(&mut told).is_empty(), "nothing has changed");
    }

    #[test]
    fn much_is_said_in_several_frames() {
        let hosting = Hosting::default();
        let name = |number: usize| format!("{number:0>200}");
        hosting.hold(held((0..1000).map(name)));
        let mut told = Told::new(&hosting, CHANNELS_SINCE);
        let said = all(&mut told);
        assert!(said.len() > 1);
        assert_eq!(names(&said).len(), 1000);
        let (last, others) = said.split_last().expect("there are some");
        assert!(others.iter().all(|frame| frame.more) && !last.more);
        let whole: Vec<bool> = said.iter().map(|frame| frame.whole).collect();
        assert!(whole[0] && whole[1..].iter().all(|whole| !whole));
    }

    #[test]
    fn who_does_not_understand_it_is_not_told() {
        let hosting = Hosting::default();
        hosting.hold(held(["a".to_owned()]));
        let mut told = Told::new(&hosting, CHANNELS_SINCE - 1);
        assert!(all(&mut told).is_empty());
    }
}
