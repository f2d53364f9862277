//! What goes over the wire, byte by byte where it matters. Protobuf is read and written here
//! by the schema of the protocol, which stands in [`schema`] apart from the crate's own.

mod commands;
mod hostile;
mod pushes;
mod replies;
mod schema;
mod transcript;

use hearken_session_protocol::{
    Command, DecodeError, DecodeLimits, Encoding, Push, PushChannel, Reply, decode, encode_push,
    encode_reply,
};
use serde_json::Value;

fn decoded(encoding: Encoding, message: impl AsRef<[u8]>) -> Result<Vec<Command>, DecodeError> {
    decode(encoding, message.as_ref(), &DecodeLimits::default())
}

/// The commands of one message of JSON.
fn commands(message: &str) -> Vec<Command> {
    decoded(Encoding::Json, message).expect("they are well-formed")
}

/// The only command of one message of JSON.
fn command(message: &str) -> Command {
    let mut commands = commands(message);
    assert_eq!(commands.len(), 1);
    commands.remove(0)
}

fn reply_text(reply: &Reply) -> String {
    let mut out = Vec::new();
    encode_reply(Encoding::Json, reply, &mut out);
    String::from_utf8(out).expect("JSON is text")
}

fn push_text(channel: PushChannel<'_>, push: &Push<'_>) -> String {
    let mut out = Vec::new();
    encode_push(Encoding::Json, channel, push, &mut out);
    String::from_utf8(out).expect("JSON is text")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}
