use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::plugin::code::disk::tests::hang;
use crate::plugin::life::supervisor::tests::Scene;

/// Longer than anything here takes on the slowest machine.
const LONG: Duration = Duration::from_secs(60);

/// A load of the scene's plugin beside its supervisor.
fn loading(scene: &Scene) -> Loading {
    Loading::new(
        scene.files(),
        Arc::clone(&scene.status),
        PluginLimits::default(),
        Arc::clone(&scene.runtime),
    )
}

/// Until it has seen that there is a component, and wants to read that.
async fn until_it_reads(loading: &mut Loading) {
    while loading.reading.is_none() {
        let outcome = timeout(Duration::from_millis(1), loading.outcome()).await;
        assert!(outcome.is_err(), "it cannot be read");
    }
}

/// The component is removed while it is to be read: it goes before it has been.
async fn it_is_gone(scene: &Scene, loading: &mut Loading) {
    std::fs::remove_file(scene.files().named()).unwrap();
    loading.begin(false);
    let outcome = timeout(LONG, loading.outcome()).await;
    let outcome = outcome.expect("it does not wait for what it no longer needs");
    let removed = |failure: Failure| matches!(failure.error, LoadError::Removed);
    assert!(outcome.is_err_and(removed));
    assert!(!loading.is_under_way());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_goes_while_it_waits_for_room_is_gone_at_once() {
    let scene = Scene::running().await;
    let others = scene.take_all_room();
    let mut loading = loading(&scene);
    loading.begin(false);
    until_it_reads(&mut loading).await;
    it_is_gone(&scene, &mut loading).await;
    drop(others);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_goes_while_no_other_can_be_read_is_gone_at_once() {
    let scene = Scene::running().await;
    let hung = hang(&scene.runtime.disks.components, "hung".as_ref()).await;
    let mut loading = loading(&scene);
    loading.begin(true);
    until_it_reads(&mut loading).await;
    it_is_gone(&scene, &mut loading).await;
    drop(hung);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_a_reload_while_it_waits_for_room_is_read_once_there_is_some() {
    let scene = Scene::running().await;
    let others = scene.take_all_room();
    let mut loading = loading(&scene);
    loading.begin(false);
    until_it_reads(&mut loading).await;
    std::fs::write(scene.files().manifest, "subscribe = [\"custom.new\"]").unwrap();
    loading.begin(true);
    drop(others);
    let Ok(Ok(Some(staged))) = timeout(LONG, loading.outcome()).await else {
        panic!("it loads");
    };
    let heard = staged.listeners[0].filter.pattern.to_string();
    assert_eq!(heard, "custom.new");
}

/// What is read from the data folder and from where the secrets lie does not wait for the
/// plugins folder.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugins_folder_that_does_not_answer_holds_up_neither_secrets_nor_compiled_code() {
    let scene = Scene::running().await;
    scene.replace();
    let files = scene.files();
    let token = files.named().with_file_name("token");
    std::fs::write(token, "hunter22").unwrap();
    let manifest = "subscribe = [\"custom.p\"]\n[secrets]\ntoken = { file = \"token\" }\n";
    std::fs::write(&files.manifest, manifest).unwrap();
    let source = Source::read(&files, &Bounds::default(), &scene.runtime.engines)
        .expect("the files are there");
    let disks = &scene.runtime.disks;
    let hung = [
        hang(&disks.components, "hung".as_ref()).await,
        hang(&disks.folder, "hung".as_ref()).await,
    ];
    let (plugin, defaults) = (&scene.status.context, PluginLimits::default());
    let staged = source.stage(None, &files, plugin, &defaults, &scene.runtime);
    let staged = timeout(LONG, staged).await.expect("it waits for neither");
    if let Err(error) = staged {
        panic!("{error}");
    }
    drop(hung);
}
