//! `hearken plugin new|build|check` of a plugin that is a text.

use std::path::{Path, PathBuf};

use super::data::Data;
use super::workers::compile_workers;
use crate::authoring::{CheckReport, EngineReport, scaffold_text};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::config::{LogConfig, LogFormat, Policy};
use crate::logging;
use crate::plugin::{CarryError, carry, engines, inspect, snapshot};
use crate::script::Language;

/// What a plugin is built to.
pub(super) struct Target<'a> {
    /// How the plugin was named: not by what was bundled of it.
    pub(super) of: &'a Path,
    /// Where the component is to be; in `target` if not given.
    pub(super) out: Option<PathBuf>,
    /// Whether it is to be evaluated already.
    pub(super) snapshot: bool,
    pub(super) data: &'a Data,
}

/// The language of a file, if it is a text of a plugin by its name.
fn language(file: &Path) -> Option<Language> {
    let name = file.file_name()?.to_str()?;
    Language::of_name(name).filter(|language| language.is_text())
}

/// Whether a file is a text of a plugin, by its name.
pub(super) fn is_text(file: &Path) -> bool {
    language(file).is_some()
}

/// Makes the file of plugin `name` in `folder`.
pub(super) fn new(
    mut output: Output,
    folder: &Path,
    name: &str,
    language: Language,
) -> Result<(), CliError> {
    let made = scaffold_text(folder, name, language)?;
    let file = made.file.display().to_string();
    let answer = serde_json::json!({ "name": made.name, "file": file });
    output.answer(&answer, || {
        format!(
            "made {file}\na node whose plugins folder it is in runs it at once; without one: hearken plugin check {file}"
        )
    })
}

/// Makes a component that carries the text in `file`, and prints its path.
pub(super) async fn build(
    mut output: Output,
    file: &Path,
    target: Target<'_>,
) -> Result<(), CliError> {
    // What the text logs when it is evaluated.
    let log = logging::init(&LogConfig {
        format: LogFormat::Text,
        ..LogConfig::default()
    })?;
    let made = component(file, target.snapshot, target.data).await;
    log.finish();
    let component = made.map_err(|source| CliError::Carry {
        file: target.of.to_owned(),
        source,
    })?;
    let out = target.out.unwrap_or_else(|| {
        // Not beside the text, where it would be another plugin of its name.
        let name = match file.file_stem().unwrap_or_default() {
            stem if stem == "main" => file.parent().and_then(Path::file_name).unwrap_or(stem),
            stem => stem,
        };
        let mut name = name.to_owned();
        name.push(".wasm");
        Path::new("target").join(name)
    });
    let folder = out.parent().unwrap_or(Path::new(""));
    let made = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&out, component));
    made.map_err(|source| CliError::Write {
        file: out.clone(),
        source,
    })?;
    let path = out.display().to_string();
    output.answer(&serde_json::json!({ "component": path }), || path.clone())
}

/// The component of a text, which has been evaluated: what would not start on a node is told
/// here, where its author is.
async fn component(file: &Path, is_snapshot: bool, data: &Data) -> Result<Vec<u8>, CarryError> {
    if is_snapshot {
        return snapshot(file, compile_workers(), data.folders()).await;
    }
    let component = carry(file, &data.data)?;
    let started = inspect(file, compile_workers(), Policy::default(), data.folders()).await;
    match started {
        Ok(_) => Ok(component),
        Err(reason) => Err(CarryError::Unread(reason)),
    }
}

/// What is known of the text in `file` before it is evaluated.
pub(super) fn text_report(file: &Path, data: &Path) -> Result<CheckReport, CliError> {
    let metadata = std::fs::metadata(file).map_err(|source| CliError::Read {
        file: file.to_owned(),
        source,
    })?;
    let language = language(file).unwrap_or(Language::JavaScript);
    let evaluating = match language {
        Language::Python => Language::Python,
        _ => Language::JavaScript,
    };
    let engine = engines(data).into_iter().find_map(|engine| {
        let is_it = engine.name == evaluating.as_str();
        let hash = engine.hash.filter(|_| is_it)?;
        Some(EngineReport {
            name: engine.name.to_owned(),
            hash,
            built_in: engine.built_in,
        })
    });
    let name = file.display().to_string();
    Ok(CheckReport::of_text(name, metadata.len(), language, engine))
}
