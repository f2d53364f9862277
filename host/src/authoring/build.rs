//! Compiles plugin crates to components with the author's own cargo.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cargo_metadata::camino::Utf8Path;
use cargo_metadata::{MetadataCommand, Package};
use tokio::process::Command;
use tokio::time::Instant;

use super::cargo::{self, Component};
use super::project::ProjectError;
use super::toolchain::WASM_TARGET;

/// A crate that cargo can compile to a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginCrate {
    /// Name of the package, and so of the plugin.
    pub name: String,
    /// Folder of the crate's `Cargo.toml`.
    pub dir: PathBuf,
    /// Folders whose sources go into the component: the crate's own first, then
    /// those of its path dependencies, as far as its workspace knows them.
    pub sources: Vec<PathBuf>,
    /// Cargo's unambiguous name for the package.
    id: String,
    /// Root of the workspace that the crate is a member of, or its own folder.
    pub(super) workspace: PathBuf,
}

/// Where the compiler's messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompilerOutput {
    /// To this process's standard error, in colour where that is a terminal.
    Shown,
    /// Into [`BuildError::Compile`].
    Captured,
}

/// A component that is there, while others may still be compiled.
#[derive(Debug)]
pub struct Compiled<'c> {
    /// The crate.
    pub plugin: &'c PluginCrate,
    /// Whether there was nothing to compile.
    pub fresh: bool,
    /// Time since the build of all crates began.
    pub after: Duration,
}

/// Why a crate or a project gave no plugin.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder has no `Cargo.toml`.
    #[error("{} has no Cargo.toml: give the folder of a plugin crate", .0.display())]
    NoManifest(PathBuf),
    /// The folder's `Cargo.toml` describes a workspace without a package.
    #[error(
        "{} is a workspace, not a crate: give the folder of one of its members",
        .0.display()
    )]
    NotAPackage(PathBuf),
    /// The crate's library is not of the kind that becomes a component.
    #[error(
        "{} does not make a component: add these lines to it\n\n[lib]\ncrate-type = [\"cdylib\"]\n",
        .0.display()
    )]
    NotCdylib(PathBuf),
    /// Cargo does not accept the crate's or its workspace's `Cargo.toml`.
    #[error("cargo cannot read {}: {output}", manifest.display())]
    Manifest {
        /// The crate's manifest.
        manifest: PathBuf,
        /// What cargo said.
        output: String,
    },
    /// The crate, or something that it depends on, does not compile.
    #[error("`{name}` does not compile{}", shown_or(output))]
    Compile {
        /// The package.
        name: String,
        /// What the compiler said, if it was to be captured.
        output: Option<String>,
    },
    /// Cargo was not found or could not be started.
    #[error(
        "cannot run `cargo`: {0}; plugins are compiled with Rust, install it from https://rustup.rs"
    )]
    Cargo(String),
    /// It is a project of npm, of which no text was made.
    #[error(transparent)]
    Project(#[from] ProjectError),
}

fn shown_or(output: &Option<String>) -> String {
    match output {
        Some(output) => format!(":\n{output}"),
        None => ": see the compiler's messages above".to_owned(),
    }
}

impl PluginCrate {
    /// Asks cargo about the crate in folder `dir`; needs no network.
    ///
    /// # Errors
    /// When there is no such crate, cargo rejects its manifest, or its library is
    /// not a `cdylib`.
    pub async fn open(dir: &Path) -> Result<Self, BuildError> {
        let manifest = dir.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(BuildError::NoManifest(dir.to_owned()));
        }
        // Cargo answers with canonical paths, which are compared with this one.
        let manifest = std::fs::canonicalize(&manifest).map_err(|error| BuildError::Manifest {
            manifest: manifest.clone(),
            output: error.to_string(),
        })?;
        let mut question = MetadataCommand::new();
        question.no_deps().manifest_path(&manifest);
        let question = question.cargo_command().into();
        let output = cargo::run(question).await.map_err(cannot)?;
        let rejected = |output: String| BuildError::Manifest {
            manifest: manifest.clone(),
            output,
        };
        if !output.status.success() {
            return Err(rejected(text(&output.stderr)));
        }
        let metadata = MetadataCommand::parse(text(&output.stdout))
            .map_err(|error| rejected(error.to_string()))?;
        let package = metadata
            .packages
            .iter()
            .find(|package| package.manifest_path == manifest)
            .ok_or_else(|| BuildError::NotAPackage(dir.to_owned()))?;
        if !package.targets.iter().any(|target| target.is_cdylib()) {
            return Err(BuildError::NotCdylib(manifest));
        }
        Ok(Self {
            name: package.name.to_string(),
            dir: manifest.parent().unwrap_or(dir).to_owned(),
            sources: sources(package, &metadata.packages),
            id: package.id.repr.clone(),
            workspace: metadata.workspace_root.into_std_path_buf(),
        })
    }
}

/// The folders of a package and of its path dependencies, and of theirs if they
/// are among the workspace's `members`.
fn sources(package: &Package, members: &[Package]) -> Vec<PathBuf> {
    let mut folders: Vec<_> = (package.manifest_path.parent().into_iter())
        .map(Utf8Path::to_owned)
        .collect();
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        next += 1;
        let package =
            (members.iter()).find(|member| member.manifest_path.parent() == Some(folder.as_path()));
        for dependency in package.iter().flat_map(|package| &package.dependencies) {
            if let Some(path) = &dependency.path
                && !folders.contains(path)
            {
                folders.push(path.clone());
            }
        }
    }
    folders.into_iter().map(Into::into).collect()
}

/// Compiles the crates in release mode and returns, in the same order, the path
/// of each one's component in cargo's target folder.
///
/// Crates of one workspace are compiled by one call of cargo. One that does not
/// compile does not keep the others from it. Each component is told to `report`, which
/// should not block, as soon as it is there. A compilation takes as long as it takes;
/// dropping the future ends it.
pub async fn build(
    crates: &[PluginCrate],
    output: CompilerOutput,
    mut report: impl FnMut(Compiled<'_>) + Send,
) -> Vec<Result<PathBuf, BuildError>> {
    let began = Instant::now();
    let mut workspaces: BTreeMap<&Path, Vec<usize>> = BTreeMap::new();
    for (index, plugin) in crates.iter().enumerate() {
        workspaces.entry(&plugin.workspace).or_default().push(index);
    }
    let mut results = BTreeMap::new();
    for (workspace, members) in workspaces {
        let packages: Vec<_> = members.iter().map(|&index| &crates[index]).collect();
        let report = |plugin, fresh| {
            let after = began.elapsed();
            report(Compiled {
                plugin,
                fresh,
                after,
            });
        };
        let built = build_workspace(workspace, &packages, output, report).await;
        results.extend(members.into_iter().zip(built));
    }
    results.into_values().collect()
}

async fn build_workspace<'c>(
    workspace: &Path,
    packages: &[&'c PluginCrate],
    output: CompilerOutput,
    mut report: impl FnMut(&'c PluginCrate, bool),
) -> Vec<Result<PathBuf, BuildError>> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--lib", "--keep-going"])
        .args(["--target", WASM_TARGET])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(workspace);
    for package in packages {
        cargo.args(["--package", &package.id]);
    }
    let stderr = match output {
        CompilerOutput::Shown => Stdio::inherit(),
        CompilerOutput::Captured => Stdio::piped(),
    };
    let mut components = BTreeMap::new();
    let finished = cargo::build(cargo, stderr, |component| {
        let Component {
            package,
            file,
            fresh,
        } = component;
        let plugin = packages.iter().find(|plugin| plugin.id == package);
        if let Some(plugin) = plugin {
            report(plugin, fresh);
        }
        components.insert(package, file);
    });
    let said = match finished.await.map_err(cannot) {
        Ok(said) => said,
        Err(error) => return packages.iter().map(|_| Err(error.clone())).collect(),
    };
    packages
        .iter()
        .map(|package| {
            components
                .get(&package.id)
                .cloned()
                .ok_or_else(|| BuildError::Compile {
                    name: package.name.clone(),
                    output: (output == CompilerOutput::Captured).then(|| text(&said)),
                })
        })
        .collect()
}

fn cannot(error: io::Error) -> BuildError {
    BuildError::Cargo(error.to_string())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The package names are unlike any others, because the tests share cargo's
    // target folder with the workspace when the environment names one.
    fn write_crate(dir: &Path, name: &str, crate_type: &str, source: &str) {
        std::fs::create_dir_all(dir.join("src")).unwrap();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [lib]\ncrate-type = [\"{crate_type}\"]\n"
        );
        std::fs::write(dir.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(dir.join("src/lib.rs"), source).unwrap();
    }

    #[tokio::test]
    async fn a_crate_that_does_not_compile_keeps_no_other_from_its_component() {
        let dir = tempfile::tempdir().unwrap();
        let member = |name: &str| dir.path().join(name);
        std::fs::write(
            dir.path().join("Cargo.toml"),
            "[workspace]\nresolver = \"3\"\nmembers = [\"member-*\"]\n",
        )
        .unwrap();
        write_crate(&member("member-good"), "hearken-build-good", "cdylib", "");
        write_crate(
            &member("member-bad"),
            "hearken-build-bad",
            "cdylib",
            "fn wrong() { nonsense }",
        );
        let alone = tempfile::tempdir().unwrap();
        write_crate(alone.path(), "hearken-build-alone", "cdylib", "");

        let mut crates = Vec::new();
        for folder in [
            member("member-bad"),
            alone.path().into(),
            member("member-good"),
        ] {
            crates.push(PluginCrate::open(&folder).await.unwrap());
        }
        crate::authoring::toolchain::target_for_tests().await;
        let mut compiled = Vec::new();
        let results = build(&crates, CompilerOutput::Captured, |done| {
            compiled.push(done.plugin.name.clone());
        })
        .await;
        compiled.sort();
        assert_eq!(compiled, ["hearken-build-alone", "hearken-build-good"]);

        let [
            Err(BuildError::Compile { name, output }),
            Ok(alone),
            Ok(good),
        ] = &results[..]
        else {
            panic!("{results:?}");
        };
        assert_eq!(name, "hearken-build-bad");
        let output = output.as_deref().unwrap();
        assert!(output.contains("cannot find value `nonsense`"), "{output}");
        for (component, name) in [
            (alone, "hearken_build_alone.wasm"),
            (good, "hearken_build_good.wasm"),
        ] {
            assert_eq!(component.file_name().unwrap(), name);
            let bytes = std::fs::read(component).unwrap();
            assert!(wasmparser::Parser::is_component(&bytes));
        }
    }

    #[tokio::test]
    async fn a_library_that_is_no_cdylib_is_refused_with_the_lines_to_add() {
        let dir = tempfile::tempdir().unwrap();
        write_crate(dir.path(), "hearken-build-rlib", "rlib", "");
        let error = PluginCrate::open(dir.path()).await.unwrap_err();
        assert!(matches!(error, BuildError::NotCdylib(_)), "{error:?}");
        assert!(error.to_string().contains("crate-type = [\"cdylib\"]"));
    }

    #[tokio::test]
    async fn what_is_no_crate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = PluginCrate::open(dir.path()).await.unwrap_err();
        assert!(matches!(error, BuildError::NoManifest(_)), "{error:?}");

        let manifest = dir.path().join("Cargo.toml");
        std::fs::write(&manifest, "[workspace]\nresolver = \"3\"\n").unwrap();
        let error = PluginCrate::open(dir.path()).await.unwrap_err();
        assert!(matches!(error, BuildError::NotAPackage(_)), "{error:?}");

        std::fs::write(&manifest, "[package]\nname = 3\n").unwrap();
        let error = PluginCrate::open(dir.path()).await.unwrap_err();
        assert!(matches!(error, BuildError::Manifest { .. }), "{error:?}");
    }
}
