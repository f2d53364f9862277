//! Where a secret is read from. All of it blocks on the disk.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::value::SecretValue;
use crate::config::{GrantedSecret, SecretSource};
use crate::plugin::code::compile::open_regular;
use crate::plugin::code::stamp::Stamp;

/// Largest secret in bytes: a chain of certificates with its key.
pub(super) const MAX_SECRET_BYTES: u64 = 64 << 10;

/// Where a secret is, with the path of its file as it is opened.
#[derive(Clone, Debug)]
pub(super) enum Source {
    File {
        path: PathBuf,
        /// The folder that it must lie in, links followed, if it may not be anywhere.
        within: Option<PathBuf>,
    },
    Variable(String),
    /// Nowhere: who tries a plugin apart from its node has something else in the place of the
    /// secret of this key.
    StandIn(String),
}

impl Source {
    /// Paths of files start at `folder`; without one nothing is read.
    pub(super) fn of(key: &str, granted: &GrantedSecret, folder: Option<&Path>) -> Self {
        let Some(folder) = folder else {
            return Self::StandIn(key.to_owned());
        };
        match &granted.source {
            SecretSource::File(path) => Self::File {
                path: folder.join(path),
                within: granted.within.as_ref().map(|within| folder.join(within)),
            },
            SecretSource::Variable(name) => Self::Variable(name.clone()),
        }
    }

    /// How it looks now; `None` for what does not change, or is not there.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::File { path, .. } => Stamp::of(path),
            Self::Variable(_) | Self::StandIn(_) => None,
        }
    }

    /// What it is now. The error says where it should have been, and nothing of what is
    /// there.
    pub(super) fn read(&self) -> io::Result<SecretValue> {
        match self {
            Self::File { path, within } => read_file(path, within.as_deref()).map_err(|error| {
                let text = format!("cannot read the file {}: {error}", path.display());
                io::Error::new(error.kind(), text)
            }),
            Self::Variable(name) => match std::env::var_os(name) {
                Some(value) => Ok(SecretValue::new(value.into_encoded_bytes())),
                None => Err(io::Error::other(format!(
                    "the node has no environment variable {name}"
                ))),
            },
            // As a token looks, which goes into headers.
            Self::StandIn(key) => Ok(SecretValue::new(format!("stand-in-for-{key}").into())),
        }
    }

    /// Its file; one that is not there may well be in a moment, when something else puts it
    /// into its place.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Variable(_) | Self::StandIn(_) => None,
        }
    }
}

fn read_file(path: &Path, within: Option<&Path>) -> io::Result<SecretValue> {
    // Whoever fills a folder that is granted may put links there.
    let path = match within {
        None => path.to_owned(),
        Some(within) => {
            let path = path.canonicalize()?;
            if !path.starts_with(within.canonicalize()?) {
                return Err(io::Error::other(format!(
                    "it leads out of {}, which is what the node's policy grants",
                    within.display()
                )));
            }
            path
        }
    };
    let file = open_regular(&path)?;
    let mut bytes = Vec::new();
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(io::Error::other(format!(
            "it has more than {MAX_SECRET_BYTES} bytes"
        )));
    }
    Ok(SecretValue::new(bytes))
}
