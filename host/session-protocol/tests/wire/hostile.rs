//! What is not the protocol, or too much of it.

use hearken_session_protocol::{DecodeError, DecodeLimits, Encoding, decode};
use proptest::prelude::*;
use prost::Message as _;

use crate::{decoded, schema};

fn refused(message: &str) -> DecodeError {
    decoded(Encoding::Json, message).expect_err(message)
}

#[test]
fn nothing_is_refused() {
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        assert_eq!(decoded(encoding, ""), Err(DecodeError::Empty));
    }
}

#[test]
fn blank_lines_are_refused() {
    for (message, at) in [
        ("\n", 1),
        ("{}\n\n", 2),
        ("{}\n \n{}", 2),
        ("\n{}", 1),
        ("\r\n", 1),
    ] {
        match refused(message) {
            DecodeError::Json { line, what, .. } => {
                assert_eq!(line, at, "{message:?}");
                assert!(what.contains("blank"), "{what}");
            }
            other => panic!("{message:?}: {other}"),
        }
    }
}

#[test]
fn what_is_not_an_object_of_the_protocol_is_refused() {
    for message in [
        "null",
        "1",
        "[]",
        r#"[1,{"token":"T"}]"#,
        "{",
        "{}{}",
        "{} x",
        "ping",
        r#"{"id":1,"id":2}"#,
        r#"{"id":-1}"#,
        r#"{"id":4294967296}"#,
        r#"{"id":1.5}"#,
        r#"{"id":"1"}"#,
        r#"{"id":1,"connect":[]}"#,
        r#"{"id":1,"connect":["T"]}"#,
        r#"{"id":1,"connect":"T"}"#,
        r#"{"id":1,"connect":{"subs":{"c":[true]}}}"#,
        r#"{"id":1,"subscribe":{"channel":1}}"#,
        r#"{"id":1,"subscribe":{"channel":"a","channel":"b"}}"#,
        r#"{"id":1,"subscribe":{"channel":"\ud800"}}"#,
        r#"{"id":1,"subscribe":{"channel":"c","tf":{"nodes":[[]]}}}"#,
        r#"{"id":1,"subscribe":{"channel":"c","offset":18446744073709551616}}"#,
        r#"{"id":1,"history":{"since":[1,"e"]}}"#,
        r#"{"id":1,"publish":{"channel":"c","data":}}"#,
        r#"{"id":1,"publish":{"channel":"c","data":{]}}"#,
    ] {
        let error = refused(message);
        assert!(
            matches!(error, DecodeError::Json { line: 1, .. }),
            "{message}: {error}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for message in [
        &b"{\"id\":1,\"publish\":{\"channel\":\"c\",\"data\":\"\xff\"}}"[..],
        b"{\"id\":1,\"rpc\":{\"method\":\"\xc0\xaf\"}}",
        b"\xef\xbb\xbf{}",
    ] {
        assert!(decoded(Encoding::Json, message).is_err(), "{message:?}");
    }
    let channel = b"\x06\x08\x01\x32\x03\x0a\x01\xff";
    let channel = decoded(Encoding::Protobuf, channel).unwrap_err();
    assert!(
        matches!(channel, DecodeError::Protobuf { command: 1, .. }),
        "{channel}"
    );
}

#[test]
fn errors_say_where_and_repeat_no_secrets() {
    let message = "{}\n{\"id\":1,\"connect\":{\"token\":\"SECRET\",\"flag\":\"SECRET\"}}";
    let error = refused(message);
    let shown = format!("{error} {error:?}");
    assert!(shown.starts_with("line 2, column "), "{shown}");
    assert!(!shown.contains("SECRET"), "{shown}");
    let syntax = refused("{\"id\":1,}").to_string();
    assert_eq!(syntax, "line 1, column 9: trailing comma");
}

#[test]
fn only_send_and_pong_need_no_id() {
    for message in [
        r#"{"connect":{}}"#,
        r#"{"id":0,"subscribe":{"channel":"c"}}"#,
        r#"{"rpc":{}}"#,
    ] {
        assert_eq!(refused(message), DecodeError::NoId { command: 1 });
    }
    assert!(decoded(Encoding::Json, r#"{"send":{"data":1}}"#).is_ok());
    let unnumbered = schema::Command {
        publish: Some(schema::PublishRequest::default()),
        ..schema::Command::default()
    };
    let pong = schema::Command::default().encode_length_delimited_to_vec();
    let message = [pong, unnumbered.encode_length_delimited_to_vec()].concat();
    let error = decoded(Encoding::Protobuf, message).unwrap_err();
    assert_eq!(error, DecodeError::NoId { command: 2 });
}

#[test]
fn sizes_and_numbers_are_limited() {
    let limits = DecodeLimits {
        message: 100,
        commands: 3,
        entries: 2,
        depth: 2,
    };
    let decode = |message: &str| decode(Encoding::Json, message.as_bytes(), &limits);
    let large = format!("{{}}{}", " ".repeat(99));
    let told = DecodeError::TooLarge {
        size: 101,
        limit: 100,
    };
    assert_eq!(decode(&large), Err(told));
    assert!(decode(&large[..100]).is_ok());

    assert_eq!(decode("{}\n{}\n{}\n").map(|commands| commands.len()), Ok(3));
    let told = DecodeError::TooManyCommands { limit: 3 };
    assert_eq!(decode("{}\n{}\n{}\n{}"), Err(told));

    let headers =
        |headers: &str| decode(&format!(r#"{{"id":1,"connect":{{"headers":{headers}}}}}"#));
    assert!(headers(r#"{"a":"","b":""}"#).is_ok());
    let told = DecodeError::TooManyEntries {
        command: 1,
        limit: 2,
    };
    assert_eq!(headers(r#"{"a":"","b":"","c":""}"#), Err(told.clone()));
    let subs = r#"{"id":1,"connect":{"subs":{"a":{},"b":{},"c":{}}}}"#;
    assert_eq!(decode(subs), Err(told));

    let told = DecodeError::TooDeep {
        command: 2,
        limit: 2,
    };
    assert!(decode("{}\n{\"send\":{\"data\":[[1]]}}").is_ok());
    assert_eq!(decode("{}\n{\"send\":{\"data\":[[[1]]]}}"), Err(told));
}

#[test]
fn a_thousand_empty_commands_are_the_most() {
    let most = DecodeLimits::default().commands;
    let pongs = vec![0; most];
    assert_eq!(
        decoded(Encoding::Protobuf, &pongs).map(|pongs| pongs.len()),
        Ok(most)
    );
    let told = DecodeError::TooManyCommands { limit: most };
    assert_eq!(decoded(Encoding::Protobuf, vec![0; most + 1]), Err(told));
}

#[test]
fn nesting_is_refused_without_recursion_to_its_end() {
    let deep = |open: &str, close: &str, levels| open.repeat(levels) + &close.repeat(levels);
    for (open, close) in [("[", "]"), ("{\"a\":[", "]}")] {
        let data = deep(open, close, 5_000);
        let message = format!(r#"{{"id":1,"rpc":{{"data":{data}}}}}"#);
        let told = DecodeError::TooDeep {
            command: 1,
            limit: 512,
        };
        assert_eq!(refused(&message), told);
        // What is not known is read all the same.
        let unknown = format!(r#"{{"unknown":{data}}}"#);
        assert!(decoded(Encoding::Json, &unknown).is_ok());
    }
    let filter = deep("{\"nodes\":[", "]}", 5_000);
    let message = format!(r#"{{"id":1,"subscribe":{{"tf":{filter}}}}}"#);
    assert!(matches!(refused(&message), DecodeError::Json { .. }));

    let mut filter = schema::FilterNode::default();
    for _ in 0..200 {
        filter = schema::FilterNode {
            nodes: vec![filter],
            ..schema::FilterNode::default()
        };
    }
    let subscribe = schema::SubscribeRequest {
        tf: Some(filter),
        ..schema::SubscribeRequest::default()
    };
    let command = schema::Command {
        id: 1,
        subscribe: Some(subscribe),
        ..schema::Command::default()
    };
    let message = command.encode_length_delimited_to_vec();
    let error = decoded(Encoding::Protobuf, message).unwrap_err();
    assert!(matches!(error, DecodeError::Protobuf { .. }), "{error}");
}

#[test]
fn lengths_that_lie_are_refused() {
    let told = DecodeError::CutOff {
        command: 2,
        declared: 5,
        left: 1,
    };
    assert_eq!(decoded(Encoding::Protobuf, b"\x00\x05\x08"), Err(told));
    for message in [
        &b"\x80"[..],
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ] {
        let error = decoded(Encoding::Protobuf, message).unwrap_err();
        assert!(
            matches!(error, DecodeError::Protobuf { command: 1, .. }),
            "{error}"
        );
    }
    let huge = decoded(Encoding::Protobuf, b"\xff\xff\xff\xff\x0f\x00").unwrap_err();
    assert!(
        matches!(huge, DecodeError::CutOff { left: 1, .. }),
        "{huge}"
    );
    // A length within a command.
    let error = decoded(Encoding::Protobuf, b"\x03\x3a\x7f\x0a").unwrap_err();
    assert!(
        matches!(error, DecodeError::Protobuf { command: 1, .. }),
        "{error}"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(message in prop::collection::vec(any::<u8>(), 0..100)) {
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            if let Ok(commands) = decoded(encoding, &message) {
                prop_assert!(!commands.is_empty());
                prop_assert!(commands.len() <= message.len());
            }
        }
    }
}
