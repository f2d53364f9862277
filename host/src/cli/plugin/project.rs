//! What the commands are given that take a plugin: a file, or the folder of one, of which a
//! project is bundled first, or given its packages.

use std::path::{Path, PathBuf};

use super::text::is_text;
use crate::authoring::{
    Bundle, Project, bundle, get_packages, is_crate, is_project, is_python_project, keep_package,
    scaffold_project,
};
use crate::cli::error::CliError;
use crate::cli::output::{Output, note};
use crate::script::{Language, TEXT_EXTENSIONS};

/// The file of a plugin that a command was given.
pub(super) struct Given {
    /// What the plugin is.
    pub(super) file: PathBuf,
    /// Which goes with the command, if it was bundled.
    _bundle: Option<Bundle>,
}

impl Given {
    /// The plugin at `path`: a file, a folder with a main file, or a project, of which a text
    /// is made, or whose packages are got; a crate is its folder.
    ///
    /// # Errors
    /// Why none can be made of it.
    pub(super) async fn find(path: &Path) -> Result<Self, CliError> {
        if is_project(path) {
            return Self::bundled(path).await;
        }
        let file = match path.is_dir() {
            true if is_crate(path) => path.to_owned(),
            true => main_file(path).ok_or_else(|| CliError::NoPlugin(path.to_owned()))?,
            false if is_main(path) => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            false => path.to_owned(),
        };
        if let Some(own) = file.parent()
            && file.ends_with("main.py")
            && is_python_project(own)
        {
            get_packages(own, &mut note).await?;
        }
        Ok(Self {
            file,
            _bundle: None,
        })
    }

    /// The same of what is to run as it is, and so is no crate.
    ///
    /// # Errors
    /// Why none can be made of it.
    pub(super) async fn find_built(path: &Path) -> Result<Self, CliError> {
        let given = Self::find(path).await?;
        match given.file.is_dir() {
            true => Err(CliError::NotBuilt(path.to_owned())),
            false => Ok(given),
        }
    }

    async fn bundled(path: &Path) -> Result<Self, CliError> {
        let project = Project::open(path)?;
        let plugins = project.dir.parent().unwrap_or(&project.dir);
        let unwritten = |file: PathBuf| {
            move |source| CliError::Write {
                file: file.clone(),
                source,
            }
        };
        keep_package(plugins).map_err(unwritten(plugins.join(".hearken")))?;
        let made = bundle(&project, &mut note).await?;
        if let Some(warnings) = &made.warnings {
            note(warnings);
        }
        // The manifest beside the project is the plugin's.
        let manifest = plugins.join(format!("{}.toml", made.name));
        if manifest.is_file() {
            let copy = made.text.with_extension("toml");
            std::fs::copy(manifest, &copy).map_err(unwritten(copy))?;
        }
        Ok(Self {
            file: made.text.clone(),
            _bundle: Some(made),
        })
    }

    /// The same, if it is a text.
    pub(super) fn into_text(self) -> Option<Self> {
        is_text(&self.file).then_some(self)
    }
}

/// Whether a file is the plugin that its folder is, which it is called by.
fn is_main(file: &Path) -> bool {
    is_text(file) && file.file_stem().is_some_and(|stem| stem == "main")
}

/// The main file of a folder that is a plugin.
fn main_file(folder: &Path) -> Option<PathBuf> {
    // By its name: `.` has none.
    let folder = folder.canonicalize().ok()?;
    TEXT_EXTENSIONS
        .iter()
        .map(|extension| folder.join(format!("main.{extension}")))
        .find(|main| main.is_file())
}

/// Makes the project NAME in `parent`.
pub(super) fn new(
    mut output: Output,
    parent: &Path,
    name: &str,
    language: Language,
) -> Result<(), CliError> {
    let made = scaffold_project(parent, name, language)?;
    let dir = made.dir.display().to_string();
    let answer = serde_json::json!({ "name": made.name, "dir": dir, "files": made.files });
    output.answer(&answer, || {
        format!(
            "made {dir}\n`hearken dev` runs it if it is in the plugins folder; without a node: hearken plugin check {dir}"
        )
    })
}
