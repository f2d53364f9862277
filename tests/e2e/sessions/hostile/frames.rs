//! What is no WebSocket.

use super::*;
use crate::support::web_socket::{first, frame, head};

/// What a node says in its close frames.
const NOT_UTF8: (u16, &str) = (1007, "the text is not UTF-8");
const TOO_LARGE: (u16, &str) = (1009, "the message has more than 65536 bytes");
const RESERVED_BIT: (u16, &str) = (1002, "a reserved bit is set");
const NOT_MASKED: (u16, &str) = (1002, "a frame is not masked");
const LENGTH: (u16, &str) = (1002, "a length is malformed");
const CONTROL: (u16, &str) = (1002, "a control frame is in parts or longer than 125 bytes");
const CONTINUATION: (u16, &str) = (1002, "a continuation of nothing");
const INTERLEAVED: (u16, &str) = (1002, "a message within a message");
const CLOSE_CODE: (u16, &str) = (1002, "the close code is malformed");

/// Text without the last part of its message.
const PART: u8 = 0x01;

/// The last part of a message.
const LAST: u8 = 0x80;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_web_socket_is_closed_with_its_code() {
    let mut stage = Stage::new().await;
    let large = (64 << 10) + 1;
    let parts = [frame(PART, &vec![b' '; 40 << 10]), head(LAST, 40 << 10)];
    for (what, bytes, close) in [
        ("no mask", b"\x81\x02{}".to_vec(), NOT_MASKED),
        (
            "a close frame without a mask",
            b"\x88\x00".to_vec(),
            NOT_MASKED,
        ),
        (
            "a compressed message",
            frame(0xc1, &[0; 4 << 10]),
            RESERVED_BIT,
        ),
        ("the second reserved bit", frame(0xa1, b"{}"), RESERVED_BIT),
        ("the third reserved bit", frame(0x99, b""), RESERVED_BIT),
        (
            "an unknown opcode",
            frame(0x83, b"{}"),
            (1002, "the opcode 3 is reserved"),
        ),
        (
            "an unknown control opcode",
            frame(0x8f, b""),
            (1002, "the opcode 15 is reserved"),
        ),
        ("a ping in parts", frame(0x09, b"pi"), CONTROL),
        ("a close frame in parts", frame(0x08, b"\x03\xe8"), CONTROL),
        ("a long ping", frame(first::PING, &[0; 126]), CONTROL),
        (
            "a long length of a short frame",
            b"\x81\xfe\x00\x02".to_vec(),
            LENGTH,
        ),
        (
            "a negative length",
            b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            LENGTH,
        ),
        (
            "a continuation of nothing",
            frame(LAST, b"{}"),
            CONTINUATION,
        ),
        (
            "a message within another",
            [frame(PART, b"{"), frame(first::TEXT, b"{}")].concat(),
            INTERLEAVED,
        ),
        (
            "wrong UTF-8",
            frame(first::TEXT, b"{\"id\":\"\xc0\xaf\"}"),
            NOT_UTF8,
        ),
        (
            "a half of a surrogate",
            frame(PART, b"\"\xed\xa0\x80"),
            NOT_UTF8,
        ),
        (
            "a character that is cut off",
            [frame(PART, b"\"\xe4\xb8"), frame(LAST, b"\"")].concat(),
            NOT_UTF8,
        ),
        (
            "a message that is too large",
            head(first::TEXT, large),
            TOO_LARGE,
        ),
        (
            "one of all the bytes that there could be",
            b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00".to_vec(),
            TOO_LARGE,
        ),
        (
            "parts that are too large together",
            parts.concat(),
            TOO_LARGE,
        ),
        (
            "half a close code",
            frame(first::CLOSE, b"\x03"),
            CLOSE_CODE,
        ),
        (
            "a close code that may not be sent",
            frame(first::CLOSE, b"\x03\xed"),
            CLOSE_CODE,
        ),
        (
            "a reason that is not UTF-8",
            frame(first::CLOSE, b"\x03\xe8\xff"),
            NOT_UTF8,
        ),
    ] {
        let mut hostile = Hostile::connect(&stage.node).await;
        hostile.send(&bytes).await;
        stage.ends(hostile, close, Some(3501), what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_what_is_no_web_socket_nothing_is_carried_out() {
    let mut stage = Stage::new().await;
    let mut hostile = Hostile::connect(&stage.node).await;
    let publish = json!({ "publish": { "channel": BESIDE, "data": "not said" }, "id": 2 });
    let behind = frame(first::TEXT, publish.to_string().as_bytes());
    let bytes = [frame(0x83, b""), behind.clone(), behind].concat();
    hostile.send(&bytes).await;
    // The session beside would get it first.
    let close = (1002, "the opcode 3 is reserved");
    stage.ends(hostile, close, Some(3501), "behind it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_closes_is_answered_with_the_same_code() {
    let mut stage = Stage::new().await;
    for (sent, told) in [
        (&b""[..], 1000),
        (b"\x03\xe8", 1000),
        (b"\x03\xe9going away", 1001),
        (b"\x0f\xa0", 4000),
    ] {
        let mut hostile = Hostile::connect(&stage.node).await;
        // What comes behind it is not understood.
        let bytes = [frame(first::CLOSE, sent), frame(first::TEXT, b"{")].concat();
        hostile.send(&bytes).await;
        let what = String::from_utf8_lossy(sent);
        stage.ends(hostile, (told, ""), None, &what).await;
    }
}
