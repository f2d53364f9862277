//! What is said of a setting once, for everyone who reads it or tells of it.

use std::ffi::OsStr;

/// What every variable of the node begins with.
pub(super) const VARIABLE_PREFIX: &str = "HEARKEN_";

/// One setting: how it is called, what it means and which values it has.
#[derive(Debug)]
pub(super) struct Setting {
    /// The key in `hearken.toml`, with its table and a dot.
    pub(super) key: &'static str,
    /// The flag with its dashes, then, unless it is a switch, a blank and what stands for
    /// its value in the help.
    pub(super) flag: Option<&'static str>,
    /// The variable, where it is not called after the key.
    pub(super) variable: Option<&'static str>,
    /// The doc comment, whose first paragraph is what users read.
    pub(super) doc: &'static str,
    /// What holds where nothing is set: a value as users write it, or words for it.
    pub(super) default: &'static str,
    /// What is read.
    pub(super) how: How,
    /// What is right, with an example.
    pub(super) expected: &'static str,
    /// Checks one value as it is written in a flag; the error says what is wrong with it
    /// and what is right.
    pub(super) check: fn(&OsStr) -> Result<(), String>,
}

/// How many values a setting has, and what holds without any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// One; without it the default, which is written as users write it.
    Value,
    /// One; without it what the program finds out.
    Computed,
    /// One or none.
    Optional,
    /// Any number; the default is none.
    List,
}

/// These are called as the table and `Sources` call them.
impl How {
    pub(super) const fn value() -> Self {
        Self::Value
    }

    pub(super) const fn computed() -> Self {
        Self::Computed
    }

    pub(super) const fn optional() -> Self {
        Self::Optional
    }

    pub(super) const fn list() -> Self {
        Self::List
    }
}

impl Setting {
    /// The environment variable: `HEARKEN_` and the key in capitals with `_` for the dot
    /// (`HEARKEN_LIMITS_MEMORY`), unless it is called after the flag.
    pub(super) fn variable(&self) -> String {
        match self.variable {
            Some(name) => name.to_owned(),
            None => {
                let name = self.key.replace('.', "_").to_ascii_uppercase();
                format!("{VARIABLE_PREFIX}{name}")
            }
        }
    }

    /// The flag with its dashes, and what stands for its value unless it is a switch.
    pub(super) fn flag(&self) -> Option<(&'static str, Option<&'static str>)> {
        let flag = self.flag?;
        Some(match flag.split_once(' ') {
            Some((flag, value)) => (flag, Some(value)),
            None => (flag, None),
        })
    }

    /// What the setting means, in a line without a full stop.
    pub(super) fn meaning(&self) -> String {
        let lines = self.doc.lines().map(str::trim);
        let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        paragraph.join(" ").trim_end_matches('.').to_owned()
    }

    /// The key, and in brackets the flag and the variable that set the same.
    pub(super) fn names(&self) -> String {
        let variable = self.variable();
        match self.flag() {
            Some((flag, _)) => format!("`{}` ({flag}, {variable})", self.key),
            None => format!("`{}` ({variable})", self.key),
        }
    }
}
