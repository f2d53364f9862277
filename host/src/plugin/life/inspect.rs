//! What a plugin listens to, found out by starting it once, apart from any node.

use std::path::Path;

use super::listener::Listener;
use super::status::rights_status;
use super::workbench::{BenchFolders, Workbench};
use crate::admin::{ListenerStatus, RightsStatus};
use crate::config::Policy;
use crate::plugin::code::compile::CompileWorkers;
use crate::script::Language;

/// What a plugin listens to, and what it may do, on a node with a policy.
pub struct Inspection {
    /// What it is written in.
    pub language: Language,
    /// What it listens to, as far as it may.
    pub listeners: Vec<ListenerStatus>,
    /// What it may do.
    pub rights: RightsStatus,
}

/// Starts the plugin in `file`, with the manifest beside it if there is one,
/// and asks what it listens to; `policy` bounds that and what it may do. It is compiled by
/// `workers`; engines that are no part of the program are those of the `folders`.
/// Takes as long as compiling does, and then at most the plugin's deadline.
///
/// # Errors
/// Why the plugin would not load, in the words that a node would use.
pub async fn inspect(
    file: &Path,
    workers: CompileWorkers,
    policy: Policy,
    folders: BenchFolders<'_>,
) -> Result<Inspection, String> {
    let bench = Workbench::new("check", file, workers, policy, folders)?;
    let staged = bench.load().await?;
    Ok(Inspection {
        language: staged.language,
        listeners: staged.listeners.iter().map(Listener::status).collect(),
        rights: rights_status(&staged.version.rights, staged.unheard),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CompileSettings;

    #[tokio::test]
    async fn a_missing_component_is_told_before_what_is_wrong_with_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("gone.toml"), "nonsense = 1").unwrap();
        let workers = CompileWorkers::new(CompileSettings::default(), 1);
        let gone = folder.path().join("gone.wasm");
        let folders = BenchFolders {
            data: folder.path(),
            cache: None,
        };
        let inspected = inspect(&gone, workers, Policy::default(), folders).await;
        let error = inspected.err().unwrap();
        assert!(
            error.contains("gone.wasm") && !error.contains("nonsense"),
            "{error}"
        );
    }
}
