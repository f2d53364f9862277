//! What a project says of itself.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::script::PROJECT;

use super::error::ProjectError;

/// What a project begins with if it does not say so itself: the first that is there.
const ENTRIES: [&str; 4] = ["src/main", "src/index", "main", "index"];

/// In these languages.
const EXTENSIONS: [&str; 6] = ["ts", "js", "mts", "mjs", "tsx", "jsx"];

/// Longest `package.json`, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// A folder with a `package.json`.
#[derive(Clone, Debug)]
pub struct Project {
    /// Name of the folder, and so of the plugin.
    pub name: String,
    /// The folder.
    pub dir: PathBuf,
    described: Described,
}

/// What of a `package.json` matters.
#[derive(Clone, Debug, Default, Deserialize)]
struct Described {
    /// The source to begin with, as other bundlers have it.
    source: Option<String>,
    #[serde(default)]
    dependencies: serde_json::Map<String, serde_json::Value>,
    #[serde(default, rename = "devDependencies")]
    dev_dependencies: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    hearken: Settings,
}

/// What a project says of its plugin, under `hearken`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The source to begin with.
    entry: Option<String>,
    /// What else the bundler is given.
    #[serde(default)]
    esbuild: Vec<String>,
}

/// Whether a folder is a crate.
#[must_use]
pub fn is_crate(dir: &Path) -> bool {
    dir.join("Cargo.toml").is_file()
}

/// Whether a folder is a project of npm. One that is a crate too is the crate.
#[must_use]
pub fn is_project(dir: &Path) -> bool {
    dir.join(PROJECT).is_file() && !is_crate(dir)
}

impl Project {
    /// Reads what the project in folder `dir` says of itself. Blocks on the disk.
    ///
    /// # Errors
    /// [`ProjectError`] when there is no such project, or it is described wrongly.
    pub fn open(dir: &Path) -> Result<Self, ProjectError> {
        let described = dir.join(PROJECT);
        let wrong = |reason: String| ProjectError::Described {
            file: described.clone(),
            reason,
        };
        let dir = std::fs::canonicalize(dir).map_err(|error| wrong(error.to_string()))?;
        let length = std::fs::metadata(&described).map_err(|error| wrong(error.to_string()))?;
        if length.len() > MAX_BYTES {
            return Err(wrong(format!("it has more than {MAX_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(&described).map_err(|error| wrong(error.to_string()))?;
        let name = dir.file_name().unwrap_or_default();
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            described: serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?,
            dir,
        })
    }

    /// The source to begin with, relative to the folder.
    pub(super) fn entry(&self) -> Result<String, ProjectError> {
        let said = self.described.hearken.entry.as_ref();
        if let Some(entry) = said.or(self.described.source.as_ref()) {
            return match self.dir.join(entry).is_file() {
                true => Ok(entry.clone()),
                false => Err(ProjectError::NoEntry {
                    dir: self.dir.clone(),
                    said: Some(entry.clone()),
                }),
            };
        }
        let mut usual = ENTRIES
            .iter()
            .flat_map(|stem| EXTENSIONS.map(|extension| format!("{stem}.{extension}")));
        usual
            .find(|entry| self.dir.join(entry).is_file())
            .ok_or_else(|| ProjectError::NoEntry {
                dir: self.dir.clone(),
                said: None,
            })
    }

    /// What else the bundler is to be given.
    pub(super) fn arguments(&self) -> &[String] {
        &self.described.hearken.esbuild
    }

    /// The packages that it needs, for itself or its tools.
    pub(super) fn needed(&self) -> impl Iterator<Item = &String> {
        let Described {
            dependencies,
            dev_dependencies,
            ..
        } = &self.described;
        dependencies.keys().chain(dev_dependencies.keys())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(described: &str, files: &[&str]) -> (tempfile::TempDir, Project) {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("shop");
        for file in files {
            let path = dir.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::fs::write(dir.join(PROJECT), described).unwrap();
        let project = Project::open(&dir).unwrap();
        (root, project)
    }

    #[test]
    fn a_project_begins_where_it_says_or_where_it_is_usual() {
        let files = ["src/main.ts", "src/index.js", "other.js"];
        let (_root, usual) = project("{}", &files);
        assert_eq!(usual.name, "shop");
        assert_eq!(usual.entry().unwrap(), "src/main.ts");
        let (_root, source) = project(r#"{ "source": "other.js" }"#, &files);
        assert_eq!(source.entry().unwrap(), "other.js");
        let said = r#"{ "source": "other.js", "hearken": { "entry": "src/index.js" } }"#;
        assert_eq!(
            project(said, &files).1.described.hearken.entry.unwrap(),
            "src/index.js"
        );
        let (_root, gone) = project(r#"{ "hearken": { "entry": "gone.js" } }"#, &files);
        assert!(gone.entry().unwrap_err().to_string().contains("gone.js"));
        let (_root, none) = project("{}", &["readme"]);
        assert!(
            none.entry()
                .unwrap_err()
                .to_string()
                .contains("src/main.ts")
        );
    }

    #[test]
    fn what_is_no_project_is_told_by_its_file() {
        let root = tempfile::tempdir().unwrap();
        let told = || Project::open(root.path()).unwrap_err().to_string();
        assert!(!is_project(root.path()));
        assert!(told().contains(PROJECT));
        std::fs::write(
            root.path().join(PROJECT),
            r#"{ "hearken": { "entri": "a" } }"#,
        )
        .unwrap();
        assert!(is_project(root.path()));
        assert!(told().contains("entri"));
        std::fs::write(root.path().join("Cargo.toml"), "").unwrap();
        assert!(!is_project(root.path()), "it is a crate");
    }
}
