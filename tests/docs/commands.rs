//! The `console` blocks are run.

use std::collections::BTreeSet;
use std::fs;

use tempfile::TempDir;

use crate::page::{Block, Page};
use crate::shell::Shell;
use crate::support::engines::put_into;
use crate::support::lacking;
use crate::support::plugin::{Plugin, gallery, plugin};
use crate::support::process::NodeProcess;

/// Blocks that are not run, for the reasons that they give.
const NOT_RUN: usize = 1;

/// Programs besides `hearken` and those of every Unix.
const PROGRAMS: [&str; 2] = ["curl", "jq"];

#[tokio::test(flavor = "multi_thread")]
async fn readme() {
    run_with("README.md", GALLERY.map(gallery)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins() {
    let folder = TempDir::new().expect("a temporary folder");
    let component = folder.path().join("cart.wasm");
    fs::write(component, plugin("unknown-import").bytes()).expect("a new file");
    run("host/docs/plugins.md", Shell::new(folder.path(), None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    let folder = TempDir::new().expect("a temporary folder");
    // Otherwise the page would begin with compiling.
    put_into(&folder.path().join("data")).await;
    run("host/docs/javascript.md", Shell::new(folder.path(), None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http() {
    run_with("host/docs/http.md", [gallery("job-trigger")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels() {
    run_with("host/docs/channels.md", []).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cli() {
    let plugins = ["cache", "job-trigger"].map(gallery);
    run_with("host/docs/cli.md", plugins).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operations() {
    run_with("host/docs/operations.md", []).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster() {
    let folder = TempDir::new().expect("a temporary folder");
    run("host/docs/cluster.md", Shell::new(folder.path(), None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gallery() {
    for name in GALLERY {
        run_with(&format!("plugins/{name}/README.md"), [gallery(name)]).await;
    }
}

const GALLERY: [&str; 6] = [
    "audit-log",
    "cache",
    "job-trigger",
    "rate-alarm",
    "schema-check",
    "webhook",
];

/// The pages that the tests above run.
const RUN: [&str; 8] = [
    "README.md",
    "host/docs/channels.md",
    "host/docs/cli.md",
    "host/docs/cluster.md",
    "host/docs/http.md",
    "host/docs/javascript.md",
    "host/docs/operations.md",
    "host/docs/plugins.md",
];

#[test]
fn every_page_with_commands_is_run() {
    let gallery = GALLERY.map(|name| format!("plugins/{name}/README.md"));
    let run: BTreeSet<String> = RUN.map(str::to_owned).into_iter().chain(gallery).collect();
    let mut not_run = Vec::new();
    let mut with_commands = BTreeSet::new();
    for page in Page::all() {
        for block in page.blocks() {
            let has_commands = block.lines.iter().any(|line| line.starts_with("$ "));
            assert_eq!(
                block.info.starts_with("console"),
                has_commands,
                "{}:{}: a block with commands, and no other, is a `console`",
                page.path,
                block.line
            );
            if has_commands {
                with_commands.insert(page.path.clone());
                match block.info.strip_prefix("console no-run") {
                    Some(reason) => not_run.push((page.path.clone(), reason.trim().to_owned())),
                    None => assert_eq!(block.info, "console", "{}:{}", page.path, block.line),
                }
            }
        }
    }
    assert_eq!(with_commands, run);
    assert!(not_run.iter().all(|(_, reason)| !reason.is_empty()));
    assert_eq!(not_run.len(), NOT_RUN, "{not_run:#?}");
}

/// Runs a page against a node of its own with these plugins.
async fn run_with(path: &str, plugins: impl IntoIterator<Item = Plugin>) {
    let node = NodeProcess::start(plugins, &["--node", "demo"]).await;
    run(path, Shell::new(node.folder(), Some(&node))).await;
}

async fn run(path: &str, mut shell: Shell) {
    for block in Page::read(path).blocks() {
        if block.info != "console" {
            continue;
        }
        let text = block.lines.join("\n");
        let missing = PROGRAMS
            .into_iter()
            .find(|program| text.contains(&format!("{program} ")) && which(program).is_none());
        if let Some(program) = missing {
            lacking(&format!(
                "commands at {path}:{} that need `{program}`, which is missing",
                block.line
            ));
            continue;
        }
        for (command, expected) in commands(&block) {
            shell.run(&command, &expected).await;
        }
    }
    shell.close();
}

/// The commands of a block, each with what is shown before the next.
fn commands(block: &Block) -> Vec<(String, Vec<&str>)> {
    let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
    for line in &block.lines {
        let last = commands.last_mut();
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), Vec::new()));
        } else if let Some((command, shown)) = last {
            let quoted = command.matches('\'').count() % 2 == 1;
            if shown.is_empty() && (quoted || command.ends_with('\\')) {
                command.push('\n');
                command.push_str(line);
            } else {
                shown.push(line);
            }
        }
    }
    commands
}

/// Where a program is that `sh` would find.
fn which(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(program));
    files.find(|file| file.is_file())
}
