//! Components that break whoever compiles them. Each is dropped into a running node,
//! lies there at a start, takes the place of a running plugin, and is looked at by
//! `hearken plugin check`.

use std::time::Duration;

use hearken::admin::PluginState;
use hearken::config::CompileSettings;

use crate::support::bombs::{deep_types, doubling_instances, loops, nested_components};
use crate::support::neighbour::Neighbourhood;
use crate::support::node::compile_settings;
use crate::support::plugin::{file, plugin};
use crate::support::process::{hearken, run};

/// Checks that a component fails to load for a reason that has `told` in it, whenever
/// it comes, that the neighbour misses nothing, and that what comes next is compiled.
async fn costs_nobody_anything(settings: CompileSettings, component: Vec<u8>, told: &str) {
    let bomb = file("bomb", component);
    let replaced = plugin("echo").named("replaced");
    let mut neighbours = Neighbourhood::beside([bomb.clone(), replaced], settings).await;
    fails(&neighbours, "bomb", PluginState::Failed, told).await;
    neighbours.nothing_is_missed().await;

    // In the place of a running version, which goes on.
    neighbours.place(&bomb.clone().named("replaced"));
    fails(&neighbours, "replaced", PluginState::Running, told).await;
    neighbours.nothing_is_missed().await;
    neighbours.reports.about("plugin.failed", "replaced").await;

    // Dropped into a running node.
    neighbours.place(&bomb.named("dropped"));
    fails(&neighbours, "dropped", PluginState::Failed, told).await;
    neighbours.reports.about("plugin.failed", "dropped").await;

    // Good ones in their places.
    for name in ["bomb", "dropped"] {
        neighbours.place(&plugin("sleeper").named(name));
        neighbours
            .until(name, |status| status.state == PluginState::Running)
            .await;
    }
    neighbours.nothing_is_missed().await;
}

async fn fails(neighbours: &Neighbourhood, name: &str, state: PluginState, told: &str) {
    let status = neighbours
        .until(name, |status| status.last_error.is_some())
        .await;
    assert_eq!(status.state, state);
    let reason = status.last_error.unwrap_or_default();
    assert!(reason.contains(told), "`{told}` is not in: {reason}");
    assert!(reason.contains(&format!("{name}.wasm")), "{reason}");
}

/// `hearken plugin check` of a component that cannot be looked into.
async fn is_checked(component: Vec<u8>, told: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("bomb.wasm"), component).expect("a writable folder");
    let checked = run(hearken(folder.path(), &["plugin", "check", "bomb.wasm"])).await;
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.stdout.contains(told), "{checked:?}");
    assert!(
        checked.stdout.contains("this host cannot run it"),
        "{checked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn types_in_types() {
    let told = "nested too deeply";
    // Fewer do it on a thread, but how many depends on how the program was built.
    let component = deep_types(20_000);
    is_checked(component.clone(), told).await;
    costs_nobody_anything(compile_settings(), component, told).await;
}

/// As deep as the compiler just about follows, or not: whatever it hands to the node
/// must not break that.
#[tokio::test(flavor = "multi_thread")]
async fn types_in_types_at_the_edge_of_what_is_compiled() {
    let mut neighbours = Neighbourhood::with([]).await;
    for levels in [90, 200, 350, 500, 550, 700, 1_000, 1_500] {
        let name = format!("deep-{levels}");
        neighbours.place(&file(&name, deep_types(levels)));
        let status = neighbours
            .until(&name, |status| status.last_error.is_some())
            .await;
        assert_eq!(status.state, PluginState::Failed);
    }
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn components_in_components() {
    let told = "nested in it more than 100 deep";
    let component = nested_components(5_000);
    is_checked(component.clone(), told).await;
    costs_nobody_anything(compile_settings(), component, told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_double() {
    let small = CompileSettings {
        memory: 512 << 20,
        ..compile_settings()
    };
    let told = "takes more than 512.0 MiB of memory";
    costs_nobody_anything(small, doubling_instances(30), told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_many_loops() {
    let short = CompileSettings {
        timeout: Duration::from_secs(4),
        ..compile_settings()
    };
    let told = "takes more than 4s of CPU time";
    costs_nobody_anything(short, loops(50_000), told).await;
}
