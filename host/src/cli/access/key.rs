//! `hearken access key`.

use clap::Args;
use serde_json::json;

use super::error::AccessCommandError;
use super::expiry::{expiry, text};
use crate::access::{NewKey, check_name};
use crate::cli::error::CliError;
use crate::cli::output::{Output, note};

/// Make a key, and say what to write into hearken.toml
///
/// Only the key goes to stdout, once: the node keeps its hash. The lines for hearken.toml
/// go to stderr.
#[derive(Args, Debug)]
pub(in crate::cli) struct Key {
    /// Name of its holder; two keys with one name are the same principal
    name: String,

    /// Role that it has; may be given again
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,

    /// How long it is valid, e.g. 90days, or until when
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
}

impl Key {
    pub(super) fn run(self, mut output: Output) -> Result<(), CliError> {
        check("a key", &self.name)?;
        for role in &self.roles {
            check("a role", role)?;
        }
        let expires = self.expires.as_deref().map(expiry).transpose()?;
        let expires = expires.map(text).transpose()?;
        let key = NewKey::generate().map_err(AccessCommandError::from)?;
        note(&self.lines(&key, expires.as_deref()));
        let answer = json!({
            "name": self.name,
            "key": key.reveal(),
            "hash": key.hash().to_string(),
            "roles": self.roles,
            "expires": expires,
        });
        output.answer(&answer, || key.reveal())
    }

    /// What belongs into `hearken.toml`.
    fn lines(&self, key: &NewKey, expires: Option<&str>) -> String {
        let name = if self.name.contains('.') {
            format!("\"{}\"", self.name)
        } else {
            self.name.clone()
        };
        let roles: Vec<String> = self
            .roles
            .iter()
            .map(|role| format!("\"{role}\""))
            .collect();
        let expires = expires.map(|expires| format!("\nexpires = \"{expires}\""));
        format!(
            "# For hearken.toml; to replace a key, add the text in `keys` to those that are there.\n\
             [access.keys.{name}]\n\
             keys = [\"{}\"]\n\
             roles = [{}]{}",
            key.hash(),
            roles.join(", "),
            expires.unwrap_or_default()
        )
    }
}

fn check(of: &'static str, name: &str) -> Result<(), AccessCommandError> {
    check_name(name).map_err(|problem| AccessCommandError::Name {
        name: name.to_owned(),
        of,
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigSource, NodeFlags};

    #[test]
    fn the_lines_are_what_the_configuration_takes() {
        for name in ["billing", "a.b"] {
            let command = Key {
                name: name.to_owned(),
                roles: vec!["admin".to_owned(), "observer".to_owned()],
                expires: None,
            };
            let key = NewKey::generate().unwrap();
            let lines = command.lines(&key, Some("2999-12-31T00:00:00Z"));
            assert!(!lines.contains(&key.reveal()), "{lines}");
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("hearken.toml");
            std::fs::write(&file, lines).unwrap();
            let config = ConfigSource::of(&NodeFlags::of_file(Some(file)))
                .read()
                .unwrap();
            let entry = &config.access.keys[name];
            assert_eq!(entry.keys, [key.hash()]);
            assert_eq!(entry.roles.len(), 2);
            assert!(entry.expires.is_some());
        }
    }
}
