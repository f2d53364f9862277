//! Commands as JSON, one a line.

use serde::Deserialize;
use serde_json::error::Category;

use super::error::DecodeError;
use super::fields::Object;
use crate::command::{Command, SentCommand};

/// Reads each line of `message`, which may end with the end of a line.
pub(super) fn each_line(
    message: &[u8],
    mut take: impl FnMut(Command) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let message = message.strip_suffix(b"\n").unwrap_or(message);
    for (index, line) in message.split(|byte| *byte == b'\n').enumerate() {
        let command: SentCommand = read(line, index + 1)?;
        take(command.into())?;
    }
    Ok(())
}

/// Reads an object, of which there is nothing else on its line.
pub(crate) fn read<'de, T: Deserialize<'de>>(
    line: &'de [u8],
    number: usize,
) -> Result<T, DecodeError> {
    if line.trim_ascii().is_empty() {
        return Err(DecodeError::Json {
            line: number,
            column: 1,
            what: "the line is blank, and should be an object".to_owned(),
        });
    }
    let read: Result<Object<T>, _> = serde_json::from_slice(line);
    read.map(|Object(value)| value).map_err(|error| {
        let what = match error.classify() {
            // Its text may repeat values, tokens among them.
            Category::Data => "a field is there twice, or not of the protocol's type".to_owned(),
            _ => without_place(&error),
        };
        DecodeError::Json {
            line: number,
            column: error.column(),
            what,
        }
    })
}

/// What an error says, but for the line and column, which are those of a part.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}
