//! Components made by hand that want more memory than they may have.

use hearken::admin::PluginState;

use crate::support::handmade::handmade;
use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::Plugin;

/// Of every plugin here, in bytes.
const LIMIT: u64 = 8 << 20;

/// Grows a memory of its own page by page until it gets no more; before each page it
/// asks for an absurd grow of another, which fails.
const PHANTOM_GROWS: &str = r#"
    (memory $real 1)
    (memory $phantom INDEX 0 MAXIMUM)
    (func $handle
        (loop $again
            (drop (memory.grow $phantom (INDEX.const ABSURD)))
            (br_if $again (i32.ne (i32.const -1) (memory.grow $real (i32.const 1))))))
"#;

fn limited(plugin: Plugin, name: &str) -> Plugin {
    plugin.manifest(&format!(
        "subscribe = [\"custom.{name}.*\"]\n[limits]\nmemory = \"8MiB\"\n"
    ))
}

/// Places a component that must not load for a reason that has `reason` in it.
async fn does_not_run(name: &str, items: &str, reason: &str) {
    let mut neighbours = Neighbourhood::with([limited(handmade(name, items), name)]).await;
    let failed = neighbours.reports.about("plugin.failed", name).await;
    let told = failed["data"]["reason"].as_str().expect("a reason");
    assert!(told.contains(reason), "{told}");
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_and_tables_of_64_bits_are_not_to_be_had() {
    let phantom = PHANTOM_GROWS
        .replace("INDEX.const", "i64.const")
        .replace("INDEX", "i64")
        .replace("MAXIMUM", "")
        .replace("ABSURD", "0x8000000000000000");
    does_not_run("wide-memory", &phantom, "memory64").await;
    let table = "(table i64 1 funcref) (func $handle)";
    does_not_run("wide-table", table, "memory64").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grows_that_fail_unlock_nothing() {
    for (name, maximum) in [
        ("phantom", ""),
        ("phantom-empty", "0"),
        ("phantom-full", "65536"),
    ] {
        let items = PHANTOM_GROWS
            .replace("INDEX.const", "i32.const")
            .replace("INDEX", "")
            .replace("MAXIMUM", maximum)
            .replace("ABSURD", "65536");
        let mut neighbours = Neighbourhood::of([limited(handmade(name, &items), name)]).await;
        for _ in 0..3 {
            neighbours.send(&format!("{name}.now"), 1).await;
        }
        let status = neighbours
            .until(name, |status| status.counters.delivered == 3)
            .await;
        assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
        assert_eq!(
            status.memory_bytes, LIMIT,
            "all that it may have, and no more"
        );
        neighbours.nothing_is_missed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_has_few_memories() {
    // One is the module's own.
    let memories = |count: usize| format!("{}(func $handle)", "(memory 0)".repeat(count));
    does_not_run("many-memories", &memories(8), "memory count too high").await;
    let few = limited(handmade("few-memories", &memories(7)), "few-memories");
    let neighbours = Neighbourhood::of([few]).await;
    let status = neighbours
        .status("few-memories")
        .await
        .expect("it is there");
    assert_eq!(
        status.state,
        PluginState::Running,
        "{:?}",
        status.last_error
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_counts_as_memory() {
    let table = "(table 600000 funcref) (func $handle)";
    does_not_run("large-table", table, "exceeds table limits").await;
    // A quarter of a million elements at 16 bytes, beside a megabyte of memory.
    let items = r#"
        (table $table 1 funcref)
        (func $handle
            (loop $again
                (br_if $again (i32.ne (i32.const -1)
                    (table.grow $table (ref.null func) (i32.const 1000))))))"#;
    let plugin = limited(handmade("growing-table", items), "growing-table");
    let mut neighbours = Neighbourhood::of([plugin]).await;
    neighbours.send("growing-table.now", 1).await;
    let status = neighbours
        .until("growing-table", |status| status.counters.delivered == 1)
        .await;
    assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
    assert!(status.memory_bytes > 4 << 20, "{status:?}");
    assert!(status.memory_bytes <= LIMIT, "{status:?}");
    neighbours.nothing_is_missed().await;
}
