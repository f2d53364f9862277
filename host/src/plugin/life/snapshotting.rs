//! Making of a text a component that has evaluated it already.

use std::path::Path;

use super::carrying::CarryError;
use super::files::language_of;
use super::load::read_source;
use super::load_error::LoadError;
use super::workbench::{BenchFolders, Workbench};
use crate::config::{Compat, Policy};
use crate::plugin::code::compile::CompileWorkers;
use crate::plugin::guest::script::GuestScript;
use crate::plugin::run::blanking::blank;
use crate::plugin::run::snapshot::{SnapshotError, snapshot as evaluated};
use crate::script::{Language, Script, append};

/// The component that has evaluated the text in `file`, and what it imports, with the
/// configuration in the manifest beside it: instances begin with what it has kept. It is compiled
/// by `workers`; engines that are no part of the program, and what was compiled, are those of the
/// `folders`.
///
/// # Errors
/// [`CarryError`] says what is in the way; a text that does at its top what is for handlers
/// cannot be evaluated ahead.
pub async fn snapshot(
    file: &Path,
    workers: CompileWorkers,
    folders: BenchFolders<'_>,
) -> Result<Vec<u8>, CarryError> {
    // Before its engine is looked for, which need not be there to say so.
    if language_of(file) == Language::Python {
        return Err(CarryError::NotAhead(Language::Python));
    }
    let unread = |error: String| CarryError::Unread(error);
    let bench = Workbench::new("snapshot", file, workers, Policy::default(), folders);
    let bench = bench.map_err(unread)?;
    let told = |error: LoadError| CarryError::Unread(error.into_death().in_full());
    let (artifact, manifest) = read_source(&bench.files, &bench.runtime.engines).map_err(told)?;
    let script = artifact.script.ok_or(CarryError::NoText)?;
    let (runtime, plugin) = (&bench.runtime, &bench.plugin);
    let blanked = blank(runtime, plugin, &script).await;
    let blanked = blanked.map_err(|error| told(LoadError::types(file, error, &script)))?;
    let compat = manifest.engine.compat.map_or("", Compat::as_str).to_owned();
    let guest = GuestScript::new(script.clone(), blanked, compat, manifest.engine.stack());
    let engine = artifact.code.read();
    let engine = engine.map_err(|error| unread(error.to_string()))?;
    let made = evaluated(runtime, plugin, &engine, guest, &manifest.config).await;
    let made = made.map_err(|error| match error {
        SnapshotError::Engine(why) => CarryError::Unread(why),
        SnapshotError::Compile(source) => CarryError::Unread(source.to_string()),
        SnapshotError::Died(death) => CarryError::Unread(death.in_full()),
    })?;
    let script = Script {
        is_evaluated: true,
        ..script
    };
    Ok(append(&made, &script)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CompileSettings;

    #[tokio::test]
    async fn python_is_refused_whether_its_engine_is_there_or_not() {
        let workers = CompileWorkers::new(CompileSettings::default(), 1);
        let nowhere = BenchFolders {
            data: Path::new("/nowhere"),
            cache: None,
        };
        let refused = snapshot(Path::new("a.py"), workers, nowhere).await;
        let refused = refused.unwrap_err();
        assert!(matches!(refused, CarryError::NotAhead(Language::Python)));
        assert!(
            refused.to_string().contains("without `--snapshot`"),
            "{refused}"
        );
    }
}
