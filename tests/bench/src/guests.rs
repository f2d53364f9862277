//! Builds the guests that are measured.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The component of the benchmark guest `name`, freshly built.
///
/// # Panics
/// When it does not build; then there is nothing to measure.
pub(crate) fn component(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new("cargo")
        .args(["build", "--release", "--target", "wasm32-wasip2"])
        .args(["-p", "hearken-bench-guests", "--example", name])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("cargo runs, since it runs this program");
    assert!(output.status.success(), "the guest `{name}` does not build");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["filenames"][0].as_str().map(PathBuf::from))
        .expect("cargo names the artifact that it built")
}
