//! Builds the guests that are measured.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target of a component.
const COMPONENT: &str = "wasm32-wasip2";

/// The target of a core module.
pub(crate) const MODULE: &str = "wasm32-unknown-unknown";

/// The component of the benchmark guest `name`, freshly built; adds the target that it
/// is compiled for if that is missing.
///
/// # Panics
/// When it does not build; then there is nothing to measure.
pub(crate) fn component(name: &str) -> PathBuf {
    add_target(COMPONENT)
        .and_then(|()| example(name, COMPONENT))
        .unwrap_or_else(|reason| panic!("{reason}"))
}

/// The core module of the benchmark guest `name`, freshly built.
///
/// # Errors
/// Says why it cannot be built here.
pub(crate) fn module(name: &str) -> Result<PathBuf, String> {
    add_target(MODULE)?;
    example(name, MODULE)
}

/// Adds a target to the toolchain, unless it is there.
///
/// # Errors
/// What rustup says.
pub(crate) fn add_target(target: &str) -> Result<(), String> {
    let mut rustup = Command::new("rustup");
    run(rustup.args(["target", "add", target]))
}

/// Runs a command whose output only matters if it fails.
///
/// # Errors
/// Names the command, and says what it wrote on stderr about an error, or last.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let telling = said
        .lines()
        .find(|line| line.contains("rror"))
        .or_else(|| said.lines().rfind(|line| !line.trim().is_empty()));
    let telling = telling.unwrap_or("it says nothing").trim();
    Err(format!("`{program}` failed ({}): {telling}", output.status))
}

/// The root of the checkout.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn example(name: &str, target: &str) -> Result<PathBuf, String> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--target", target])
        .args(["-p", "hearken-bench-guests", "--example", name])
        .current_dir(checkout());
    artifact(&mut cargo, name)
}

/// Runs `cargo build …` and returns the file that it makes of the target `name`.
///
/// # Errors
/// Says that it does not build; the compiler's own words are on stderr.
pub(crate) fn artifact(cargo: &mut Command, name: &str) -> Result<PathBuf, String> {
    let output = cargo
        .args(["--quiet", "--message-format=json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`cargo` cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{name}` does not build; see above"));
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| {
            let executable = message["executable"].as_str();
            let file = executable.or_else(|| message["filenames"][0].as_str());
            file.map(PathBuf::from)
        })
        .ok_or_else(|| format!("cargo does not name the file that it made of `{name}`"))
}
