//! Builds the guests that are measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use hearken::authoring::{WASM_TARGET, ensure_target};

/// The component of the benchmark guest `name`, freshly built; installs the target
/// that it is compiled for if that is missing.
///
/// # Panics
/// When it does not build; then there is nothing to measure. And within a runtime,
/// since it waits with one of its own.
pub(crate) fn component(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(ensure_target(&root, |what| eprintln!("{what}")))
        .unwrap_or_else(|error| panic!("the guest `{name}` cannot be built: {error}"));
    let output = Command::new("cargo")
        .args(["build", "--release", "--target", WASM_TARGET])
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
