//! Counting messages in what a session gets, with as little work for each as can be.

use super::dialect::Dialect;
use super::text::numbers;
use crate::suites::sessions::PAYLOAD;

/// How messages are counted.
#[derive(Debug)]
pub(super) enum Tally {
    /// Each frame is a message that is as long as one.
    Frames,
    /// Each says its number, and must be the next.
    Numbers,
    /// Messages stand in a stream, wherever frames begin and end.
    Nats {
        /// The beginning of a line.
        line: Vec<u8>,
        /// Bytes of a message's data that are yet to come.
        data: usize,
    },
}

impl Tally {
    pub(super) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::HearkenKept => Self::Numbers,
            Dialect::Nats => Self::Nats {
                line: Vec::new(),
                data: 0,
            },
            Dialect::Hearken
            | Dialect::HearkenOwn
            | Dialect::Nchan
            | Dialect::SocketIo
            | Dialect::WriteLoop => Self::Frames,
        }
    }

    /// Whether an answer to what a session says may look like a message.
    pub(super) fn mistakes_answers(&self) -> bool {
        matches!(self, Self::Frames)
    }

    /// Messages of which all has come with this payload, to somebody who has `received` so many
    /// before.
    ///
    /// # Errors
    /// When one is missing or came twice.
    pub(super) fn count(&mut self, payload: &[u8], received: usize) -> Result<usize, String> {
        match self {
            Self::Frames => Ok(usize::from(payload.len() >= PAYLOAD)),
            Self::Numbers => {
                let mut next = received as u64;
                for number in numbers(payload) {
                    next += 1;
                    if number != next {
                        return Err(format!("publication {number} came where {next} was next"));
                    }
                }
                Ok(next as usize - received)
            }
            Self::Nats { line, data } => Ok(nats(line, data, payload)),
        }
    }
}

/// Messages that end in the next bytes of a stream of NATS.
fn nats(line: &mut Vec<u8>, data: &mut usize, mut bytes: &[u8]) -> usize {
    let mut messages = 0;
    loop {
        if *data > 0 {
            let now = bytes.len().min(*data);
            bytes = &bytes[now..];
            *data -= now;
            if *data > 0 {
                return messages;
            }
            messages += 1;
        }
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            line.extend_from_slice(bytes);
            return messages;
        };
        line.extend_from_slice(&bytes[..end]);
        bytes = &bytes[end + 1..];
        if line.starts_with(b"MSG ") {
            let words = line.trim_ascii_end().rsplit(|byte| *byte == b' ');
            let length = words.map(str::from_utf8).next();
            let length = length.and_then(|word| word.ok()?.parse::<usize>().ok());
            // With the end of its line.
            *data = length.unwrap_or(0) + 2;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_nats_are_counted_however_they_come() {
        let data = "x".repeat(PAYLOAD);
        let stream =
            format!("PING\r\nMSG a 1 {PAYLOAD}\r\n{data}\r\nMSG a 1 3\r\n\n\n\n\r\nPONG\r\n");
        for piece in [1, 2, 5, 150, stream.len()] {
            let mut tally = Tally::of(Dialect::Nats);
            let pieces = stream.as_bytes().chunks(piece);
            let counts = pieces.map(|piece| tally.count(piece, 0).unwrap());
            assert_eq!(counts.sum::<usize>(), 2, "{piece}");
        }
    }

    #[test]
    fn a_number_that_is_missing_or_comes_twice_is_wrong() {
        let mut tally = Tally::of(Dialect::HearkenKept);
        assert_eq!(tally.count(br#"{"n":1} {"n":2}"#, 0), Ok(2));
        assert_eq!(tally.count(b"{}", 2), Ok(0));
        assert!(tally.count(br#"{"n":2}"#, 2).is_err());
        assert!(tally.count(br#"{"n":4}"#, 2).is_err());
    }

    #[test]
    fn what_is_no_message_is_shorter_than_one() {
        let mut tally = Tally::of(Dialect::Hearken);
        assert_eq!(tally.count(b"{}", 0), Ok(0));
        assert_eq!(tally.count(&[b'x'; PAYLOAD], 0), Ok(1));
    }
}
