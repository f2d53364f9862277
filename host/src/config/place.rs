//! Where values are written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::setting::Setting;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file; line and column count from 1, the column in characters.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// In an environment variable of this name.
    Variable(String),
    /// In a flag, named with its dashes.
    Flag(&'static str),
    /// Nowhere: it is the default.
    Default,
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// Where the values of settings that are set stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<&'static str, Vec<Place>>);

impl Places {
    /// Notes where the values of a setting stand, in their order.
    pub(super) fn insert(&mut self, setting: &Setting, places: Vec<Place>) {
        self.0.insert(setting.key, places);
    }

    /// Where each value of a setting stands.
    pub(super) fn all(&self, setting: &Setting) -> &[Place] {
        self.0.get(setting.key).map_or(&[], Vec::as_slice)
    }

    /// Whether somebody set a setting, if only to no value at all.
    pub(super) fn is_set(&self, setting: &Setting) -> bool {
        self.0.contains_key(setting.key)
    }

    /// Where the first value of a setting stands; `None` if nobody set it.
    pub(super) fn of(&self, setting: &Setting) -> Option<&Place> {
        self.all(setting).first()
    }
}

impl Place {
    /// The place of byte `offset` of `text`, which is the content of `path`.
    pub(super) fn in_file(path: &Path, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self::File {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}
