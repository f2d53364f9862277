//! The table `[secrets]` of a manifest: where a plugin's secrets are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::document::NamedSection;
use super::error::{ConfigError, WrongValue};
use super::form::{Form, Kind, PATH};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file; a relative path starts at the manifest's folder.
    File(PathBuf),
    /// In an environment variable of the node.
    Variable(String),
}

/// Takes all of the table.
pub(super) fn read(
    tables: Vec<NamedSection<'_>>,
) -> Result<BTreeMap<String, SecretSource>, ConfigError> {
    let mut secrets = BTreeMap::new();
    for table in tables {
        let NamedSection {
            name: key,
            place,
            section: mut table,
        } = table;
        let file = table.value("file", &PATH)?;
        let variable = table.value("env", &VARIABLE)?;
        table.finish()?;
        let problem = match (file, variable) {
            (Some(path), None) => {
                secrets.insert(key, SecretSource::File(path));
                continue;
            }
            (None, Some(name)) => {
                secrets.insert(key, SecretSource::Variable(name));
                continue;
            }
            (Some(_), Some(_)) => "it is in both a file and a variable",
            (None, None) => "it is in neither a file nor a variable",
        };
        return Err(ConfigError::from(Box::new(WrongValue {
            place,
            key: format!("secrets.{key}"),
            found: "a table".to_owned(),
            problem: problem.to_owned(),
            expected: "`{ file = \"token\" }` or `{ env = \"TOKEN\" }`",
        })));
    }
    Ok(secrets)
}

const VARIABLE: Form<String> = Form::new(
    Kind::String,
    "the name of an environment variable, e.g. \"TOKEN\"",
    |text| match text.is_empty() || text.contains(['=', '\0']) {
        true => Err("it is no name".to_owned()),
        false => Ok(text.to_owned()),
    },
);
