//! The packages of a project, and its bundler.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::described::Project;
use super::error::ProjectError;
use super::tool;
use crate::script::LIBRARIES;

/// How long getting packages may take: over a slow connection.
const WITHIN: Duration = Duration::from_secs(600);

/// Programs that get packages, by the file in which each keeps what it has got; the last is
/// the usual one.
const TOOLS: [(&str, &str, &[&str]); 5] = [
    ("pnpm-lock.yaml", "pnpm", &["install"]),
    ("yarn.lock", "yarn", &["install"]),
    ("bun.lock", "bun", &["install"]),
    ("bun.lockb", "bun", &["install"]),
    (
        "package-lock.json",
        "npm",
        &["install", "--no-audit", "--no-fund"],
    ),
];

/// The project's bundler; packages are got first if any that it needs is not there. `note` is
/// told if that is so.
pub(super) async fn bundler(
    project: &Project,
    note: &mut (dyn FnMut(&str) + Send),
) -> Result<PathBuf, ProjectError> {
    if project
        .needed()
        .any(|name| !is_installed(&project.dir, name))
    {
        install(project, note).await?;
    }
    let mut bundlers = folders(&project.dir).map(|folder| folder.join(".bin").join(ESBUILD));
    let found = bundlers.find(|bundler| bundler.exists());
    found.ok_or_else(|| ProjectError::NoBundler(project.dir.clone()))
}

/// The bundler's program, as npm has it.
const ESBUILD: &str = if cfg!(windows) {
    "esbuild.cmd"
} else {
    "esbuild"
};

/// Where packages may be: in the project, or in a folder around it, as Node looks for them.
fn folders(dir: &Path) -> impl Iterator<Item = PathBuf> {
    dir.ancestors().map(|folder| folder.join(LIBRARIES))
}

fn is_installed(dir: &Path, package: &str) -> bool {
    folders(dir).any(|folder| folder.join(package).exists())
}

async fn install(
    project: &Project,
    note: &mut (dyn FnMut(&str) + Send),
) -> Result<(), ProjectError> {
    let mut kept = TOOLS
        .iter()
        .filter(|(lock, ..)| project.dir.join(lock).exists());
    let usual = &TOOLS[TOOLS.len() - 1];
    let (_, tool, arguments) = kept.next().unwrap_or(usual);
    note(&format!(
        "getting the packages of {} by {tool}",
        project.name
    ));
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let said = tool::run(Path::new(tool), &arguments, &project.dir, WITHIN).await?;
    if said.is_success {
        return Ok(());
    }
    Err(ProjectError::Install {
        tool: (*tool).to_owned(),
        dir: project.dir.clone(),
        output: said.output,
    })
}
