//! The compiled plugins: the guests of `tests/guests` and the gallery, built once
//! a test run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use cargo_metadata::{Message, TargetKind};
use hearken::authoring::{self, CompilerOutput, PluginCrate, WASM_TARGET};

type Components = BTreeMap<String, PathBuf>;

/// The component of a test guest.
pub fn guest(name: &str) -> &'static Path {
    find(all(), "tests/guests/examples", name)
}

/// The components of all test guests, by name.
pub fn all() -> &'static Components {
    static GUESTS: OnceLock<Components> = OnceLock::new();
    GUESTS.get_or_init(|| with_target(|| build_guests().unwrap_or_else(|error| panic!("{error}"))))
}

/// The component of a gallery plugin.
pub fn gallery(name: &str) -> &'static Path {
    static GALLERY: OnceLock<Components> = OnceLock::new();
    let components = GALLERY.get_or_init(|| with_target(build_gallery));
    find(components, "plugins", name)
}

/// The folder of the gallery: its crates and their manifests.
pub fn gallery_folder() -> PathBuf {
    checkout().join("plugins")
}

fn find(components: &'static Components, folder: &str, name: &str) -> &'static Path {
    match components.get(name) {
        Some(path) => path,
        None => panic!("there is no plugin `{name}` in {folder}"),
    }
}

/// The folder of the repository.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is a folder of the checkout")
}

/// Cargo's target folder for what these tests compile, which is that of the tests
/// themselves.
pub fn target_folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("a folder in the target folder")
}

/// Makes sure that the toolchain can compile plugins.
pub fn ensure_target() {
    static READY: OnceLock<()> = OnceLock::new();
    READY.get_or_init(|| {
        apart(|| {
            runtime()
                .block_on(authoring::ensure_target(checkout(), |what| {
                    eprintln!("{what}")
                }))
                .unwrap_or_else(|error| panic!("cannot build the plugins of these tests: {error}"));
        });
    });
}

/// Runs `build` once the toolchain can compile plugins.
fn with_target(build: fn() -> Components) -> Components {
    ensure_target();
    apart(build)
}

/// Runs `task` on a thread of its own, since the callers are in a runtime already.
fn apart<T: Send>(task: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(task)
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn build_guests() -> Result<Components, String> {
    let output = Command::new("cargo")
        .args(["build", "--release", "--target", WASM_TARGET])
        .args(["--package", "hearken-guests", "--examples"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(checkout())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run cargo to build the guests: {error}"))?;
    if !output.status.success() {
        return Err("the guests in tests/guests do not compile: see cargo's messages".to_owned());
    }
    let mut components = BTreeMap::new();
    for message in Message::parse_stream(&*output.stdout) {
        if let Ok(Message::CompilerArtifact(artifact)) = message
            && artifact.target.kind.contains(&TargetKind::Example)
        {
            let component = artifact
                .filenames
                .into_iter()
                .find(|file| file.extension() == Some("wasm"))
                .ok_or_else(|| format!("the guest `{}` is no component", artifact.target.name))?;
            components.insert(artifact.target.name, component.into_std_path_buf());
        }
    }
    Ok(components)
}

fn build_gallery() -> Components {
    runtime().block_on(async {
        let mut crates = Vec::new();
        for folder in authoring::discover(&gallery_folder()).expect("the gallery is there") {
            crates.push(PluginCrate::open(&folder).await.expect("a plugin crate"));
        }
        let built = authoring::build(&crates, CompilerOutput::Shown, |_| {}).await;
        crates
            .into_iter()
            .zip(built)
            .map(|(plugin, component)| match component {
                Ok(component) => (plugin.name, component),
                Err(error) => panic!("the gallery does not build: {error}"),
            })
            .collect()
    })
}
