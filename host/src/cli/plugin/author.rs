//! `hearken plugin new|build|check`: what authors do on their own machine, with
//! no node.

use std::path::{Path, PathBuf};

use super::data::Data;
use super::project::Given;
use super::text::{is_text, text_report};
use super::workers::compile_workers;
use crate::authoring::{
    CheckReport, CompilerOutput, Examination, PluginCrate, SdkSource, build as compile,
    check as explain, ensure_target, scaffold,
};
use crate::cli::error::CliError;
use crate::cli::output::{Output, note};
use crate::config::{Manifest, NodeConfig, NodeFlags, Policy};
use crate::interfaces::Handler;
use crate::plugin::{CompileWorkers, inspect};

/// Makes the crate NAME in `parent`.
pub(super) async fn new(mut output: Output, parent: &Path, name: &str) -> Result<(), CliError> {
    let made = scaffold(&parent.join(name), &SdkSource::of_this_build()).await?;
    let dir = made.dir.display().to_string();
    let answer = serde_json::json!({ "name": made.name, "dir": dir, "files": made.files });
    output.answer(&answer, || {
        format!(
            "made {dir}\n`hearken dev` builds it if it is in the plugins folder; otherwise: hearken plugin build {dir}"
        )
    })
}

/// Compiles the crate in `dir` and prints the path of its component.
pub(super) async fn build(mut output: Output, dir: &Path) -> Result<(), CliError> {
    let plugin = PluginCrate::open(dir).await?;
    ensure_target(dir, note).await?;
    let components = compile(&[plugin], CompilerOutput::Shown, |_| {}).await;
    for component in components {
        let component: PathBuf = component?;
        let path = component.display().to_string();
        output.answer(&serde_json::json!({ "component": path }), || path.clone())?;
    }
    Ok(())
}

/// Explains a file; fails when this host cannot run it. Its rights are what the policy in
/// the `configuration` lets it have.
pub(super) async fn check(
    mut output: Output,
    file: &Path,
    configuration: Option<PathBuf>,
    data: &Data,
) -> Result<(), CliError> {
    let policy = policy(configuration)?;
    let workers = compile_workers();
    let shown = file.display().to_string();
    let given = Given::find_built(file).await?;
    let file = given.file.as_path();
    let mut report = if is_text(file) {
        text_report(file, &data.data)?
    } else {
        component_report(file, &workers).await?
    };
    let describes_itself =
        report.session_hooks || report.handler.is_some_and(Handler::describes_itself);
    if report.runnable && (describes_itself || subscribes(&file.with_extension("toml"))) {
        let said = inspect(file, workers, policy, data.folders()).await;
        if let Ok(said) = &said {
            // Which a component may carry a text of.
            report.language = said.language;
        }
        report.set_listeners(said.map(|said| (said.listeners, said.rights)));
    }
    report.file = shown;
    output.answer(&report, || report.to_string())?;
    if report.runnable {
        Ok(())
    } else {
        Err(CliError::NotRunnable(report.file.into()))
    }
}

/// What plugins may do at most, on a node of this configuration.
pub(super) fn policy(configuration: Option<PathBuf>) -> Result<Policy, CliError> {
    if configuration.is_none() {
        return Ok(Policy::default());
    }
    let mut flags = NodeFlags::default();
    flags.config = configuration;
    Ok(NodeConfig::load(&flags)?.policy)
}

async fn component_report(file: &Path, workers: &CompileWorkers) -> Result<CheckReport, CliError> {
    let report = explain(file, async |component: &[u8]| {
        let told = workers.examine(component, file).await;
        let told = told.map_err(|error| error.to_string())?;
        Examination::from_bytes(&told).map_err(|error| error.to_string())
    });
    Ok(report.await?)
}

/// Whether a manifest says what its plugin listens to. So does one that is wrong, as
/// far as this can tell: what is wrong with it is found by loading the plugin.
fn subscribes(manifest: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(manifest) else {
        return manifest.exists();
    };
    Manifest::parse(manifest, &text).map_or(true, |manifest| manifest.subscribe.is_some())
}
