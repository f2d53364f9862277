//! The whole of an answer of another node, so that its place on the way is free before the
//! client has read it.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::gateway::context::Context;
use crate::gateway::serve::memory::{Memory, Part};
use crate::gateway::serve::slots::Full;
use crate::passing::PassedBody;

/// For the next piece of an answer to come.
const PIECE_TIME: Duration = Duration::from_secs(30);

/// For a whole answer to come.
const WHOLE_TIME: Duration = Duration::from_secs(120);

/// Largest answer to what changes something, in bytes: more than that to a batch of which each
/// byte is one of an id that has to be escaped.
const MAX_RECEIPT: usize = 16 << 20;

/// What of it does not count as memory, in bytes, so that who has changed something is told so
/// however little is left: more than that to a full batch with ids as people choose them.
pub(in crate::gateway::endpoints) const UNCOUNTED_RECEIPT: usize = 1 << 20;

/// Largest answer to a read: more than a full page takes as JSON, however much of it has to
/// be escaped.
const MAX_PAGE: usize = 128 << 20;

/// What is counted of an answer at once at least, in bytes.
const STEP: usize = 64 << 10;

/// Why an answer is not there as a whole.
#[derive(Debug)]
pub(super) enum NotWhole {
    /// It was cut off, took too long, or is larger than any.
    Cut,
    /// There is no memory for it.
    Full(Full),
}

/// An answer, which counts until it is sent.
struct Counted {
    bytes: Bytes,
    _parts: Vec<Part>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The whole of what tells what was done; what is beyond what most take counts as memory of
/// that address until it is sent.
///
/// # Errors
/// Never [`NotWhole::Full`]: without the whole of it, it is not known what was done.
pub(super) async fn receipt(
    context: &Context,
    address: IpAddr,
    body: PassedBody,
) -> Result<Bytes, NotWhole> {
    let mut room = Room::new(&context.bodies, address);
    let bytes = receipt_in(&mut room, body).await?;
    Ok(room.counted(bytes))
}

async fn receipt_in(room: &mut Room<'_>, body: PassedBody) -> Result<Bytes, NotWhole> {
    let grow = |bytes: usize| {
        if bytes <= UNCOUNTED_RECEIPT {
            return Ok(());
        }
        room.grow(bytes).map_err(|_| NotWhole::Cut)
    };
    gather(body, MAX_RECEIPT, grow).await
}

/// The whole of what was read, in memory of that address until it is sent.
pub(super) async fn page(
    context: &Context,
    address: IpAddr,
    body: PassedBody,
) -> Result<Bytes, NotWhole> {
    let mut room = Room::new(&context.bodies, address);
    let bytes = gather(body, MAX_PAGE, |bytes| room.grow(bytes)).await?;
    Ok(room.counted(bytes))
}

/// Memory for what comes.
struct Room<'m> {
    memory: &'m Memory,
    address: IpAddr,
    bytes: usize,
    parts: Vec<Part>,
}

impl<'m> Room<'m> {
    /// None yet, of that address.
    fn new(memory: &'m Memory, address: IpAddr) -> Self {
        Self {
            memory,
            address,
            bytes: 0,
            parts: Vec::new(),
        }
    }

    /// What has come, which takes it until it is sent.
    fn counted(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Counted {
            bytes,
            _parts: self.parts,
        })
    }

    /// Takes what so many bytes need. What is larger than there ever is room for counts as
    /// that.
    fn grow(&mut self, bytes: usize) -> Result<(), NotWhole> {
        let wanted = bytes.min(self.memory.largest());
        if wanted <= self.bytes {
            return Ok(());
        }
        // Doubled each time, so that there are few parts.
        let most = self.memory.largest() - self.bytes;
        let step = (wanted - self.bytes).max(self.bytes).max(STEP).min(most);
        let part = self.memory.take(step, Some(self.address));
        self.parts.push(part.map_err(NotWhole::Full)?);
        self.bytes += step;
        Ok(())
    }
}

async fn gather(
    mut body: PassedBody,
    most: usize,
    mut room: impl FnMut(usize) -> Result<(), NotWhole>,
) -> Result<Bytes, NotWhole> {
    let until = Instant::now() + WHOLE_TIME;
    let mut whole = BytesMut::new();
    loop {
        let next = timeout_at(until, timeout(PIECE_TIME, body.next())).await;
        let Ok(Ok(next)) = next else {
            return Err(NotWhole::Cut);
        };
        let Some(piece) = next else {
            return Ok(whole.freeze());
        };
        let piece = piece.map_err(|_| NotWhole::Cut)?;
        if whole.len() + piece.len() > most {
            return Err(NotWhole::Cut);
        }
        room(whole.len() + piece.len())?;
        whole.extend_from_slice(&piece);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;
    use crate::passing::Cut;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn room(memory: &Memory) -> Room<'_> {
        Room::new(memory, ADDRESS)
    }

    /// The whole of it, where there is memory.
    async fn receipt(body: PassedBody) -> Result<Bytes, NotWhole> {
        let memory = Memory::new(8 << 20, 100, 4 << 20);
        receipt_in(&mut room(&memory), body).await
    }

    #[test]
    fn an_answer_takes_as_much_memory_as_it_has_and_few_parts() {
        let memory = Memory::new(8 << 20, 100, 4 << 20);
        let mut taken = room(&memory);
        for bytes in (0..=3 << 20).step_by(8 << 10) {
            taken.grow(bytes).unwrap();
            assert!(taken.bytes >= bytes);
            assert!(taken.bytes <= (2 * bytes).clamp(STEP, 4 << 20));
        }
        assert!(taken.parts.len() < 10);
        taken.grow(100 << 20).unwrap();
        assert_eq!(taken.bytes, 4 << 20, "as much as there ever is room for");
        let mut other = room(&memory);
        other.grow(4 << 20).unwrap();
        let none = room(&memory).grow(1);
        assert!(matches!(none, Err(NotWhole::Full(_))));
        drop((taken, other));
        assert_eq!(memory.free_kib(), 8 << 10);
    }

    #[tokio::test]
    async fn who_has_changed_something_is_told_so_however_full_the_memory_is() {
        let memory = Memory::new(8 << 20, 100, 4 << 20);
        let (mut one, mut other) = (room(&memory), room(&memory));
        one.grow(4 << 20).unwrap();
        other.grow(4 << 20).unwrap();
        let told = async |pieces: usize| {
            let piece = Bytes::from_static(&[b'x'; UNCOUNTED_RECEIPT]);
            let body = stream::iter(vec![Ok::<_, Cut>(piece); pieces]);
            receipt_in(&mut room(&memory), Box::pin(body)).await
        };
        assert_eq!(told(1).await.unwrap().len(), UNCOUNTED_RECEIPT);
        assert!(matches!(told(2).await, Err(NotWhole::Cut)));
        drop((one, other));
        assert_eq!(told(2).await.unwrap().len(), 2 * UNCOUNTED_RECEIPT);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_stops_amid_it_is_cut() {
        let piece = || Ok::<_, Cut>(Bytes::from_static(b"x"));
        let all = stream::iter([piece(), piece()]);
        assert_eq!(receipt(Box::pin(all)).await.unwrap(), "xx");
        let broken = stream::iter([piece(), Err(Cut)]);
        assert!(receipt(Box::pin(broken)).await.is_err());
        let stuck = stream::iter([piece()]).chain(stream::pending());
        let before = Instant::now();
        assert!(receipt(Box::pin(stuck)).await.is_err());
        assert_eq!(before.elapsed(), PIECE_TIME);
        let slow = stream::repeat(()).then(move |()| async move {
            tokio::time::sleep(PIECE_TIME / 2).await;
            piece()
        });
        assert!(receipt(Box::pin(slow)).await.is_err());
        assert!(before.elapsed() <= PIECE_TIME + WHOLE_TIME);
        let large = stream::repeat(()).map(|()| Ok(Bytes::from_static(&[0; 1 << 20])));
        assert!(receipt(Box::pin(large)).await.is_err());
    }
}
