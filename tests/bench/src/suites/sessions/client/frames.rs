//! What a server sends over WebSocket, taken apart into frames.

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    opcode: u8,
    pub(super) payload: &'a [u8],
    /// Bytes of all of it.
    pub(super) bytes: usize,
}

const CLOSE: u8 = 8;
const PING: u8 = 9;

impl Frame<'_> {
    pub(super) fn is_close(&self) -> bool {
        self.opcode == CLOSE
    }

    pub(super) fn is_ping(&self) -> bool {
        self.opcode == PING
    }
}

/// The frames of a connection. Nothing is copied of those that come in one piece.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The beginning of a frame, or all of one that was handed out.
    begun: Vec<u8>,
    is_whole: bool,
}

impl Frames {
    /// The next frame, if all of it has come. What is used of `input` is taken from it.
    pub(super) fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Frame<'a>> {
        if self.is_whole {
            self.begun.clear();
            self.is_whole = false;
        }
        if self.begun.is_empty() {
            let Some(frame) = whole(input) else {
                self.begun.extend_from_slice(input);
                *input = &[];
                return None;
            };
            *input = &input[frame.bytes..];
            return Some(frame);
        }
        loop {
            let missing = missing(&self.begun);
            if missing == 0 {
                break;
            }
            if input.is_empty() {
                return None;
            }
            let (now, later) = input.split_at(missing.min(input.len()));
            self.begun.extend_from_slice(now);
            *input = later;
        }
        self.is_whole = true;
        whole(&self.begun)
    }
}

/// Bytes of a frame's head, and of its payload, if all of the head is there. A server masks
/// nothing (RFC 6455, section 5.1).
fn lengths(bytes: &[u8]) -> Option<(usize, u64)> {
    let short = *bytes.get(1)?;
    let rest = bytes.get(2..)?;
    match short {
        126 => Some((4, u16::from_be_bytes(*rest.first_chunk()?).into())),
        127 => Some((10, u64::from_be_bytes(*rest.first_chunk()?))),
        short => Some((2, short.into())),
    }
}

/// The frame that the bytes begin with, if all of it is there.
fn whole(bytes: &[u8]) -> Option<Frame<'_>> {
    let (head, length) = lengths(bytes)?;
    let end = head.checked_add(usize::try_from(length).ok()?)?;
    Some(Frame {
        opcode: bytes[0] & 0xf,
        payload: bytes.get(head..end)?,
        bytes: end,
    })
}

/// How many bytes the frame needs at least that `begun` is the beginning of.
fn missing(begun: &[u8]) -> usize {
    match (lengths(begun), begun.get(1)) {
        (Some((head, length)), _) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            head.saturating_add(length).saturating_sub(begun.len())
        }
        (None, Some(126)) => 4 - begun.len(),
        (None, Some(127)) => 10 - begun.len(),
        (None, _) => 2 - begun.len(),
    }
}

/// A frame of a client that is all of its message. Its mask changes nothing, so that many can
/// share one: a server has as much to do for it as for any.
pub(super) fn masked(is_text: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![if is_text { 0x81 } else { 0x82 }];
    match (payload.len(), u16::try_from(payload.len())) {
        (length @ 0..126, _) => frame.push(0x80 | length as u8),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        (length, Err(_)) => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A frame of a server, of so many bytes in all.
pub(super) fn of_server(bytes: usize) -> Vec<u8> {
    let mut frame = vec![0x81];
    let head = match bytes {
        0..128 => 2,
        128..65_540 => 4,
        _ => 10,
    };
    let length = bytes.saturating_sub(head);
    match (head, u16::try_from(length)) {
        (2, _) => frame.push(length as u8),
        (4, Ok(length)) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.resize(head + length, b'x');
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_the_same_however_they_come() {
        let all: Vec<Vec<u8>> = [2, 10, 127, 130, 300, 65_539, 70_000].map(of_server).into();
        let sent = all.concat();
        for piece in [1, 2, 3, 7, 125, 4096, sent.len()] {
            let mut frames = Frames::default();
            let mut got = Vec::new();
            for mut input in sent.chunks(piece) {
                while let Some(frame) = frames.next(&mut input) {
                    assert!(!frame.is_close() && !frame.is_ping());
                    got.push((frame.bytes, frame.payload.to_vec()));
                }
                assert!(input.is_empty());
            }
            let lengths: Vec<usize> = got.iter().map(|(bytes, _)| *bytes).collect();
            assert_eq!(lengths, [2, 10, 127, 130, 300, 65_539, 70_000], "{piece}");
            assert!(
                got.iter()
                    .flat_map(|(_, payload)| payload)
                    .all(|byte| *byte == b'x')
            );
        }
    }

    #[test]
    fn a_client_says_how_long_a_message_is() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let frame = masked(true, &vec![b'y'; length]);
            let mut unmasked = frame.clone();
            unmasked[1] &= 0x7f;
            let (head, told) = lengths(&unmasked).unwrap();
            assert_eq!(told, length as u64);
            assert_eq!(frame.len(), head + 4 + length);
        }
    }
}
