//! Commands as protobuf, each behind its length.

use prost::Message;

use super::error::DecodeError;
use crate::command::{Command, SentCommand};

/// Reads each of the messages.
pub(super) fn each_message(
    message: &[u8],
    mut take: impl FnMut(Command) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut rest = message;
    let mut command = 0;
    while !rest.is_empty() {
        command += 1;
        let declared =
            prost::decode_length_delimiter(&mut rest).map_err(|_| DecodeError::Protobuf {
                command,
                what: "there is no length before it".to_owned(),
            })?;
        let Some((own, others)) = rest.split_at_checked(declared) else {
            let left = rest.len();
            return Err(DecodeError::CutOff {
                command,
                declared,
                left,
            });
        };
        let read: SentCommand = read(own, command)?;
        take(read.into())?;
        rest = others;
    }
    Ok(())
}

/// Reads one message.
pub(crate) fn read<T: Message + Default>(message: &[u8], command: usize) -> Result<T, DecodeError> {
    // What prost says names fields, and never what is in them.
    T::decode(message).map_err(|error| DecodeError::Protobuf {
        command,
        what: error.to_string(),
    })
}
