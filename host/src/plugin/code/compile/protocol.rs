//! What a node and the processes that compile for it say to each other, over their
//! standard input and output.
//!
//! A worker says [`GREETING`] once. Then it is sent one task at a time and answers
//! each. Both are frames: a byte that says what it is, the length of the rest in eight
//! bytes, little-endian, and the rest.

/// What a worker says first: that it is one, and of which version of this protocol.
pub(super) const GREETING: [u8; 16] = *b"hearken-compile\x01";

/// Bytes of a frame before its content.
pub(super) const HEAD_BYTES: usize = 9;

/// Longest component that is sent; what `hearken plugin check` looks into is the most.
pub(super) const MAX_TASK_BYTES: u64 = 256 << 20;

/// Longest answer about any component: the code of the largest has about 100 MiB.
const MAX_ANSWER_BYTES: u64 = 1 << 30;

/// Longest answer about a component without a byte.
const SMALL_ANSWER_BYTES: u64 = 64 << 20;

/// Bytes of an answer for each of the component's: code has three to six.
const ANSWER_FOR_COMPONENT: u64 = 8;

/// With what a worker exits when a component takes more CPU time than it may.
pub(super) const EXIT_TIMED_OUT: i32 = 70;

/// With what a worker exits when the system refuses it memory; where the allocator is
/// refused it, the process aborts instead.
pub(super) const EXIT_OUT_OF_MEMORY: i32 = 71;

/// Longest answer about a component of so many bytes: the node holds it in memory and
/// keeps it on disk. Data that lie far apart in their memories become code that has all
/// that is between, sixteen megabytes for some ten bytes.
pub(super) fn max_answer_bytes(component: usize) -> u64 {
    let more = (component as u64).saturating_mul(ANSWER_FOR_COMPONENT);
    SMALL_ANSWER_BYTES
        .saturating_add(more)
        .min(MAX_ANSWER_BYTES)
}

/// What is to be done with a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Compile it; the answer is its code.
    Compile,
    /// Look at its outside; the answer is what was found, as whoever asks reads it.
    Examine,
}

/// How a task went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is done; the rest is the result.
    Done,
    /// The component is not valid; the rest says why.
    Invalid,
    /// The compiler failed; the rest says at what.
    Failed,
}

/// A frame that cannot be: whoever sent it is no worker, or no node.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("what it sent makes no sense")]
pub(super) struct Nonsense;

impl TryFrom<u8> for Task {
    type Error = Nonsense;

    fn try_from(byte: u8) -> Result<Self, Nonsense> {
        match byte {
            0 => Ok(Self::Compile),
            1 => Ok(Self::Examine),
            _ => Err(Nonsense),
        }
    }
}

impl TryFrom<u8> for Outcome {
    type Error = Nonsense;

    fn try_from(byte: u8) -> Result<Self, Nonsense> {
        match byte {
            0 => Ok(Self::Done),
            1 => Ok(Self::Invalid),
            2 => Ok(Self::Failed),
            _ => Err(Nonsense),
        }
    }
}

/// The head of a frame with `length` bytes of content.
pub(super) fn encode_head(kind: u8, length: usize) -> [u8; HEAD_BYTES] {
    let mut head = [kind; HEAD_BYTES];
    head[1..].copy_from_slice(&(length as u64).to_le_bytes());
    head
}

/// What a frame is and how long its content, which is at most `limit`.
///
/// # Errors
/// [`Nonsense`] when there is no such kind, or it is longer.
pub(super) fn decode_head<K: TryFrom<u8, Error = Nonsense>>(
    head: [u8; HEAD_BYTES],
    limit: u64,
) -> Result<(K, u64), Nonsense> {
    let [kind, length @ ..] = head;
    let length = u64::from_le_bytes(length);
    if length > limit {
        return Err(Nonsense);
    }
    Ok((K::try_from(kind)?, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        for task in [Task::Compile, Task::Examine] {
            let head = encode_head(task as u8, 77);
            assert_eq!(decode_head(head, 77), Ok((task, 77)));
            assert_eq!(decode_head::<Task>(head, 76), Err(Nonsense));
        }
        for outcome in [Outcome::Done, Outcome::Invalid, Outcome::Failed] {
            let head = encode_head(outcome as u8, 0);
            assert_eq!(decode_head(head, 0), Ok((outcome, 0)));
        }
    }

    #[test]
    fn an_unknown_kind_is_nonsense() {
        assert_eq!(decode_head::<Task>(encode_head(2, 0), 0), Err(Nonsense));
        assert_eq!(decode_head::<Outcome>(encode_head(3, 0), 0), Err(Nonsense));
        assert_eq!(decode_head::<Outcome>([0xff; 9], u64::MAX), Err(Nonsense));
    }
}
