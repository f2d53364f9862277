//! The data of an event on the command line: JSON itself, a file, or stdin.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use serde_json::value::RawValue;

use crate::config::LARGEST_EVENT;

/// Why data cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum DataError {
    /// It cannot be read.
    #[error("cannot read the data from {from}: {source}")]
    Read { from: String, source: io::Error },
    /// No node takes that much.
    #[error("the data from {from} is larger than {LARGEST_EVENT} bytes, more than any node takes")]
    TooLarge { from: String },
    /// It is not JSON.
    #[error(
        "the data from {from} is not JSON: {source}; write a string with its quotes, e.g. \
         --data '\"hello\"', an object as --data '{{\"name\": \"Ada\"}}', or give a file of JSON \
         with --data @FILE or standard input with --data -"
    )]
    NotJson {
        from: String,
        source: serde_json::Error,
    },
}

/// Reads what `--data` says: `-` is stdin, `@FILE` a file, all else JSON.
pub(super) fn read(argument: &str) -> Result<Box<RawValue>, DataError> {
    let (from, bytes) = if argument == "-" {
        let from = "standard input".to_owned();
        let bytes = bounded(io::stdin().lock(), &from)?;
        (from, bytes)
    } else if let Some(path) = argument.strip_prefix('@') {
        let from = PathBuf::from(path).display().to_string();
        let file = File::open(path).map_err(|source| DataError::Read {
            from: from.clone(),
            source,
        })?;
        let bytes = bounded(file, &from)?;
        (from, bytes)
    } else {
        ("--data".to_owned(), argument.as_bytes().to_vec())
    };
    serde_json::from_slice(&bytes).map_err(|source| DataError::NotJson { from, source })
}

fn bounded(reader: impl Read, from: &str) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    reader
        .take(LARGEST_EVENT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| DataError::Read {
            from: from.to_owned(),
            source,
        })?;
    if bytes.len() > LARGEST_EVENT {
        return Err(DataError::TooLarge {
            from: from.to_owned(),
        });
    }
    Ok(bytes)
}
