//! The plugins folder is followed, whatever happens to it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hearken::admin::PluginState;
use tempfile::TempDir;

use crate::support::node::TestNode;
use crate::support::plugin::{Plugin, plugin};

/// Name under which the versions replace one another.
const NAME: &str = "versioned";

fn version(guest: &str, mailbox: usize) -> Plugin {
    let manifest = format!("[limits]\nmailbox = {mailbox}\n");
    plugin(guest).named(NAME).manifest(&manifest)
}

fn folders() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

fn revision(folder: &Path, name: &str, plugins: &[Plugin]) {
    let folder = folder.join(name);
    fs::create_dir(&folder).expect("a new folder");
    for plugin in plugins {
        plugin.place(&folder);
    }
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Puts a link in the place of another, as one step.
    fn swap(target: &str, link: &Path) {
        let next = link.parent().expect("it has one").join(".next");
        symlink(target, &next).expect("a new link");
        fs::rename(next, link).expect("one folder");
    }

    /// As a kubelet mounts a ConfigMap and changes it: what is in there are links that go
    /// through `..data`, which is swapped.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_config_map_is_taken_as_a_whole() {
        let folders = folders();
        let plugins = folders.path().join("plugins");
        fs::create_dir(&plugins).expect("a new folder");
        let link = |file: &str| {
            symlink(Path::new("..data").join(file), plugins.join(file)).expect("a new link");
        };
        let first = [version("versioned-v1", 11), plugin("recorder")];
        revision(&plugins, "..1", &first);
        symlink("..1", plugins.join("..data")).expect("a new link");
        for file in ["versioned.wasm", "versioned.toml", "recorder.wasm"] {
            link(file);
        }
        let node = TestNode::start_in(folders).await;
        let status = node.status(NAME).await.expect("it is there");
        assert_eq!(
            (status.version.as_deref(), status.limits.mailbox),
            (Some("1.0.0"), 11)
        );
        let mut reports = node.listen("plugin.*").await;

        let second = [version("versioned-v2", 22), plugin("echo")];
        revision(&plugins, "..2", &second);
        swap("..2", &plugins.join("..data"));
        fs::remove_dir_all(plugins.join("..1")).expect("it was there");
        link("echo.wasm");
        fs::remove_file(plugins.join("recorder.wasm")).expect("it was there");
        // Once, with the manifest of the same revision.
        let reloaded = reports.about("plugin.reloaded", NAME).await;
        assert_eq!(reloaded["data"]["version"], "2.0.0");
        let status = node.status(NAME).await.expect("it is there");
        assert_eq!(status.limits.mailbox, 22);
        node.until("echo", |status| status.state == PluginState::Running)
            .await;
        let gone = async {
            while node.status("recorder").await.is_some() {
                tokio::time::sleep(crate::support::POLL).await;
            }
        };
        tokio::time::timeout(crate::support::DEADLINE, gone)
            .await
            .expect("it is not in the second revision");
        let status = node.status(NAME).await.expect("it is there");
        assert_eq!(status.last_error, None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_behind_a_link_is_followed() {
        let folders = folders();
        let plugins = folders.path().join("plugins");
        fs::create_dir(&plugins).expect("a new folder");
        let built = folders.path().join("built");
        fs::write(&built, version("versioned-v1", 1).bytes()).expect("a new file");
        symlink(&built, plugins.join("versioned.wasm")).expect("a new link");
        let node = TestNode::start_in(folders).await;
        let next = built.with_extension("next");
        fs::write(&next, version("versioned-v2", 1).bytes()).expect("a new file");
        fs::rename(&next, &built).expect("one folder");
        node.until(NAME, |status| status.version.as_deref() == Some("2.0.0"))
            .await;
        // While it leads nowhere, the plugin goes on.
        let mut reports = node.listen("plugin.*").await;
        fs::rename(&built, &next).expect("one folder");
        let failed = reports.about("plugin.failed", NAME).await;
        assert!(
            failed["data"]["reason"]
                .to_string()
                .contains("No such file")
        );
        let status = node.status(NAME).await.expect("it is there");
        assert_eq!(status.state, PluginState::Running);
        fs::write(&built, version("versioned-v1", 1).bytes()).expect("a new file");
        node.until(NAME, |status| status.version.as_deref() == Some("1.0.0"))
            .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_swapped_link_to_the_folder_is_followed() {
        let folders = folders();
        revision(folders.path(), "r1", &[version("versioned-v1", 1)]);
        revision(
            folders.path(),
            "r2",
            &[version("versioned-v2", 1), plugin("echo")],
        );
        let link = folders.path().join("plugins");
        symlink("r1", &link).expect("a new link");
        let node = TestNode::start_in(folders).await;
        swap("r2", &link);
        node.until(NAME, |status| status.version.as_deref() == Some("2.0.0"))
            .await;
        node.until("echo", |status| status.state == PluginState::Running)
            .await;
        // What happens in there is seen, and reloading reads what is there.
        node.remove("echo");
        node.place(&version("versioned-v1", 1));
        node.until(NAME, |status| status.version.as_deref() == Some("1.0.0"))
            .await;
        node.succeed(NAME, "reload").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_outlive_their_folder_until_another_takes_its_place() {
    let node = TestNode::start([version("versioned-v1", 1), plugin("echo")]).await;
    let plugins = node.plugins();
    let mut handled = node.listen("custom.handled").await;
    let mut reports = node.listen("plugin.*").await;
    fs::rename(&plugins, plugins.with_extension("old")).expect("one folder");
    // Long enough to be noticed.
    let early = tokio::time::timeout(Duration::from_secs(3), reports.next());
    assert!(early.await.is_err(), "nothing is removed");
    node.send("versioned.event", 1).await;
    assert_eq!(handled.next().await["data"]["version"], "1.0.0");

    let folder = plugins.parent().expect("it has one");
    revision(folder, "plugins.new", &[version("versioned-v2", 1)]);
    fs::rename(folder.join("plugins.new"), &plugins).expect("one folder");
    reports.about("plugin.removed", "echo").await;
    node.until(NAME, |status| status.version.as_deref() == Some("2.0.0"))
        .await;
    node.place(&version("versioned-v1", 1));
    node.until(NAME, |status| status.version.as_deref() == Some("1.0.0"))
        .await;
}

/// Wherever a file was cut: what is missing comes a moment later, and nothing is said
/// to have failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_half_there_is_waited_for_wherever_it_is_cut() {
    let node = TestNode::start([]).await;
    let mut reports = node.listen("plugin.*").await;
    let bytes = plugin("echo").bytes();
    for (number, part) in [1, 7, 9, 100, 1000, bytes.len() / 3, bytes.len() - 1]
        .into_iter()
        .enumerate()
    {
        let name = format!("cut{number}");
        let path = node.plugins().join(format!("{name}.wasm"));
        fs::write(&path, &bytes[..part]).expect("a new file");
        let installed = reports.next().await;
        assert_eq!(installed["type"], "plugin.installed");
        fs::write(&path, &bytes).expect("it is writable");
        let next = reports.next().await;
        assert_eq!(
            (next["type"].as_str(), next["subject"].as_str()),
            (Some("plugin.started"), Some(&*name)),
            "cut at {part}: {next}"
        );
    }
}

#[cfg(target_os = "linux")]
mod passing {
    use std::process::Command;

    use super::*;
    use crate::support::process::NodeProcess;

    /// The process may have no file number from `limit` on, or as many as before.
    fn limit_files(pid: u32, limit: &str) {
        let set = Command::new("prlimit")
            .args(["--pid", &pid.to_string(), &format!("--nofile={limit}:")])
            .status();
        assert!(set.expect("`prlimit` is on every Linux").success());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_that_cannot_be_read_for_a_passing_reason_are_tried_again() {
        let node = NodeProcess::start([version("versioned-v1", 1)], &[]).await;
        let pid = node.pid();
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
        let files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let before = files.and_then(|line| line.split_whitespace().nth(3));
        limit_files(pid, "3");
        version("versioned-v2", 1).place(&node.plugins());
        plugin("echo").place(&node.plugins());
        node.says(&["versioned", "Too many open files"]).await;
        node.says(&["echo", "Too many open files"]).await;
        limit_files(pid, before.expect("a number"));
        node.until(NAME, |status| status.version.as_deref() == Some("2.0.0"))
            .await;
        let status = node
            .until("echo", |status| status.state == PluginState::Running)
            .await;
        assert_eq!(status.last_error, None);
        node.kill().await;
    }
}
