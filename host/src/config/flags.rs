//! The flags of the node, as they were written.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::error::ConfigError;
use super::form::Form;
use super::place::{Place, Placed};
use super::setting::Setting;

/// The flags of every command that runs a node. A flag wins over its
/// `HEARKEN_*` variable, which wins over `hearken.toml`.
#[derive(Clone, Debug, Default)]
pub struct NodeFlags {
    /// The configuration file, which must exist.
    pub config: Option<PathBuf>,
    /// What was given, by the key of the setting.
    values: BTreeMap<&'static str, Vec<OsString>>,
}

impl NodeFlags {
    /// No flag but the one that names the file, if that.
    #[must_use]
    pub fn of_file(config: Option<PathBuf>) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Notes the values of a setting, in their order; for a switch `true`.
    pub(super) fn insert(&mut self, setting: &'static Setting, values: Vec<OsString>) {
        self.values.insert(setting.key, values);
    }

    /// The value of a setting, if it was given.
    pub(super) fn placed<T>(
        &self,
        setting: &'static Setting,
        form: &Form<T>,
    ) -> Result<Option<Placed<T>>, ConfigError> {
        Ok(self
            .list(setting, form)?
            .and_then(|mut values| values.pop()))
    }

    /// The values of a setting, if any were given.
    pub(super) fn list<T>(
        &self,
        setting: &'static Setting,
        form: &Form<T>,
    ) -> Result<Option<Vec<Placed<T>>>, ConfigError> {
        let (Some(values), Some((flag, _))) = (self.values.get(setting.key), setting.flag()) else {
            return Ok(None);
        };
        let place = Place::Flag(flag);
        let placed = |value: &OsString| match form.read(value) {
            Ok(value) => Ok(Placed {
                value,
                place: place.clone(),
            }),
            Err(problem) => Err(ConfigError::wrong(place.clone(), setting, value, problem)),
        };
        values
            .iter()
            .map(placed)
            .collect::<Result<_, _>>()
            .map(Some)
    }
}
