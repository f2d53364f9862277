//! What a plugin appends in the course of handling one event: remembered until the consumer
//! is done with that, so that an attempt which comes later than channels remember ids does
//! not store it again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearken_channel_log::Epoch;
use hearken_wire::EventRef;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Outputs that are remembered for a plugin, of all events that it has not finished with:
/// what it may append in six seconds. Each takes about 100 bytes, so that this bounds what a
/// plugin costs that appends without end.
pub const MAX_OUTPUTS: usize = 65_536;

/// As many outputs cost as much as having any of an event.
const OF_AN_EVENT: usize = 4;

/// Bytes of a hash: enough that no two of those that are remembered are the same by chance.
const HASH_BYTES: usize = 16;

type Hash = [u8; HASH_BYTES];

/// Room for the outputs of all events that one plugin handles; cloning shares it.
#[derive(Clone, Debug)]
pub struct OutputsRoom(Arc<Semaphore>);

/// Room that was taken for outputs which are about to be stored; given back when dropped.
#[derive(Debug)]
pub struct Reserved(OwnedSemaphorePermit);

/// What an event says, wherever and whenever it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content(Hash);

/// An event that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its number in its channel.
    pub sequence: u64,
    /// When it was recorded, in milliseconds since the Unix epoch.
    pub time: u64,
    /// What it says.
    pub content: Content,
}

/// What was appended in the course of all attempts at one event.
#[derive(Debug)]
pub struct Outputs {
    /// The turn of an append, which an instance may have begun that is gone.
    turn: Semaphore,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By the log that they are in and their ids.
    outputs: HashMap<Hash, Output>,
    /// What they take.
    room: Option<OwnedSemaphorePermit>,
}

impl Default for OutputsRoom {
    fn default() -> Self {
        Self::new(MAX_OUTPUTS)
    }
}

impl OutputsRoom {
    /// Room for so many.
    fn new(outputs: usize) -> Self {
        Self(Arc::new(Semaphore::new(outputs)))
    }
}

impl Content {
    /// What an encoded event says.
    #[must_use]
    pub fn of(event: EventRef<'_>) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            // With its length, so that nothing moves from one part into the next.
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(event.event_type().as_bytes());
        part(event.datacontenttype().as_bytes());
        for text in [event.subject(), event.producer_time()] {
            part(&[u8::from(text.is_some())]);
            part(text.unwrap_or_default().as_bytes());
        }
        let data = event.data();
        part(&[u8::from(event.distributed()), u8::from(data.is_some())]);
        part(data.unwrap_or_default());
        for (name, kind, value) in event.encoded_extensions() {
            part(name.as_bytes());
            part(&[kind as u8]);
            part(value.as_bytes());
        }
        Self(cut(&hasher))
    }
}

impl Default for Outputs {
    fn default() -> Self {
        Self {
            turn: Semaphore::new(1),
            kept: Mutex::default(),
        }
    }
}

impl Outputs {
    /// Waits for those who append before, whose outputs are remembered then if they are
    /// stored.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turn.acquire().await.ok()
    }

    /// The event that a log has under this id.
    #[must_use]
    pub fn find(&self, log: Epoch, id: &str) -> Option<Output> {
        self.kept().outputs.get(&key(log, id)).copied()
    }

    /// Takes room for so many more; nothing when what the plugin's events remember leaves
    /// none.
    #[must_use]
    pub fn reserve(&self, room: &OutputsRoom, outputs: usize) -> Option<Reserved> {
        let first = match self.kept().room {
            None => OF_AN_EVENT,
            Some(_) => 0,
        };
        let permits = u32::try_from(outputs + first).ok()?;
        let room = Arc::clone(&room.0).try_acquire_many_owned(permits);
        room.ok().map(Reserved)
    }

    /// Remembers events that are stored in a log, by their ids.
    pub fn remember<'a>(
        &self,
        log: Epoch,
        stored: impl IntoIterator<Item = (&'a str, Output)>,
        reserved: Reserved,
    ) {
        let mut kept = self.kept();
        let stored = stored
            .into_iter()
            .map(|(id, output)| (key(log, id), output));
        kept.outputs.extend(stored);
        match &mut kept.room {
            Some(room) => room.merge(reserved.0),
            None => kept.room = Some(reserved.0),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Each change leaves it whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(log: Epoch, id: &str) -> Hash {
    let mut hasher = blake3::Hasher::new();
    // All of one length, so that nothing moves from one part into the next.
    hasher.update(log.to_string().as_bytes());
    hasher.update(id.as_bytes());
    cut(&hasher)
}

fn cut(hasher: &blake3::Hasher) -> Hash {
    let mut hash = [0; HASH_BYTES];
    hasher.finalize_xof().fill(&mut hash);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, Event, EventType, ExtensionValue, Stamp};

    fn log(number: u64) -> Epoch {
        Epoch::new(number)
    }

    fn draft() -> Draft<'static> {
        Draft {
            id: Some("1".into()),
            data: Some(b"{}".into()),
            ..Draft::new(EventType::custom("a").expect("valid"))
        }
    }

    fn event(draft: &Draft<'_>, time: u64, sequence: Option<u64>) -> Event {
        draft.stamp(&Stamp {
            id: ["", ""],
            source: "/s",
            time,
            origin: "a",
            sequence,
        })
    }

    fn output(sequence: u64) -> Output {
        Output {
            sequence,
            time: 7,
            content: Content::of(event(&draft(), 1, None).packed()),
        }
    }

    #[test]
    fn an_output_is_known_in_its_log_by_its_id() {
        let (outputs, room) = (Outputs::default(), OutputsRoom::default());
        let reserved = outputs.reserve(&room, 2).expect("room");
        outputs.remember(log(1), [("x/1", output(1)), ("x/2", output(2))], reserved);
        assert_eq!(outputs.find(log(1), "x/2"), Some(output(2)));
        assert_eq!(outputs.find(log(2), "x/2"), None);
        assert_eq!(outputs.find(log(1), "x/3"), None);
    }

    #[test]
    fn beyond_the_room_nothing_is_taken_until_an_event_is_done_with() {
        let room = OutputsRoom::new(OF_AN_EVENT + 2);
        let (one, other) = (Outputs::default(), Outputs::default());
        drop(one.reserve(&room, 2).expect("room, and it is given back"));
        let reserved = one.reserve(&room, 1).expect("room");
        one.remember(log(1), [("x/1", output(1))], reserved);
        assert!(other.reserve(&room, 1).is_none());
        let reserved = one.reserve(&room, 1).expect("there is room for one more");
        one.remember(log(1), [("x/2", output(2))], reserved);
        assert!(one.reserve(&room, 1).is_none());
        assert_eq!(one.find(log(1), "x/1"), Some(output(1)), "none gives way");
        drop(one);
        assert!(other.reserve(&room, 2).is_some());
    }

    #[test]
    fn what_an_event_says_is_told_apart_and_where_it_lies_is_not() {
        let content = |draft: &Draft<'_>| Content::of(event(draft, 1, None).packed());
        let first = content(&draft());
        let stored = event(&draft(), 9, Some(41));
        assert_eq!(first, Content::of(stored.packed()));
        let others = [
            Draft {
                data: Some(b"{} ".into()),
                ..draft()
            },
            Draft {
                data: None,
                ..draft()
            },
            Draft {
                subject: Some("".into()),
                ..draft()
            },
            Draft {
                distributed: true,
                ..draft()
            },
            Draft {
                extensions: vec![("x".into(), ExtensionValue::Integer(1))],
                ..draft()
            },
            Draft::new(EventType::custom("b").expect("valid")),
        ];
        for other in &others {
            assert_ne!(first, content(other), "{other:?}");
        }
    }

    #[tokio::test]
    async fn appends_of_one_event_have_their_turns() {
        use futures_util::FutureExt;

        let outputs = Outputs::default();
        let turn = outputs.turn().await;
        assert!(outputs.turn().now_or_never().is_none());
        drop(turn);
        assert!(outputs.turn().now_or_never().is_some());
    }
}
