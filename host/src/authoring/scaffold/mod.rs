//! Makes a new plugin crate that builds at once, or a text that listens at once.

mod error;
mod made;
mod name;
mod project;
mod text;

use std::io;
use std::path::{Path, PathBuf};

use super::build::{BuildError, PluginCrate};

pub use error::ScaffoldError;
pub use made::Scaffolded;
pub use name::NameError;
pub use project::scaffold_project;
pub use text::{ScaffoldedText, scaffold_text};

/// Where a new crate gets its SDK from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SdkSource {
    /// From a checkout of Hearken, by path.
    Checkout {
        /// Root of the checkout.
        root: PathBuf,
    },
    /// From the crate registry.
    Published {
        /// The version.
        version: &'static str,
    },
}

impl SdkSource {
    /// The SDK that fits this program: that of the checkout that it was built from,
    /// as long as that exists, and otherwise the published one of the same version.
    #[must_use]
    pub fn of_this_build() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        match std::fs::canonicalize(root) {
            Ok(root) if root.join("sdk/Cargo.toml").is_file() => Self::Checkout { root },
            _ => Self::Published {
                version: env!("CARGO_PKG_VERSION"),
            },
        }
    }

    /// The dependency as a crate in folder `dir`, given canonically, states it.
    fn dependency(&self, dir: &Path) -> String {
        match self {
            Self::Published { version } => quoted(version),
            Self::Checkout { root } => {
                // Within the checkout a relative path holds wherever that is moved.
                let sdk = match dir.strip_prefix(root) {
                    Ok(inside) => inside.iter().map(|_| "..").collect::<PathBuf>().join("sdk"),
                    Err(_) => root.join("sdk"),
                };
                format!("{{ path = {} }}", quoted(&sdk.to_string_lossy()))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Makes a plugin crate in the new folder `dir`, whose last part is its name.
///
/// Where an enclosing workspace takes the crate in, it becomes a member of that;
/// anywhere else it gets a workspace of its own, so that it builds in any place.
///
/// # Errors
/// When the name is not one for a crate, the folder exists, it cannot be written,
/// or cargo is missing.
pub async fn scaffold(dir: &Path, sdk: &SdkSource) -> Result<Scaffolded, ScaffoldError> {
    let name = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    name::check(&name).map_err(|source| ScaffoldError::Name {
        name: name.clone(),
        source,
    })?;
    let unwritten = |source| ScaffoldError::Write {
        path: dir.to_owned(),
        source,
    };
    if let Some(parent) = dir.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(unwritten)?;
    }
    match tokio::fs::create_dir(dir).await {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(ScaffoldError::Exists(dir.to_owned()));
        }
        created => created.map_err(unwritten)?,
    }
    let made = fill(dir, name, sdk).await;
    if made.is_err() {
        // The error that is reported is the one that led here.
        let _ = tokio::fs::remove_dir_all(dir).await;
    }
    made
}

async fn fill(dir: &Path, name: String, sdk: &SdkSource) -> Result<Scaffolded, ScaffoldError> {
    let canonical = tokio::fs::canonicalize(dir)
        .await
        .map_err(|source| ScaffoldError::Write {
            path: dir.to_owned(),
            source,
        })?;
    let filled_in = |template: &str| {
        template
            .replace("{name}", &name)
            .replace("{sdk}", &sdk.dependency(&canonical))
    };
    let manifest = filled_in(include_str!("template/Cargo.toml.txt"));
    let files = [
        ("Cargo.toml", manifest.clone()),
        ("src/lib.rs", filled_in(include_str!("template/lib.rs.txt"))),
        (
            "README.md",
            filled_in(include_str!("template/README.md.txt")),
        ),
        (
            ".gitignore",
            filled_in(include_str!("template/gitignore.txt")),
        ),
    ];
    for (file, content) in &files {
        write(&dir.join(file), content).await?;
    }
    // Cargo itself knows best whether a workspace takes the crate in: it complains
    // about a crate that lies in one and is not among its members.
    let member = match PluginCrate::open(dir).await {
        Ok(plugin) => plugin.workspace != plugin.dir,
        Err(BuildError::Manifest { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    if !member {
        let own_workspace = manifest + include_str!("template/workspace.txt");
        write(&dir.join("Cargo.toml"), &own_workspace).await?;
        PluginCrate::open(dir).await?;
    }
    Ok(Scaffolded {
        name,
        dir: dir.to_owned(),
        files: files.map(|(file, _)| file).to_vec(),
    })
}

async fn write(path: &Path, content: &str) -> Result<(), ScaffoldError> {
    let unwritten = |source| ScaffoldError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(unwritten)?;
    }
    tokio::fs::write(path, content).await.map_err(unwritten)
}

#[cfg(test)]
mod tests;
