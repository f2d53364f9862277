//! What a client's bytes mean.

use std::borrow::Cow;
use std::mem;

use super::close::{self, Close, Violation};
use super::frame::Opcode;
use super::head::{Head, MAX_HEAD_BYTES};
use super::mask::unmask;
use super::utf8::Utf8;

/// What a client sent: borrowed from what was read, unless it came in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'i> {
    /// UTF-8.
    Text(Cow<'i, [u8]>),
    /// Any bytes.
    Binary(Cow<'i, [u8]>),
    /// To be answered by a pong of the same payload.
    Ping(Cow<'i, [u8]>),
    /// The answer to a ping, or a sign of life.
    Pong(Cow<'i, [u8]>),
    /// To be answered by a close frame, and the last that is understood.
    Close(Option<Close>),
}

/// Takes a client's bytes apart into messages, whatever pieces they come in.
///
/// Memory is taken for what came of an unfinished message alone, as it comes, and given
/// away with the message.
#[derive(Debug)]
pub struct Decoder {
    /// Most bytes of a message.
    limit: usize,
    /// Nothing is understood any more.
    is_ended: bool,
    /// The first bytes of a frame, of which some are missing.
    head: [u8; MAX_HEAD_BYTES],
    head_length: u8,
    /// The frame whose payload is coming.
    frame: Option<Frame>,
    /// The message whose parts are coming.
    message: Option<Unfinished>,
    /// What came of a control frame.
    control: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    is_final: bool,
    opcode: Opcode,
    key: [u8; 4],
    length: usize,
    received: usize,
}

#[derive(Debug)]
struct Unfinished {
    is_text: bool,
    utf8: Utf8,
    bytes: Vec<u8>,
}

impl Decoder {
    /// For messages of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            is_ended: false,
            head: [0; MAX_HEAD_BYTES],
            head_length: 0,
            frame: None,
            message: None,
            control: Vec::new(),
        }
    }

    /// Bytes that are held of unfinished messages.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let message = self.message.as_ref();
        message.map_or(0, |message| message.bytes.len()) + self.control.len()
    }

    /// The next message of `input`, which is cut to what follows it; nothing when all of the
    /// input is used up. The input is changed.
    ///
    /// After a close frame, and after an error, all further input is passed over.
    ///
    /// # Errors
    ///
    /// When what the client sent is no WebSocket, or too much, as soon as that can be seen.
    pub fn next<'i>(&mut self, input: &mut &'i mut [u8]) -> Result<Option<Message<'i>>, Violation> {
        let next = self.advance(input);
        if matches!(next, Err(_) | Ok(Some(Message::Close(_)))) {
            *self = Self {
                is_ended: true,
                ..Self::new(self.limit)
            };
        }
        if self.is_ended {
            *input = &mut [];
        }
        next
    }

    fn advance<'i>(&mut self, input: &mut &'i mut [u8]) -> Result<Option<Message<'i>>, Violation> {
        if self.is_ended {
            return Ok(None);
        }
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.begin(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let missing = frame.length - frame.received;
            let piece = take(input, missing.min(input.len()));
            unmask(piece, frame.key, frame.received);
            let is_whole = piece.len() == frame.length;
            frame.received += piece.len();
            let is_complete = frame.received == frame.length;
            let message = if frame.opcode.is_control() {
                self.control(&frame, piece, is_whole)?
            } else if is_whole && frame.is_final && frame.opcode != Opcode::Continuation {
                self.message = None;
                Some(whole(frame.opcode, piece)?)
            } else {
                self.part(piece, is_complete && frame.is_final)?
            };
            if !is_complete {
                self.frame = Some(frame);
                return Ok(None);
            }
            if message.is_some() {
                return Ok(message);
            }
        }
    }

    /// Reads what stands in front of a payload, and looks whether it may come now.
    fn begin(&mut self, input: &mut &mut [u8]) -> Result<Option<Frame>, Violation> {
        let Some(head) = self.read_head(input)? else {
            return Ok(None);
        };
        let limit = self.limit;
        let length = usize::try_from(head.length).map_err(|_| Violation::TooLarge { limit })?;
        if !head.opcode.is_control() {
            let is_first = head.opcode != Opcode::Continuation;
            let before = match &self.message {
                None if is_first => 0,
                Some(message) if !is_first => message.bytes.len(),
                None => return Err(Violation::Continuation),
                Some(_) => return Err(Violation::Interleaved),
            };
            if length > limit - before {
                return Err(Violation::TooLarge { limit });
            }
            if is_first {
                self.message = Some(Unfinished {
                    is_text: head.opcode == Opcode::Text,
                    utf8: Utf8::default(),
                    bytes: Vec::new(),
                });
            }
        }
        Ok(Some(Frame {
            is_final: head.is_final,
            opcode: head.opcode,
            key: head.key,
            length,
            received: 0,
        }))
    }

    fn read_head(&mut self, input: &mut &mut [u8]) -> Result<Option<Head>, Violation> {
        let before = usize::from(self.head_length);
        if before == 0
            && let Some((head, length)) = Head::read(input)?
        {
            take(input, length);
            return Ok(Some(head));
        }
        let added = input.len().min(MAX_HEAD_BYTES - before);
        let end = before + added;
        self.head[before..end].copy_from_slice(&input[..added]);
        match Head::read(&self.head[..end])? {
            Some((head, length)) => {
                take(input, length - before);
                self.head_length = 0;
                Ok(Some(head))
            }
            None => {
                take(input, added);
                self.head_length = end as u8;
                Ok(None)
            }
        }
    }

    /// Takes a piece of a control frame.
    fn control<'i>(
        &mut self,
        frame: &Frame,
        piece: &'i [u8],
        is_whole: bool,
    ) -> Result<Option<Message<'i>>, Violation> {
        let payload = if is_whole {
            Cow::Borrowed(piece)
        } else {
            self.control.extend_from_slice(piece);
            if frame.received < frame.length {
                return Ok(None);
            }
            Cow::Owned(mem::take(&mut self.control))
        };
        Ok(Some(match frame.opcode {
            Opcode::Ping => Message::Ping(payload),
            Opcode::Pong => Message::Pong(payload),
            _ => Message::Close(close::read(&payload)?),
        }))
    }

    /// Takes a piece of a message, which may be the last one.
    fn part(&mut self, piece: &[u8], is_last: bool) -> Result<Option<Message<'static>>, Violation> {
        let message = &mut self.message;
        let unfinished = message.as_mut().expect("its first frame began it");
        if unfinished.is_text && !unfinished.utf8.piece(piece) {
            return Err(Violation::NotUtf8);
        }
        unfinished.bytes.extend_from_slice(piece);
        if !is_last {
            return Ok(None);
        }
        let Some(finished) = message.take() else {
            return Ok(None);
        };
        let bytes = Cow::Owned(finished.bytes);
        match (finished.is_text, finished.utf8.is_whole()) {
            (true, true) => Ok(Some(Message::Text(bytes))),
            (true, false) => Err(Violation::NotUtf8),
            (false, _) => Ok(Some(Message::Binary(bytes))),
        }
    }
}

/// A message that came in one piece.
fn whole(opcode: Opcode, piece: &[u8]) -> Result<Message<'_>, Violation> {
    let bytes = Cow::Borrowed(piece);
    if opcode != Opcode::Text {
        return Ok(Message::Binary(bytes));
    }
    match std::str::from_utf8(piece) {
        Ok(_) => Ok(Message::Text(bytes)),
        Err(_) => Err(Violation::NotUtf8),
    }
}

/// Takes the first `length` bytes of the input off.
fn take<'i>(input: &mut &'i mut [u8], length: usize) -> &'i mut [u8] {
    let (taken, rest) = mem::take(input).split_at_mut(length);
    *input = rest;
    taken
}
