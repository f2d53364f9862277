//! After the cases 1 to 7 and 10 of the Autobahn test suite.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1 << 20;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as a client sends it.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let header = header(Opcode::Text, payload.len());
    let mut frame = header.to_vec();
    frame[0] = first;
    frame[1] |= 0x80;
    frame.extend(KEY);
    frame.extend(
        payload
            .iter()
            .zip(KEY.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    frame
}

/// A message, as it was understood.
type Understood = Result<Message<'static>, Violation>;

fn owned(message: Message<'_>) -> Message<'static> {
    let own = |bytes: Cow<'_, [u8]>| Cow::Owned(bytes.into_owned());
    match message {
        Message::Text(bytes) => Message::Text(own(bytes)),
        Message::Binary(bytes) => Message::Binary(own(bytes)),
        Message::Ping(bytes) => Message::Ping(own(bytes)),
        Message::Pong(bytes) => Message::Pong(own(bytes)),
        Message::Close(close) => Message::Close(close),
    }
}

/// What is understood of bytes that come in these pieces.
fn understood<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Understood> {
    let mut decoder = Decoder::new(LIMIT);
    let mut understood = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut rest = &mut piece[..];
        loop {
            match decoder.next(&mut rest) {
                Ok(Some(message)) => understood.push(Ok(owned(message))),
                Ok(None) => break,
                Err(violation) => {
                    understood.push(Err(violation));
                    break;
                }
            }
        }
        assert!(rest.is_empty());
    }
    understood
}

/// The same, whether all comes at once or byte by byte.
fn all_of(frames: &[Vec<u8>]) -> Vec<Understood> {
    let bytes = frames.concat();
    let at_once = understood([&bytes[..]]);
    assert_eq!(at_once, understood(bytes.chunks(1)), "{bytes:x?}");
    at_once
}

fn text(text: impl AsRef<[u8]>) -> Understood {
    Ok(Message::Text(Cow::Owned(text.as_ref().to_vec())))
}

fn binary(bytes: &[u8]) -> Understood {
    Ok(Message::Binary(Cow::Owned(bytes.to_vec())))
}

fn ping(bytes: &[u8]) -> Understood {
    Ok(Message::Ping(Cow::Owned(bytes.to_vec())))
}

fn pong(bytes: &[u8]) -> Understood {
    Ok(Message::Pong(Cow::Owned(bytes.to_vec())))
}

#[test]
fn messages_of_all_lengths_come_through() {
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, LIMIT] {
        let payload = vec![b'*'; length];
        let at_once = understood([&masked(0x81, &payload)[..]]);
        assert_eq!(at_once, [text(&payload)]);
        let payload = vec![0xfe; length];
        let frame = masked(0x82, &payload);
        assert_eq!(understood(frame.chunks(997)), [binary(&payload)]);
    }
}

#[test]
fn what_comes_in_one_piece_is_borrowed() {
    let mut bytes = [
        masked(0x81, b"one"),
        masked(0x82, b"two"),
        masked(0x89, b"three"),
    ]
    .concat();
    let mut input = &mut bytes[..];
    let mut decoder = Decoder::new(LIMIT);
    let borrowed = |message| match message {
        Message::Text(bytes) | Message::Binary(bytes) | Message::Ping(bytes) => {
            matches!(bytes, Cow::Borrowed(_))
        }
        _ => false,
    };
    for _ in 0..3 {
        let message = decoder.next(&mut input).unwrap();
        assert!(message.is_some_and(borrowed));
    }
    assert_eq!(decoder.next(&mut input), Ok(None));
}

#[test]
fn nothing_is_held_between_messages() {
    let mut decoder = Decoder::new(LIMIT);
    let frame = masked(0x81, &[b'a'; 100]);
    let (mut one, mut other) = (frame[..50].to_vec(), frame[50..].to_vec());
    assert_eq!(decoder.next(&mut &mut one[..]), Ok(None));
    assert_eq!(decoder.held_bytes(), 44);
    assert!(decoder.next(&mut &mut other[..]).unwrap().is_some());
    assert_eq!(decoder.held_bytes(), 0);
    assert!(size_of::<Decoder>() <= 160, "{}", size_of::<Decoder>());
}

#[test]
fn pings_and_pongs_come_with_their_payload() {
    let long = [0xfe; 125];
    let frames = [
        masked(0x89, b""),
        masked(0x89, b"Hello"),
        masked(0x89, &long),
        masked(0x8a, b""),
        masked(0x8a, b"unasked"),
    ];
    let expected = [
        ping(b""),
        ping(b"Hello"),
        ping(&long),
        pong(b""),
        pong(b"unasked"),
    ];
    assert_eq!(all_of(&frames), expected);
    let too_long = masked(0x89, &[0xfe; 126]);
    assert_eq!(all_of(&[too_long]), [Err(Violation::Control)]);
}

#[test]
fn reserved_bits_and_opcodes_end_it() {
    for bits in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
        for opcode in [0x81, 0x82, 0x88, 0x89, 0x8a] {
            let frames = [masked(0x81, b"before"), masked(opcode | bits, b"")];
            let expected = [text("before"), Err(Violation::ReservedBit)];
            assert_eq!(all_of(&frames), expected);
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let frames = [masked(0x80 | opcode, b"")];
        assert_eq!(all_of(&frames), [Err(Violation::ReservedOpcode(opcode))]);
    }
}

#[test]
fn frames_have_to_be_masked_and_to_tell_their_length_shortly() {
    assert_eq!(all_of(&[b"\x81\x00".to_vec()]), [Err(Violation::NotMasked)]);
    for length in [
        &b"\x81\xfe\x00\x7d"[..],
        b"\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff",
    ] {
        assert_eq!(all_of(&[length.to_vec()]), [Err(Violation::Length)]);
    }
    let negative = b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00".to_vec();
    assert_eq!(all_of(&[negative]), [Err(Violation::Length)]);
}

#[test]
fn parts_become_a_message_whatever_comes_between() {
    let frames = [
        masked(0x01, b"frag"),
        masked(0x89, b"p1"),
        masked(0x00, b""),
        masked(0x00, b"men"),
        masked(0x8a, b"p2"),
        masked(0x80, b"t"),
        masked(0x02, b""),
        masked(0x80, b""),
        masked(0x81, b"next"),
    ];
    let expected = [
        ping(b"p1"),
        pong(b"p2"),
        text("fragment"),
        binary(b""),
        text("next"),
    ];
    assert_eq!(all_of(&frames), expected);
}

#[test]
fn parts_out_of_order_end_it() {
    for opcode in [0x08, 0x09, 0x0a] {
        let frames = [masked(opcode, b"frag"), masked(0x80, b"ment")];
        assert_eq!(all_of(&frames), [Err(Violation::Control)]);
    }
    for first in [0x00, 0x80] {
        let frames = [masked(first, b"nothing"), masked(0x81, b"Hello")];
        assert_eq!(all_of(&frames), [Err(Violation::Continuation)]);
    }
    let again = [masked(0x81, b"a"), masked(0x80, b"b")];
    assert_eq!(all_of(&again), [text("a"), Err(Violation::Continuation)]);
    for second in [0x01, 0x81, 0x02, 0x82] {
        let frames = [masked(0x01, b"frag"), masked(second, b"ment")];
        assert_eq!(all_of(&frames), [Err(Violation::Interleaved)]);
    }
}

#[test]
fn a_message_may_not_be_too_large_in_all_its_parts() {
    let too_large = Violation::TooLarge { limit: LIMIT };
    let head = masked(0x82, &vec![0; LIMIT + 1])[..14].to_vec();
    assert_eq!(all_of(&[head]), [Err(too_large)]);
    let huge = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00".to_vec();
    assert_eq!(all_of(&[huge]), [Err(too_large)]);
    let parts = [masked(0x02, &vec![0; LIMIT]), masked(0x80, b"1")].concat();
    assert_eq!(understood([&parts[..]]), [Err(too_large)]);
    assert_eq!(too_large.close_code(), 1009);
}

#[test]
fn what_a_client_only_claims_takes_no_memory() {
    let mut head = masked(0x82, &vec![0; LIMIT])[..20].to_vec();
    let mut decoder = Decoder::new(LIMIT);
    assert_eq!(decoder.next(&mut &mut head[..]), Ok(None));
    assert_eq!(decoder.held_bytes(), 6);
}

#[test]
fn text_is_utf8_in_all_its_parts() {
    let word = "Hello-µ@ßöäüàá-UTF-8!!";
    for cut in 0..=word.len() {
        let (one, other) = word.as_bytes().split_at(cut);
        let frames = [masked(0x01, one), masked(0x80, other)];
        assert_eq!(all_of(&frames), [text(word)]);
    }
    for wrong in [
        &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"[..],
        b"\xf8\x88\x80\x80\x80",
        b"\xc0\xaf",
        b"\xf4\x90\x80\x80",
        b"\xed\xbf\xbf",
        b"\xff",
        b"whole \xe4\xb8",
    ] {
        assert_eq!(all_of(&[masked(0x81, wrong)]), [Err(Violation::NotUtf8)]);
        let parts = [masked(0x01, wrong), masked(0x80, b"")];
        assert_eq!(all_of(&parts), [Err(Violation::NotUtf8)]);
    }
    assert_eq!(Violation::NotUtf8.close_code(), 1007);
    // What is not text may be anything.
    assert_eq!(all_of(&[masked(0x82, b"\xff")]), [binary(b"\xff")]);
}

#[test]
fn text_that_cannot_become_utf8_ends_it_at_its_byte() {
    let mut frame = masked(0x81, b"\xce\xba\xf4\x90\x80\x80 and more that never comes");
    frame.truncate(6 + 4);
    assert_eq!(understood(frame.chunks(1)), [Err(Violation::NotUtf8)]);
    frame.truncate(6 + 3);
    assert_eq!(understood(frame.chunks(1)), []);
}

#[test]
fn close_frames_say_why() {
    let close = |payload: &[u8]| all_of(&[masked(0x88, payload), masked(0x81, b"after")]);
    let said = |code, reason: &str| {
        let reason = reason.to_owned();
        [Ok(Message::Close(Some(Close { code, reason })))]
    };
    assert_eq!(close(b""), [Ok(Message::Close(None))]);
    assert_eq!(close(b"\x03\xe8"), said(1000, ""));
    assert_eq!(close(b"\x03\xe8bye \xc2\xb5"), said(1000, "bye µ"));
    let long = "*".repeat(MAX_REASON_BYTES);
    let longest = [b"\x03\xe8", long.as_bytes()].concat();
    assert_eq!(close(&longest), said(1000, &long));
    assert_eq!(close(b"\x03\xe8\xce\xba\xe1"), [Err(Violation::NotUtf8)]);
    assert_eq!(close(b"\x03"), [Err(Violation::CloseCode)]);
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        assert_eq!(close(&u16::to_be_bytes(code)), said(code, ""));
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        let refused = [Err(Violation::CloseCode)];
        assert_eq!(close(&u16::to_be_bytes(code)), refused, "{code}");
    }
    assert_eq!(Violation::CloseCode.close_code(), 1002);
}

#[test]
fn after_an_error_nothing_is_understood() {
    let frames = [masked(0x83, b""), masked(0x81, b"after"), masked(0x83, b"")];
    assert_eq!(all_of(&frames), [Err(Violation::ReservedOpcode(3))]);
}

#[test]
fn reasons_are_cut_between_characters() {
    assert_eq!(*close_frame(3001, "shutdown"), *b"\x88\x0a\x0b\xb9shutdown");
    let frame = close_frame(3501, &"é".repeat(100));
    assert_eq!(frame[1], 2 + 122);
    assert!(std::str::from_utf8(&frame[4..]).is_ok());
}

/// A message, where it is cut into parts, and what comes between those.
fn any_message() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<Understood>)> {
    let payload = prop_oneof![
        "\\PC{0,60}".prop_map(|text| (true, text.into_bytes())),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| (false, bytes)),
    ];
    let control = (any::<bool>(), prop::collection::vec(any::<u8>(), 0..=125));
    let between = prop::option::of(control);
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), between), 0..4);
    (payload, cuts).prop_map(|((is_text, payload), cuts)| {
        let mut places: Vec<usize> = cuts
            .iter()
            .map(|cut| cut.0.index(payload.len() + 1))
            .collect();
        places.sort_unstable();
        let mut frames = Vec::new();
        let mut expected = Vec::new();
        let mut start = 0;
        let mut first = if is_text { 0x01 } else { 0x02 };
        for (place, (_, between)) in places.into_iter().zip(cuts) {
            frames.push(masked(first, &payload[start..place]));
            (first, start) = (0x00, place);
            if let Some((is_ping, payload)) = between {
                frames.push(masked(if is_ping { 0x89 } else { 0x8a }, &payload));
                expected.push(if is_ping {
                    ping(&payload)
                } else {
                    pong(&payload)
                });
            }
        }
        frames.push(masked(first | 0x80, &payload[start..]));
        expected.push(if is_text {
            text(&payload)
        } else {
            binary(&payload)
        });
        (frames, expected)
    })
}

proptest! {
    #[test]
    fn frames_mean_the_same_in_whatever_pieces_they_come(
        messages in prop::collection::vec(any_message(), 0..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let (frames, expected): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
        let bytes = frames.concat().concat();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.push(bytes.len());
        places.sort_unstable();
        let mut start = 0;
        let pieces = places.into_iter().map(|place| {
            let piece = &bytes[start..place];
            start = place;
            piece
        });
        prop_assert_eq!(understood(pieces), expected.concat());
    }

    #[test]
    fn any_bytes_mean_the_same_in_whatever_pieces_they_come(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        first in prop::sample::select(vec![0x01, 0x02, 0x81, 0x82, 0x88, 0x89, 0x8a]),
        length in 0_u8..126,
    ) {
        // Most bytes are wrong at once.
        if let [one, two, ..] = &mut bytes[..] {
            (*one, *two) = (first, 0x80 | length);
        }
        let at_once = understood([&bytes[..]]);
        prop_assert_eq!(&at_once, &understood(bytes.chunks(1)));
        prop_assert_eq!(&at_once, &understood(bytes.chunks(7)));
    }
}
