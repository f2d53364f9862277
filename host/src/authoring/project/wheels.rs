//! Projects in Python: the packages that one names are got beside its sources, as wheels of pure
//! Python, since nothing else runs in a plugin.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::error::ProjectError;
use super::tool;
use crate::script::{PACKAGES, PACKAGES_MARK};

/// How long getting packages may take: over a slow connection.
const WITHIN: Duration = Duration::from_secs(600);

/// Where a project says what it needs.
const NAMED: [&str; 2] = ["pyproject.toml", "requirements.txt"];

/// Wheels for any machine, and no others; nothing that would have to be built.
const ALWAYS: [&str; 14] = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--no-input",
    "--no-compile",
    "--disable-pip-version-check",
    "--only-binary=:all:",
    "--platform=any",
    "--implementation=py",
    "--abi=none",
    "--no-warn-conflicts",
    "--upgrade",
    "--target",
];

/// What of a `pyproject.toml` matters.
#[derive(Default, Deserialize)]
struct Described {
    #[serde(default)]
    project: Named,
}

#[derive(Default, Deserialize)]
struct Named {
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Whether a folder is a plugin in Python that names packages.
#[must_use]
pub fn is_python_project(dir: &Path) -> bool {
    dir.join("main.py").is_file() && NAMED.iter().any(|name| dir.join(name).is_file())
}

/// Gets the packages that the project in `dir` names, unless they are there; returns whether
/// they were got. `note` is told if that takes its time. Dropping the future ends it.
///
/// # Errors
/// [`ProjectError`] says which cannot be had, or what else is in the way; what was there stays.
pub async fn get_packages(
    dir: &Path,
    note: &mut (dyn FnMut(&str) + Send),
) -> Result<bool, ProjectError> {
    let named = named(dir)?;
    let packages = dir.join(PACKAGES);
    let mark = dir.join(PACKAGES_MARK);
    let wanted = named.join("\n");
    match std::fs::read_to_string(&mark) {
        Ok(got) if got == wanted => return Ok(false),
        Err(_) if named.is_empty() => return Ok(false),
        _ => {}
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| ProjectError::Disk {
            path,
            reason: error.to_string(),
        }
    };
    // Hidden, so that nobody takes what is half there for the project's.
    let fresh = tempfile::Builder::new()
        .prefix(".packages-")
        .tempdir_in(dir)
        .map_err(failed(dir))?;
    if !named.is_empty() {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        note(&format!("getting the packages of {name} by pip"));
        let mut arguments = ALWAYS.map(str::to_owned).to_vec();
        arguments.push(fresh.path().display().to_string());
        arguments.extend(named);
        let said = tool::run(Path::new("python3"), &arguments, dir, WITHIN).await?;
        if !said.is_success {
            return Err(ProjectError::Packages {
                output: explained(&said.output),
            });
        }
    }
    let mark_within = mark.strip_prefix(&packages).unwrap_or(&mark);
    let mark = fresh.path().join(mark_within);
    std::fs::write(&mark, wanted).map_err(failed(&mark))?;
    match std::fs::remove_dir_all(&packages) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed(&packages)(error));
        }
        _ => {}
    }
    std::fs::rename(fresh.keep(), &packages).map_err(failed(&packages))?;
    Ok(true)
}

/// The packages that a project names, as pip takes them.
fn named(dir: &Path) -> Result<Vec<String>, ProjectError> {
    let wrong = |file: PathBuf, reason: String| ProjectError::Described { file, reason };
    let mut all = Vec::new();
    for name in NAMED {
        let file = dir.join(name);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(wrong(file, error.to_string())),
        };
        if name == NAMED[0] {
            let described: Described =
                toml::from_str(&text).map_err(|error| wrong(file, error.to_string()))?;
            all.extend(described.project.dependencies);
        } else {
            let lines = text.lines().map(|line| {
                let line = line.split(" #").next().unwrap_or_default();
                line.trim().to_owned()
            });
            all.extend(lines.filter(|line| !line.is_empty() && !line.starts_with('#')));
        }
    }
    // What is no name of a package would be a flag of pip.
    match all.iter().find(|name| name.starts_with('-')) {
        Some(flag) => Err(wrong(
            dir.to_owned(),
            format!("`{flag}` is no package; only packages are got"),
        )),
        None => Ok(all),
    }
}

/// What pip says, and what that means here.
fn explained(said: &str) -> String {
    let missing = said
        .lines()
        .find_map(|line| line.split_once("No matching distribution found for "));
    match missing {
        Some((_, package)) => format!(
            "{} has no wheel of pure Python, and code for a machine does not run in a plugin:\n{said}",
            package.trim()
        ),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_in_either_file() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path();
        let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
        write("main.py", "");
        assert!(!is_python_project(dir));
        write(
            "pyproject.toml",
            "[project]\nname = \"a\"\ndependencies = [\"six>=1\"]\n",
        );
        assert!(is_python_project(dir));
        write("requirements.txt", "# tools\nidna  # names\n\nattrs==25\n");
        assert_eq!(named(dir).unwrap(), ["six>=1", "idna", "attrs==25"]);
        write("requirements.txt", "--index-url http://elsewhere\n");
        assert!(named(dir).unwrap_err().to_string().contains("--index-url"));
        write("requirements.txt", "");
        write("pyproject.toml", "[project");
        assert!(matches!(named(dir), Err(ProjectError::Described { .. })));
    }

    #[tokio::test]
    async fn nothing_is_got_for_who_needs_nothing() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path();
        std::fs::write(dir.join("pyproject.toml"), "[project]\nname = \"a\"\n").unwrap();
        let got = get_packages(dir, &mut |_| panic!("nothing takes time")).await;
        assert!(!got.unwrap());
        // What was got before goes when it is not named any more.
        std::fs::create_dir_all(dir.join(PACKAGES)).unwrap();
        std::fs::write(dir.join(PACKAGES).join("six.py"), "").unwrap();
        std::fs::write(dir.join(PACKAGES_MARK), "six").unwrap();
        assert!(get_packages(dir, &mut |_| {}).await.unwrap());
        assert!(!dir.join(PACKAGES).join("six.py").exists());
        let files = std::fs::read_dir(dir).unwrap();
        assert_eq!(files.count(), 2, "nothing else is left");
    }

    #[test]
    fn a_package_of_machine_code_is_named() {
        let said =
            "ERROR: Could not find a version\nERROR: No matching distribution found for numpy";
        assert!(explained(said).starts_with("numpy has no wheel of pure Python"));
        assert_eq!(explained("no network"), "no network");
    }
}
