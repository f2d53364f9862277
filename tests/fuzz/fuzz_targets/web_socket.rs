//! Arbitrary bytes as frames of WebSocket, in arbitrary pieces: they mean the same as if
//! they came at once, and no more is held than a message may have. Run it with
//! `cargo fuzz run --fuzz-dir tests/fuzz -s none web_socket`.

#![no_main]

use std::borrow::Cow;

use hearken_session_protocol::websocket::{Close, Decoder, Message, Violation};
use libfuzzer_sys::fuzz_target;

/// Most bytes of a message.
const LIMIT: usize = 1 << 10;

/// Most bytes of a control frame.
const CONTROL: usize = 125;

/// What was understood.
#[derive(Debug, PartialEq)]
enum Understood {
    Text(String),
    Data(u8, Vec<u8>),
    Close(Option<Close>),
    Refused(Violation),
}

fn understand(message: Message<'_>) -> Understood {
    let data = |kind, bytes: Cow<'_, [u8]>| Understood::Data(kind, bytes.into_owned());
    match message {
        Message::Text(bytes) => {
            Understood::Text(String::from_utf8(bytes.into_owned()).expect("text is UTF-8"))
        }
        Message::Binary(bytes) => data(2, bytes),
        Message::Ping(bytes) => data(9, bytes),
        Message::Pong(bytes) => data(10, bytes),
        Message::Close(close) => Understood::Close(close),
    }
}

fn all<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> Vec<Understood> {
    let mut decoder = Decoder::new(LIMIT);
    let mut understood = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut rest = &mut piece[..];
        loop {
            match decoder.next(&mut rest) {
                Ok(Some(message)) => understood.push(understand(message)),
                Ok(None) => break,
                Err(violation) => understood.push(Understood::Refused(violation)),
            }
        }
        assert!(rest.is_empty());
        assert!(decoder.held_bytes() <= LIMIT + CONTROL);
    }
    understood
}

fuzz_target!(|input: (Vec<u8>, &[u8])| {
    let (cuts, bytes) = input;
    let mut rest = bytes;
    let mut pieces: Vec<&[u8]> = Vec::new();
    for cut in cuts {
        let (piece, others) = rest.split_at(rest.len().min(cut.into()));
        pieces.push(piece);
        rest = others;
    }
    pieces.push(rest);
    assert_eq!(all(pieces.into_iter()), all([bytes].into_iter()));
});
