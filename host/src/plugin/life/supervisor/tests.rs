use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};

use super::*;
use crate::admin::PluginStatus;
use crate::bus::{Bus, BusConfig};
use crate::channel::{Channels, NodeEnvironment};
use crate::clock::{Clock, SystemClock};
use crate::config::{Bounds, CompileSettings, NodeConfig, NodeFlags, Policy, QuarantinePauses};
use crate::consumer::Consumers;
use crate::event::{Draft, EventType};
use crate::plugin::code::code_cache::CodeCache;
use crate::plugin::code::compile::CompileWorkers;
use crate::plugin::code::engine::{compiling_engine, new_engine};
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::outgoing::traffic::Traffic;
use crate::plugin::hooks::PluginHooks;
use crate::plugin::life::load::Source;
use crate::plugin::run::runtime::NodeParts;
use crate::store::Store;

/// A component that is content with every event.
const CONTENT: &str = r#"
(component
  (import "wasmcloud:messaging/types@0.2.0" (instance $types
    (type $record (record
      (field "subject" string)
      (field "body" (list u8))
      (field "reply-to" (option string))))
    (export "broker-message" (type (eq $record)))))
  (alias export $types "broker-message" (type $message))
  (core module $code
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "handle") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 0)))
  (core instance $code (instantiate $code))
  (type $handle (func (param "msg" $message) (result (result (error string)))))
  (func $handle (type $handle) (canon lift (core func $code "handle")
    (memory (core memory $code "memory")) (realloc (core func $code "realloc"))))
  (instance $handler (export "handle-message" (func $handle)))
  (export "wasmcloud:messaging/handler@0.2.0" (instance $handler)))
"#;

/// Panics once when it has been armed.
#[derive(Default)]
struct Tripwire(AtomicBool);

impl Clock for Tripwire {
    fn now_millis(&self) -> u64 {
        assert!(!self.0.swap(false, Ordering::Relaxed), "tripped");
        SystemClock.now_millis()
    }
}

/// A supervised plugin.
pub(in crate::plugin::life) struct Scene {
    folder: TempDir,
    bus: Bus,
    pub(in crate::plugin::life) status: Arc<Status>,
    pub(in crate::plugin::life) runtime: Arc<Runtime>,
    clock: Arc<Tripwire>,
    commands: mpsc::Sender<Command>,
    files_changed: Arc<Notify>,
}

/// Puts the code of a component where the node looks for it first.
fn keep_compiled(data: &Path, component: &[u8]) {
    std::fs::create_dir_all(data).unwrap();
    let code = compiling_engine().unwrap().precompile_component(component);
    let cache = CodeCache::open(data.join("code")).unwrap();
    let hash = blake3::hash(component);
    cache
        .store(&new_engine().unwrap(), &hash, &code.unwrap())
        .unwrap();
}

impl Scene {
    /// A plugin that runs.
    pub(in crate::plugin::life) async fn running() -> Self {
        let scene = Self::new();
        scene
            .until(|status| status.state == PluginState::Running)
            .await;
        scene
    }

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = Bus::new(BusConfig {
            node: "a".into(),
            incarnation: "i".into(),
            max_event_bytes: 4096,
            clock: Arc::new(SystemClock),
        });
        let io = tokio::runtime::Handle::current();
        let store = Store::in_memory(bus.clone(), Arc::new(SystemClock)).unwrap();
        let data = folder.path().join("data");
        let component = wat::parse_str(CONTENT).unwrap();
        keep_compiled(&data, &component);
        let nobody = CompileSettings {
            program: "/nowhere/hearken".into(),
            ..CompileSettings::default()
        };
        let workers = CompileWorkers::new(nobody, 1);
        let channels = Channels::new(&bus);
        let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
        let parts = NodeParts {
            bus: bus.clone(),
            store: Arc::clone(&store),
            consumers: Consumers::new(&channels, &bus, environment),
            channels,
            hooks: PluginHooks::new(),
            addressed: None,
        };
        let runtime = Runtime::new(parts, &data, 1, workers, &io, Policy::default()).unwrap();
        let runtime = Arc::new(runtime);
        let traffic = Traffic::new(Arc::clone(&runtime.connector), &PluginLimits::default());
        let context =
            PluginContext::new("p".into(), bus.clone(), &runtime.channels, &store, traffic);
        let context = Arc::new(context);
        let clock = Arc::new(Tripwire::default());
        let limits = PluginLimits::default();
        let pauses = QuarantinePauses::default();
        let told = Arc::clone(&clock) as Arc<dyn Clock>;
        let consumers = runtime.consumers.clone();
        let status = Status::new(context, consumers, told, limits.clone(), pauses);
        let status = Arc::new(status);
        let files = Files::of(folder.path(), "p");
        std::fs::write(&files.manifest, "subscribe = [\"custom.p\"]").unwrap();
        let supervisor = Supervisor::new(files, limits, Arc::clone(&runtime), Arc::clone(&status));
        let (commands, asked) = mpsc::channel(1);
        let files_changed = Arc::new(Notify::new());
        let scene = Self {
            folder,
            bus,
            status,
            runtime,
            clock,
            commands,
            files_changed: Arc::clone(&files_changed),
        };
        scene.write(&component);
        tokio::spawn(supervisor.run(Requests {
            commands: asked,
            files_changed,
            loaded: None,
        }));
        scene
    }

    pub(in crate::plugin::life) fn files(&self) -> Files {
        Files::of(self.folder.path(), "p")
    }

    /// All the room to load, as if others were compiled.
    pub(in crate::plugin::life) fn take_all_room(&self) -> Vec<OwnedSemaphorePermit> {
        let room = || self.runtime.room_to_load().now_or_never();
        std::iter::from_fn(room).collect()
    }

    /// Puts another component in the place of the plugin's, and its code where the node
    /// looks for it first.
    pub(in crate::plugin::life) fn replace(&self) {
        let other = CONTENT.replace("i32.const 1024", "i32.const 2048");
        let other = wat::parse_str(other).unwrap();
        keep_compiled(&self.folder.path().join("data"), &other);
        std::fs::write(self.files().named(), other).unwrap();
    }

    fn write(&self, component: &[u8]) {
        std::fs::write(self.files().named(), component).unwrap();
        self.files_changed.notify_one();
    }

    fn publish(&self) {
        let publisher = self.bus.publisher("/tests", "tests");
        let draft = Draft::new(EventType::custom("p").unwrap());
        publisher.publish(&draft).expect("a valid event");
    }

    async fn until(&self, wanted: impl Fn(&PluginStatus) -> bool) -> PluginStatus {
        let waiting = async {
            loop {
                let status = self.status.view();
                if wanted(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        waited.unwrap_or_else(|_| panic!("{:#?}", self.status.view()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_panics_keeps_what_waits() {
    let scene = Scene::running().await;
    let (reply, paused) = oneshot::channel();
    scene.commands.send(Command::Pause(reply)).await.unwrap();
    assert_eq!(paused.await.unwrap().unwrap().state, PluginState::Paused);
    scene.publish();
    scene.publish();
    scene.clock.0.store(true, Ordering::Relaxed);
    scene.write(b"nonsense");
    scene
        .until(|status| status.state == PluginState::Failed)
        .await;
    assert!(!scene.clock.0.load(Ordering::Relaxed), "it has panicked");
    scene.publish();
    scene.write(&wat::parse_str(CONTENT).unwrap());
    scene.until(|status| status.counters.delivered == 3).await;
    let counters = scene.status.view().counters;
    assert_eq!(
        (counters.queued, counters.dropped, counters.failed),
        (0, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_counted() {
    let scene = Scene::running().await;
    scene.publish();
    scene.until(|status| status.counters.delivered == 1).await;
    let (reply, paused) = oneshot::channel();
    scene.commands.send(Command::Pause(reply)).await.unwrap();
    paused.await.unwrap().unwrap();
    scene.publish();
    scene.publish();
    scene.commands.send(Command::Stop).await.unwrap();
    scene.commands.closed().await;
    let counters = scene.status.view().counters;
    assert_eq!((counters.delivered, counters.dropped), (1, 2));
    assert_eq!(counters.queued, 0);
}

/// A policy that says this of every plugin.
fn policy(text: &str) -> Policy {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[policy.default]\n{text}");
    std::fs::write(folder.path().join("hearken.toml"), text).unwrap();
    let config = NodeConfig::from_sources(&NodeFlags::default(), [], folder.path());
    config.unwrap().policy
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_takes_from_a_plugin_what_it_may_no_longer_hear() {
    let scene = Scene::running().await;
    scene.runtime.policy.replace(policy("listen = []"));
    scene.files_changed.notify_one();
    let status = scene.until(|status| status.listeners.is_empty()).await;
    assert_eq!(status.state, PluginState::Running);
    let withheld = status.rights.withheld.iter().map(ToString::to_string);
    assert_eq!(
        withheld.collect::<Vec<_>>(),
        ["listen custom.p (subscribe)"]
    );
    scene.publish();
    scene.runtime.policy.replace(Policy::default());
    scene.files_changed.notify_one();
    scene.until(|status| !status.listeners.is_empty()).await;
    scene.publish();
    let status = scene.until(|status| status.counters.delivered > 0).await;
    assert_eq!(status.counters.delivered, 1, "only what it might hear");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_brings_the_namespaces_that_its_manifest_has_and_the_policy_grants() {
    let scene = Scene::running().await;
    assert!(scene.status.namespaces().is_empty());
    let manifest = scene.folder.path().join("p.toml");
    let text = "subscribe = [\"custom.p\"]\n[sessions.namespaces.chat]\npresence = true\n";
    std::fs::write(&manifest, text).unwrap();
    scene.files_changed.notify_one();
    let status = scene
        .until(|status| !status.rights.namespaces.is_empty())
        .await;
    assert_eq!(status.rights.namespaces, ["chat"]);
    let brought = scene.status.namespaces();
    assert!(brought.by_name()["chat"].presence);
    scene.runtime.policy.replace(policy("publish = []"));
    scene.files_changed.notify_one();
    let status = scene
        .until(|status| status.rights.namespaces.is_empty())
        .await;
    assert_eq!(
        status.rights.withheld[0].asked,
        "custom.chat.published (sessions.namespaces.chat)"
    );
    assert!(scene.status.namespaces().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_loaded_by_the_new_policy_does_not_go_on_by_the_old_one() {
    let scene = Scene::running().await;
    let manifest = scene.folder.path().join("p.toml");
    std::fs::write(&manifest, "nonsense = 1").unwrap();
    scene.files_changed.notify_one();
    let status = scene.until(|status| status.last_error.is_some()).await;
    assert_eq!(status.state, PluginState::Running, "the old version serves");
    scene.runtime.policy.replace(policy("http = []"));
    scene.files_changed.notify_one();
    scene
        .until(|status| status.state == PluginState::Failed)
        .await;
}

/// Others are being compiled, so that no version can be made by the new policy.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_holds_before_the_plugin_is_loaded_anew() {
    let scene = Scene::new();
    scene
        .until(|status| status.state == PluginState::Running)
        .await;
    let (reply, paused) = oneshot::channel();
    scene.commands.send(Command::Pause(reply)).await.unwrap();
    paused.await.unwrap().unwrap();
    let mut others = Vec::new();
    while let Some(room) = scene.runtime.room_to_load().now_or_never() {
        others.push(room);
    }
    scene.publish();
    assert_eq!(scene.status.view().counters.queued, 1);
    scene.runtime.policy.replace(policy("listen = []"));
    scene.files_changed.notify_one();
    // What waits may not be heard any more.
    let status = scene.until(|status| status.counters.queued == 0).await;
    assert!(!status.listeners.is_empty(), "it is the old version");
    scene.publish();
    assert_eq!(scene.status.view().counters.queued, 0);
    scene.runtime.policy.replace(Policy::default());
    scene.files_changed.notify_one();
    let heard = async {
        while scene.status.view().counters.queued == 0 {
            scene.publish();
            tokio::task::yield_now().await;
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(60), heard).await;
    heard.expect("it may hear again what it might when it was loaded");
}

/// Others are being compiled, as many as there is room for.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_goes_although_there_is_no_room_to_load_another() {
    let scene = Scene::running().await;
    let others = scene.take_all_room();
    std::fs::remove_file(scene.files().named()).unwrap();
    scene.files_changed.notify_one();
    let gone = tokio::time::timeout(Duration::from_secs(60), scene.commands.closed());
    gone.await.expect("it goes");
    drop(others);
}

/// Making one cannot give way to others, however long its start takes.
#[tokio::test(flavor = "multi_thread")]
async fn instances_are_made_in_the_background() {
    let scene = Scene::new();
    let files = scene.files();
    let room = scene.runtime.room_to_load().await;
    let source = Source::read(&files, &Bounds::default(), &scene.runtime.engines)
        .expect("the files are there");
    let (plugin, defaults) = (&scene.status.context, PluginLimits::default());
    let staged = source.stage(Some(room), &files, plugin, &defaults, &scene.runtime);
    let Ok(Staged { slots, .. }) = staged.await else {
        panic!("it loads");
    };
    assert!(slots.iter().all(|slot| slot.handle.in_background()));
}
