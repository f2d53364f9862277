//! The node's configuration file, `hearken.toml`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::document::{NamedSection, Section};
use super::error::ConfigError;
use super::form::{Form, PATH};
use super::place::Placed;
use super::setting::{How, Setting};

/// Which file is read; said of in the table of settings, though it stands in no file.
pub(super) const CONFIG: Setting = Setting {
    key: "config",
    flag: Some("--config FILE"),
    variable: None,
    doc: "Configuration file; it must exist",
    default: "hearken.toml if there is one",
    how: How::Optional,
    expected: PATH.expected,
    check: |value| PATH.check(value),
};

/// Name of the file that is read when none is named.
pub(super) const DEFAULT_FILE: &str = "hearken.toml";

/// A configuration file that exists.
pub(super) struct ConfigFile {
    path: PathBuf,
    text: String,
}

/// The tables of the file that were asked for, by their names with a dot after each; that
/// of the top level is empty.
pub(super) struct Tables<'d> {
    sections: BTreeMap<String, Section<'d>>,
}

impl ConfigFile {
    /// Reads the file `named`, which must exist, or else `hearken.toml` in
    /// `directory`, which need not.
    pub(super) fn find(
        named: Option<PathBuf>,
        directory: &Path,
    ) -> Result<Option<Self>, ConfigError> {
        let optional = named.is_none();
        let path = named.unwrap_or_else(|| directory.join(DEFAULT_FILE));
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Self { path, text })),
            Err(error) if optional && error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ConfigError::Read { path, source }),
        }
    }

    /// Begins to read what the file says.
    pub(super) fn tables(&self) -> Result<Tables<'_>, ConfigError> {
        let top = Section::parse(&self.path, &self.text)?;
        Ok(Tables {
            sections: BTreeMap::from([(String::new(), top)]),
        })
    }
}

impl<'d> Tables<'d> {
    /// Takes the setting out, if it is there.
    pub(super) fn placed<T>(
        &mut self,
        setting: &Setting,
        form: &Form<T>,
    ) -> Result<Option<Placed<T>>, ConfigError> {
        let (table, key) = self.table(setting.key)?;
        table.placed(key, form)
    }

    /// Takes a setting of several values out, if it is there.
    pub(super) fn list<T>(
        &mut self,
        setting: &Setting,
        form: &Form<T>,
    ) -> Result<Option<Vec<Placed<T>>>, ConfigError> {
        let (table, key) = self.table(setting.key)?;
        table.placed_list(key, form)
    }

    /// Takes all tables out that stand in the one of this key, whatever their names.
    pub(super) fn named(
        &mut self,
        key: &'static str,
    ) -> Result<Vec<NamedSection<'d>>, ConfigError> {
        let (table, key) = self.table(key)?;
        table.named_sections(key)
    }

    /// Takes all tables out that stand in the one of `setting`, beside it and whatever
    /// their names.
    pub(super) fn beside(
        &mut self,
        setting: &Setting,
    ) -> Result<Vec<NamedSection<'d>>, ConfigError> {
        let (table, _) = self.table(setting.key)?;
        table.inner_sections()
    }

    /// Takes the whole table of this key out; a missing one is empty.
    pub(super) fn whole(&mut self, key: &'static str) -> Result<Section<'d>, ConfigError> {
        let (table, key) = self.table(key)?;
        table.section(key)
    }

    /// Ends the reading: what was not taken out is not known.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let mut innermost_first = self.sections.into_values().rev();
        innermost_first.try_for_each(Section::finish)
    }

    /// The table in which a key stands, and the key's last name.
    fn table(
        &mut self,
        key: &'static str,
    ) -> Result<(&mut Section<'d>, &'static str), ConfigError> {
        let (names, key) = match key.rsplit_once('.') {
            Some((names, key)) => (names.split('.').collect(), key),
            None => (Vec::new(), key),
        };
        let mut outer = String::new();
        for name in names {
            let inner = format!("{outer}{name}.");
            if !self.sections.contains_key(&inner) {
                let section = self.section(&outer).section(name)?;
                self.sections.insert(inner.clone(), section);
            }
            outer = inner;
        }
        Ok((self.section(&outer), key))
    }

    fn section(&mut self, name: &str) -> &mut Section<'d> {
        let section = self.sections.get_mut(name);
        section.expect("a table is opened before what is in it")
    }
}
