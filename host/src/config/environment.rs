//! The node's configuration from `HEARKEN_*` variables: `HEARKEN_` and the key
//! in capitals, with `_` for the dot (`HEARKEN_LIMITS_MEMORY`); a few are called
//! after their flag instead.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::error::{ConfigError, Place, WrongValue};
use super::form::{Form, TEXT};
use super::layer::{Layer, Placed, Source};

const PREFIX: &str = "HEARKEN_";

/// The variables that nothing has read yet.
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
            .filter(|(name, _)| name.starts_with(PREFIX) && !is_for_others(name))
            .collect();
        Self {
            variables,
            known: Vec::new(),
        }
    }

    /// The configuration file that `HEARKEN_CONFIG` names.
    pub(super) fn config_file(&mut self) -> Result<Option<PathBuf>, ConfigError> {
        Ok(self.value("config", &TEXT)?.map(PathBuf::from))
    }

    /// What the variables say.
    pub(super) fn into_layer(mut self) -> Result<Layer, ConfigError> {
        let layer = Layer::read(&mut self)?;
        match self.variables.into_keys().next() {
            None => Ok(layer),
            Some(name) => Err(ConfigError::UnknownKey {
                place: Place::Variable(name.clone()),
                key: name,
                known: self.known,
            }),
        }
    }
}

impl Source for Environment {
    fn placed<T>(
        &mut self,
        key: &'static str,
        form: &Form<T>,
    ) -> Result<Option<Placed<T>>, ConfigError> {
        self.take(key, form.expected, form.parse)
    }

    /// The values are separated by commas.
    fn list<T>(
        &mut self,
        key: &'static str,
        form: &Form<T>,
    ) -> Result<Option<Vec<Placed<T>>>, ConfigError> {
        let parse = |text: &str| {
            let values = text.split(',').map(str::trim);
            values.map(form.parse).collect::<Result<Vec<_>, _>>()
        };
        let values = self.take(key, form.expected, parse)?;
        Ok(values.map(|Placed { value, place }| {
            let placed = |value| Placed {
                value,
                place: place.clone(),
            };
            value.into_iter().map(placed).collect()
        }))
    }
}

impl Environment {
    /// Takes the variable of a setting out, if it is there, and reads it.
    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<Placed<T>>, ConfigError> {
        let name = variable(key);
        self.known.push(name.clone());
        let Some(value) = self.variables.remove(&name) else {
            return Ok(None);
        };
        let place = Place::Variable(name);
        let parsed = match value.to_str() {
            Some(text) => parse(text),
            None => Err("it is not UTF-8".to_owned()),
        };
        match parsed {
            Ok(value) => Ok(Some(Placed { value, place })),
            Err(problem) => Err(ConfigError::from(Box::new(WrongValue {
                place,
                key: key.to_owned(),
                found: format!("{value:?}"),
                problem,
                expected,
            }))),
        }
    }
}

/// The variable of a setting.
fn variable(key: &str) -> String {
    let name = match key {
        "cluster.join" => "join",
        "cluster.tls.ca" => "cluster_ca",
        "cluster.tls.certificate" => "cluster_cert",
        "cluster.tls.key" => "cluster_key",
        "cluster.tls.crl" => "cluster_crl",
        key => key,
    };
    format!("{PREFIX}{}", name.replace('.', "_").to_ascii_uppercase())
}

/// Whether somebody else reads the variable: the client commands, or those who
/// use the addresses that Kubernetes puts into every pod beside a service
/// called `hearken`.
fn is_for_others(name: &str) -> bool {
    matches!(name, "HEARKEN_HOST" | "HEARKEN_PORT")
        || name.starts_with("HEARKEN_SERVICE_")
        || name.starts_with("HEARKEN_PORT_")
}
