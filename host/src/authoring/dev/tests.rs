use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;

// Unlike any other package's, for the tests may share cargo's target folder.
const NAME: &str = "hearken-dev-cart";

fn write_crate(plugins: &Path, name: &str, source: &str) {
    let dir = plugins.join(name);
    std::fs::create_dir_all(dir.join("src")).unwrap();
    std::fs::write(dir.join("src/lib.rs"), source).unwrap();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n"
    );
    std::fs::write(dir.join("Cargo.toml"), manifest).unwrap();
}

/// A source whose component differs from those with other texts.
fn source(text: &str) -> String {
    format!(
        "#[unsafe(link_section = \"text\")] #[used] pub static TEXT: [u8; {}] = *b\"{text}\";",
        text.len()
    )
}

struct Running {
    reports: mpsc::UnboundedReceiver<DevReport>,
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(plugins: &Path) -> (Self, BuildSummary) {
        let (send, reports) = mpsc::unbounded_channel();
        crate::authoring::toolchain::target_for_tests().await;
        let mut dev = Dev::new(plugins, CompilerOutput::Captured, move |report| {
            let _ = send.send(report);
        })
        .unwrap();
        let summary = dev.build_all().await;
        let cancel = CancellationToken::new();
        let task = tokio::spawn(dev.run(cancel.clone()));
        let running = Self {
            reports,
            cancel,
            task,
        };
        (running, summary)
    }

    /// The next report that `pick` takes.
    async fn until<T>(&mut self, mut pick: impl FnMut(DevReport) -> Option<T>) -> T {
        timeout(Duration::from_secs(120), async {
            loop {
                let report = self.reports.recv().await.expect("the watcher runs");
                if let Some(picked) = pick(report) {
                    return picked;
                }
            }
        })
        .await
        .expect("a change is followed")
    }

    /// Waits until the component of plugin `name` was replaced.
    async fn until_placed(&mut self, name: &str) {
        self.until(|report| match report {
            DevReport::Ready {
                name: ready,
                placement: Placement::Placed,
            } if ready == name => Some(()),
            _ => None,
        })
        .await;
    }
}

#[tokio::test]
async fn sources_are_followed_and_what_does_not_compile_leaves_the_old_component() {
    let dir = tempfile::tempdir().unwrap();
    let plugins = dir.path();
    write_crate(plugins, NAME, &source("first"));
    write_crate(plugins, "hearken-dev-broken", "nonsense");
    let (mut running, summary) = Running::start(plugins).await;
    assert_eq!(summary.ready, [NAME]);
    assert_eq!(summary.failed.len(), 1, "{summary:?}");
    assert!(summary.failed[0].ends_with("hearken-dev-broken"));
    running.until_placed(NAME).await;
    let component = plugins.join(format!("{NAME}.wasm"));
    let first = std::fs::read(&component).unwrap();

    let lib = plugins.join(NAME).join("src/lib.rs");
    std::fs::write(&lib, "fn wrong() { nonsense }").unwrap();
    let error = running
        .until(|report| match report {
            DevReport::BuildFailed { folder, error } if folder.ends_with(NAME) => Some(error),
            _ => None,
        })
        .await;
    assert!(error.to_string().contains("cannot find value `nonsense`"));
    assert_eq!(std::fs::read(&component).unwrap(), first);

    std::fs::write(&lib, source("second")).unwrap();
    running.until_placed(NAME).await;
    assert_ne!(std::fs::read(&component).unwrap(), first);

    // A folder of sources that did not exist when the watch began.
    let module = plugins.join(NAME).join("more");
    std::fs::create_dir(&module).unwrap();
    std::fs::write(module.join("more.rs"), source("third")).unwrap();
    std::fs::write(&lib, "#[path = \"../more/more.rs\"] mod more;").unwrap();
    running.until_placed(NAME).await;
    std::fs::write(module.join("more.rs"), source("fourth")).unwrap();
    running.until_placed(NAME).await;

    running.cancel.cancel();
    running.task.await.unwrap();
}

#[tokio::test]
async fn a_new_crate_is_picked_up_and_a_removed_one_takes_its_component_along() {
    let dir = tempfile::tempdir().unwrap();
    let plugins = dir.path();
    let (mut running, summary) = Running::start(plugins).await;
    assert_eq!(summary, BuildSummary::default());

    let name = "hearken-dev-new";
    write_crate(plugins, name, &source("new"));
    running.until_placed(name).await;
    let component = plugins.join(format!("{name}.wasm"));
    assert!(component.is_file());

    // As when removing takes its time: cargo refuses what is left of it meanwhile.
    let manifest = plugins.join(name).join("Cargo.toml");
    std::fs::write(&manifest, "").unwrap();
    running
        .until(|report| matches!(report, DevReport::BuildFailed { .. }).then_some(()))
        .await;
    assert!(component.is_file());
    std::fs::remove_file(&manifest).unwrap();
    let removed = running
        .until(|report| match report {
            DevReport::Removed { name } => Some(name),
            _ => None,
        })
        .await;
    assert_eq!(removed, name);
    assert!(!component.exists());
    running.cancel.cancel();
    running.task.await.unwrap();
}

#[tokio::test]
async fn a_crate_that_went_while_nobody_watched_takes_its_component_along() {
    let dir = tempfile::tempdir().unwrap();
    let plugins = dir.path();
    let name = "hearken-dev-unwatched";
    write_crate(plugins, name, &source("unwatched"));
    let (running, summary) = Running::start(plugins).await;
    assert_eq!(summary.ready, [name]);
    running.cancel.cancel();
    running.task.await.unwrap();
    std::fs::remove_dir_all(plugins.join(name)).unwrap();
    std::fs::write(plugins.join("own.wasm"), "somebody's").unwrap();

    let (running, summary) = Running::start(plugins).await;
    assert_eq!(summary, BuildSummary::default());
    assert!(!plugins.join(format!("{name}.wasm")).exists());
    assert!(plugins.join("own.wasm").exists());
    running.cancel.cancel();
    running.task.await.unwrap();
}

#[test]
fn a_missing_folder_is_named() {
    let missing = Path::new("/does/not/exist/plugins");
    let error = Dev::new(missing, CompilerOutput::Captured, |_| {}).err();
    let error = error.expect("there is no such folder").to_string();
    assert!(error.contains("/does/not/exist/plugins"), "{error}");
}
