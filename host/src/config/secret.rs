//! Secrets of plugins: where a manifest's table `[secrets]` says that they are, and where
//! the node's policy says that they may be.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::document::NamedSection;
use super::error::{ConfigError, WrongValue};
use super::form::{Form, Kind, PATH};

/// Most secrets of one manifest: each is kept in memory, and looked for in all that the
/// plugin prints.
const MAX_SECRETS: usize = 64;

/// What a variable begins with in a policy.
const VARIABLE_PREFIX: &str = "env:";

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file; a relative path starts at the manifest's folder.
    File(PathBuf),
    /// In an environment variable of the node.
    Variable(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "env {name}"),
        }
    }
}

/// Where the node's policy lets secrets be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretBound {
    /// In this file, or in any below this folder; a relative path starts at the manifest's
    /// folder, as that of a source does. Has neither `.` nor `..` in it.
    Path(PathBuf),
    /// In this environment variable of the node.
    Variable(String),
}

/// A secret that a plugin may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedSecret {
    /// Where it is.
    pub source: SecretSource,
    /// The folder that the file must lie in, links followed, where that and not the file
    /// was granted; a relative path starts at the manifest's folder.
    pub within: Option<PathBuf>,
}

impl SecretBound {
    /// What is granted of a source, if it is within the bound.
    pub(super) fn grant(&self, source: &SecretSource) -> Option<GrantedSecret> {
        let granted = |within| GrantedSecret {
            source: source.clone(),
            within,
        };
        match (self, source) {
            (Self::Path(bound), SecretSource::File(path)) => {
                let path = plain(path)?;
                // Below nothing, which is the manifest's folder, there is every path.
                let is_within =
                    path.is_absolute() == bound.is_absolute() && path.starts_with(bound);
                is_within.then(|| granted((path != *bound).then(|| bound.clone())))
            }
            (Self::Variable(bound), SecretSource::Variable(name)) => {
                (bound == name).then(|| granted(None))
            }
            (Self::Path(_), SecretSource::Variable(_))
            | (Self::Variable(_), SecretSource::File(_)) => None,
        }
    }
}

/// A path without `.`; none that has `..`, which may lead anywhere.
fn plain(path: &Path) -> Option<PathBuf> {
    let kept = path
        .components()
        .filter(|part| !matches!(part, Component::CurDir));
    kept.map(|part| (part != Component::ParentDir).then_some(part))
        .collect()
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
            _ if secrets.len() == MAX_SECRETS => {
                format!("there are more than {MAX_SECRETS} secrets")
            }
            (Some(path), None) => {
                secrets.insert(key, SecretSource::File(path));
                continue;
            }
            (None, Some(name)) => {
                secrets.insert(key, SecretSource::Variable(name));
                continue;
            }
            (Some(_), Some(_)) => "it is in both a file and a variable".to_owned(),
            (None, None) => "it is in neither a file nor a variable".to_owned(),
        };
        return Err(ConfigError::from(Box::new(WrongValue {
            place,
            key: format!("secrets.{key}"),
            found: "a table".to_owned(),
            problem,
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

pub(super) const SECRET_BOUND: Form<SecretBound> = Form::new(
    Kind::String,
    "`env:NAME`, or the path of a file or a folder as manifests write it, e.g. \"env:TOKEN\" or \
     \"/run/secrets/webhook\"",
    |text| {
        if let Some(name) = text.strip_prefix(VARIABLE_PREFIX) {
            return (VARIABLE.parse)(name).map(SecretBound::Variable);
        }
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        let path = plain(Path::new(text)).ok_or("it has `..` in it, which may lead anywhere")?;
        Ok(SecretBound::Path(path))
    },
);

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(bound: &str, source: &SecretSource) -> Option<Option<String>> {
        let bound = (SECRET_BOUND.parse)(bound).expect(bound);
        let granted = bound.grant(source)?;
        assert_eq!(granted.source, *source);
        Some(granted.within.map(|path| path.display().to_string()))
    }

    fn file(path: &str) -> SecretSource {
        SecretSource::File(path.into())
    }

    #[test]
    fn a_bound_is_a_file_or_what_lies_below_a_folder() {
        let below = |folder: &str| Some(Some(folder.to_owned()));
        assert_eq!(granted("/run/a", &file("/run/a")), Some(None));
        assert_eq!(granted("/run/a", &file("/run/./a")), Some(None));
        assert_eq!(granted("/run/a/", &file("/run/a/b/c")), below("/run/a"));
        assert_eq!(granted("./token", &file("token")), Some(None));
        assert_eq!(granted(".", &file("token")), below(""));
        assert_eq!(granted("/", &file("/etc/shadow")), below("/"));
    }

    #[test]
    fn no_spelling_of_a_path_leads_out_of_a_bound() {
        for (bound, path) in [
            ("/run/a", "/run/ab"),
            ("/run/a", "/run"),
            ("/run/a", "/run/a/../b"),
            ("/run/a", "/run/a/b/../c"),
            ("/run/a", "run/a"),
            ("run/a", "/run/a"),
            (".", "/etc/shadow"),
            (".", "../token"),
            ("token", "Token"),
        ] {
            assert_eq!(granted(bound, &file(path)), None, "{bound} and {path}");
        }
    }

    #[test]
    fn a_variable_is_granted_by_its_name_alone() {
        let token = SecretSource::Variable("TOKEN".to_owned());
        assert_eq!(granted("env:TOKEN", &token), Some(None));
        for bound in ["env:TOKE", "env:TOKEN2", "env:token", "TOKEN", "."] {
            assert_eq!(granted(bound, &token), None, "{bound}");
        }
        assert_eq!(granted("env:TOKEN", &file("TOKEN")), None);
        assert_eq!(granted("./env:TOKEN", &file("env:TOKEN")), Some(None));
    }

    #[test]
    fn a_bound_that_means_nothing_is_refused() {
        for text in ["", "env:", "env:A=B", "..", "a/../b"] {
            assert!((SECRET_BOUND.parse)(text).is_err(), "{text:?}");
        }
    }
}
