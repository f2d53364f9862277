//! Files that cannot be loaded.

use std::fs::File;
use std::io::Write;

use hearken::admin::PluginState;

use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::{Plugin, file, plugin};

/// What a component begins with.
const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";

const NONSENSE_BYTES: u64 = 200 << 20;

/// Drops a file into a running node, and checks that it fails to load for a
/// reason that has all of `reasons` in it.
async fn does_not_load(plugin: Plugin, reasons: &[&str]) {
    let name = plugin.name.clone();
    let mut neighbours = Neighbourhood::with([plugin]).await;
    failed(&mut neighbours, &name, reasons).await;
}

async fn failed(neighbours: &mut Neighbourhood, name: &str, reasons: &[&str]) {
    neighbours.nothing_is_missed().await;
    let failed = neighbours.reports.about("plugin.failed", name).await;
    let told = failed["data"]["reason"].as_str().expect("a reason");
    for reason in reasons {
        assert!(told.contains(reason), "`{reason}` is not in: {told}");
    }
    let status = neighbours
        .until(name, |status| status.last_error.is_some())
        .await;
    assert_eq!(status.state, PluginState::Failed);
    assert_eq!(status.last_error.as_deref(), Some(told));
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_wasm() {
    let script = file("script", "#!/bin/sh\nexit 1\n");
    does_not_load(script, &["script.wasm", "not a WebAssembly file"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file() {
    does_not_load(file("empty", ""), &["empty.wasm", "the file is empty"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_module() {
    let module = wat::parse_str("(module (func (export \"handle\")))").unwrap();
    let reasons = ["core.wasm", "core WebAssembly module", "wasm32-wasip2"];
    does_not_load(file("core", module), &reasons).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_behind_a_good_preamble() {
    let bytes = [PREAMBLE, &[0xff; 4096]].concat();
    does_not_load(file("nonsense", bytes), &["not a valid component"]).await;
}

/// A sparse file of 200 MB takes no room on the disk, and is no less for the node.
async fn a_huge_file(start: &[u8], reasons: &[&str]) {
    let mut neighbours = Neighbourhood::with([]).await;
    let temporary = neighbours.plugins().join("huge.tmp");
    let mut huge = File::create(&temporary).expect("a writable folder");
    huge.write_all(start).expect("a writable file");
    huge.set_len(NONSENSE_BYTES).expect("sparse files");
    drop(huge);
    std::fs::rename(temporary, neighbours.plugins().join("huge.wasm")).expect("one folder");
    failed(&mut neighbours, "huge", reasons).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_megabytes_of_nonsense() {
    a_huge_file(b"nonsense", &["huge.wasm", "not a WebAssembly file"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_megabytes_behind_a_good_preamble() {
    a_huge_file(PREAMBLE, &["huge.wasm", "209715200 bytes"]).await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn unknown_import() {
    let reasons = ["unknown-import.wasm", "nobody:has/this@1.0.0"];
    does_not_load(plugin("unknown-import"), &reasons).await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn wrong_package() {
    let reasons = [
        "hearken:plugin/listener@0.3.0",
        "hearken:plugin/listener@0.2.0",
    ];
    does_not_load(plugin("wrong-package"), &reasons).await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn no_handler() {
    let reasons = [
        "exports nothing that takes events",
        "hearken:plugin/listener@0.2.0",
    ];
    does_not_load(plugin("no-handler"), &reasons).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_with_errors() {
    for (manifest, reasons) in [
        (
            "[limits]\nmemroy = \"1MiB\"\n",
            [":2:1:", "did you mean `limits.memory`?"],
        ),
        ("[limits]\ndeadline = \"5\"\n", [":2:12:", "no unit"]),
        ("subscribe = [\"\"]\n", [":1:14:", "custom.cart.*"]),
        ("this is no toml", [":1:", "toml"]),
    ] {
        let tuned = plugin("echo").named("tuned").manifest(manifest);
        let mut neighbours = Neighbourhood::with([tuned]).await;
        failed(&mut neighbours, "tuned", &["tuned.toml"]).await;
        let status = neighbours.status("tuned").await.expect("it is there");
        for reason in reasons {
            let told = status.last_error.as_deref().unwrap_or_default();
            assert!(told.contains(reason), "`{reason}` is not in: {told}");
        }
        neighbours.place_manifest("tuned", "");
        neighbours
            .until("tuned", |status| status.state == PluginState::Running)
            .await;
    }
}
