//! The `HEARKEN_*` variables of the node.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::error::{ConfigError, NOT_SHOWN};
use super::form::Form;
use super::place::{Place, Placed};
use super::setting::{Setting, VARIABLE_PREFIX};

/// The variables that nothing has read yet.
#[derive(Default)]
pub(super) struct Environment {
    variables: BTreeMap<String, OsString>,
    /// The names that were asked for, which are all that there are.
    known: Vec<String>,
}

impl Environment {
    /// Keeps those of `variables` that are for the node.
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let variables = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(VARIABLE_PREFIX) && !is_for_others(name))
            .collect();
        Self {
            variables,
            known: Vec::new(),
        }
    }

    /// Takes the variable of a setting out, if it is there.
    pub(super) fn placed<T>(
        &mut self,
        setting: &'static Setting,
        form: &Form<T>,
    ) -> Result<Option<Placed<T>>, ConfigError> {
        self.take(setting, form.hidden, |value| form.read(value))
    }

    /// Takes the variable of a setting of several values out, if it is there. They are
    /// separated by commas.
    pub(super) fn list<T>(
        &mut self,
        setting: &'static Setting,
        form: &Form<T>,
    ) -> Result<Option<Vec<Placed<T>>>, ConfigError> {
        let values = self.take(setting, form.hidden, |value| {
            let text = value.to_str().ok_or("it is not UTF-8")?;
            let values = text.split(',').map(str::trim);
            values.map(form.parse).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(values.map(|Placed { value, place }| {
            let placed = |value| Placed {
                value,
                place: place.clone(),
            };
            value.into_iter().map(placed).collect()
        }))
    }

    /// Ends the reading: what was not taken out is not known.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        match self.variables.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(ConfigError::UnknownKey {
                place: Place::Variable(name.clone()),
                key: name,
                known: self.known,
            }),
        }
    }

    fn take<T>(
        &mut self,
        setting: &'static Setting,
        hidden: bool,
        read: impl FnOnce(&OsStr) -> Result<T, String>,
    ) -> Result<Option<Placed<T>>, ConfigError> {
        let name = setting.variable();
        self.known.push(name.clone());
        let Some(value) = self.variables.remove(&name) else {
            return Ok(None);
        };
        let place = Place::Variable(name);
        match read(&value) {
            Ok(value) => Ok(Some(Placed { value, place })),
            Err(problem) if hidden => Err(ConfigError::wrong(
                place,
                setting,
                format_args!("{NOT_SHOWN}"),
                problem,
            )),
            Err(problem) => Err(ConfigError::wrong(place, setting, value, problem)),
        }
    }
}

/// Whether somebody else reads the variable: the client commands, or those who
/// use the addresses that Kubernetes puts into every pod beside a service
/// called `hearken`.
fn is_for_others(name: &str) -> bool {
    matches!(
        name,
        "HEARKEN_HOST" | "HEARKEN_PORT" | "HEARKEN_KEY" | "HEARKEN_CA"
    ) || name.starts_with("HEARKEN_SERVICE_")
        || name.starts_with("HEARKEN_PORT_")
}
