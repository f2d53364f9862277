//! Arbitrary bytes as commands that a client of sessions sends, as JSON and as protobuf:
//! they are refused, or within all limits, and what they say can be said to others. Run it
//! with `cargo fuzz run --fuzz-dir tests/fuzz -s none session_commands`.

#![no_main]

use hearken_session_protocol::filter::Filter;
use hearken_session_protocol::payload::check_json;
use hearken_session_protocol::{
    Command, DecodeLimits, Encoding, Publication, Push, PushChannel, Request, decode,
    decode_connect, decode_emulated, encode_push,
};
use libfuzzer_sys::fuzz_target;

const LIMITS: DecodeLimits = DecodeLimits {
    message: 1 << 16,
    commands: 64,
    entries: 16,
    depth: 32,
};

fuzz_target!(|message: &[u8]| {
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        if let Ok(commands) = decode(encoding, message, &LIMITS) {
            assert!((1..=LIMITS.commands).contains(&commands.len()));
            for command in commands {
                check(encoding, command);
            }
        }
        if let Ok(request) = decode_connect(encoding, message, &LIMITS) {
            assert!(request.headers.len() <= LIMITS.entries);
        }
        if let Ok(emulated) = decode_emulated(encoding, message, &LIMITS) {
            let _ = decode(encoding, &emulated.data, &LIMITS);
        }
    }
});

fn check(encoding: Encoding, command: Command) {
    let unnumbered = matches!(command.request, Request::Pong | Request::Send(_));
    assert!(command.id > 0 || unnumbered);
    let data = match command.request {
        Request::Connect(request) => {
            assert!(request.subs.len() <= LIMITS.entries);
            request.data
        }
        Request::Subscribe(request) => {
            if let Some(Ok(filter)) = request.tags_filter.map(|node| Filter::new(*node)) {
                let _ = filter.matches(|key| (!key.is_empty()).then_some("1.5"));
            }
            request.data
        }
        Request::Publish(request) => request.data,
        Request::Send(request) => request.data,
        Request::Rpc(request) => request.data,
        _ => return,
    };
    if encoding == Encoding::Json && !data.is_empty() {
        check_json(&data, LIMITS.depth).expect("it was JSON, and not too deep");
        let publication = Publication {
            data,
            ..Publication::default()
        };
        let push = Push::Publication(&publication);
        let mut pushed = Vec::new();
        encode_push(Encoding::Json, PushChannel::Name("c"), &push, &mut pushed);
        assert!(!pushed.contains(&b'\n'));
        check_json(&pushed, LIMITS.depth + 3).expect("a push of JSON is JSON");
    }
}
