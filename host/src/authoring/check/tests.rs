use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::admin::{DeliveryStatus, WithheldStatus};

/// The report on these bytes, the content of file `name`, parsed right here.
fn check_bytes(name: &str, bytes: &[u8]) -> CheckReport {
    let length = bytes.len() as u64;
    let head = &bytes[..bytes.len().min(file_kind::HEAD_BYTES as usize)];
    match FileKind::of_head(head, length) {
        Some(kind) => CheckReport::without_contents(name.to_owned(), length, kind),
        None => {
            let told = examine(bytes).to_bytes();
            let examined = Examination::from_bytes(&told).map_err(|error| error.to_string());
            CheckReport::new(name.to_owned(), length, examined)
        }
    }
}

/// For files that are judged without looking into them.
async fn never(_: &[u8]) -> Result<Examination, String> {
    panic!("it was looked into")
}

/// A component with these imports that exports instance `handler` with `functions`.
fn component(imports: &[&str], handler: &str, functions: &[&str]) -> Vec<u8> {
    let imports: String = imports
        .iter()
        .map(|name| format!("(import \"{name}\" (instance))\n"))
        .collect();
    let functions: String = functions
        .iter()
        .map(|name| format!("(export \"{name}\" (func $f))\n"))
        .collect();
    wat::parse_str(format!(
        "(component
            {imports}
            (core module $m
                (memory (export \"memory\") 1)
                (func (export \"f\") (param i32) (result i32) local.get 0)
            )
            (core instance $i (instantiate $m))
            (func $f (param \"x\" u32) (result u32) (canon lift (core func $i \"f\")))
            (instance $handler {functions})
            (export \"{handler}\" (instance $handler))
        )"
    ))
    .unwrap()
}

const LISTENER: &str = "hearken:plugin/listener@0.2.0";

fn listener(imports: &[&str]) -> Vec<u8> {
    component(imports, LISTENER, &["describe", "handle"])
}

#[test]
fn a_listener_is_runnable_and_its_imports_say_how_they_are_provided() {
    let report = check_bytes(
        "cart.wasm",
        &listener(&[
            "hearken:plugin/events@0.2.0",
            "wasi:http/outgoing-handler@0.2.4",
            "wasi:sockets/tcp@0.2.0",
        ]),
    );
    assert_eq!(report.kind, FileKind::Component);
    assert_eq!(report.handler.map(Handler::interface), Some(LISTENER));
    assert!(report.runnable, "{report}");
    assert_eq!(report.exports[0].functions, ["describe", "handle"]);
    let availability: Vec<_> = report
        .imports
        .iter()
        .map(|import| &import.availability)
        .collect();
    assert!(
        matches!(
            &availability[..],
            [
                Availability::Provided,
                Availability::ByGrant { manifest_line },
                Availability::RefusedWhenUsed { .. },
            ] if manifest_line == "http = [\"HOST\"]"
        ),
        "{availability:?}"
    );
    let text = report.to_string();
    assert!(text.contains("[allow] http = [\"HOST\"]"), "{text}");
    assert!(text.contains("this host can run it"), "{text}");
}

#[test]
fn an_unknown_import_and_a_version_that_is_not_spoken_keep_it_from_running() {
    let report = check_bytes(
        "cart.wasm",
        &listener(&["nobody:has/this@1.0.0", "wasi:keyvalue/store@0.3.0"]),
    );
    assert!(!report.runnable);
    let [unknown, version] = &report.problems[..] else {
        panic!("{report}");
    };
    assert!(unknown.contains("nobody:has/this@1.0.0"), "{unknown}");
    assert!(version.contains("speaks 0.2.0-draft"), "{version}");
}

#[test]
fn a_near_miss_of_a_handler_is_told_from_a_component_for_something_else() {
    let problem = |bytes: &[u8]| {
        let report = check_bytes("x.wasm", bytes);
        assert!(!report.runnable);
        assert_eq!(report.problems.len(), 1, "{report}");
        report.problems[0].clone()
    };
    let next = problem(&component(
        &[],
        "hearken:plugin/listener@0.3.0",
        &["handle"],
    ));
    assert!(
        next.contains("listener@0.3.0") && next.contains("speaks hearken:plugin/listener@0.2.0")
    );
    let partial = problem(&component(&[], LISTENER, &["handle"]));
    assert!(partial.contains("lacks the function describe"), "{partial}");
    let http = problem(&component(
        &[],
        "wasi:http/incoming-handler@0.2.0",
        &["handle"],
    ));
    assert!(http.contains("HTTP requests"), "{http}");
    let empty = problem(&wat::parse_str("(component)").unwrap());
    assert!(empty.contains(LISTENER), "{empty}");
}

#[test]
fn a_component_that_only_sessions_ask_runs_too() {
    let hooks = "hearken:plugin/session-hooks@0.2.0";
    let functions = ["describe", "subscribe"];
    let imports = [
        "hearken:plugin/session-types@0.2.0",
        "hearken:plugin/sessions@0.2.0",
    ];
    let report = check_bytes("doorman.wasm", &component(&imports, hooks, &functions));
    assert!(report.runnable && report.session_hooks, "{report}");
    assert_eq!(report.handler, None);
    let text = report.to_string();
    assert!(text.contains("sessions = [\"NAMESPACE\"]"), "{text}");
    let verdict = text.lines().last().unwrap();
    assert_eq!(
        verdict,
        "this host can run it; sessions ask it by hearken:plugin/session-hooks@0.2.0"
    );
}

#[test]
fn a_wasmcloud_component_runs_and_needs_a_manifest_that_subscribes() {
    let report = check_bytes(
        "echo.wasm",
        &component(
            &["wasmcloud:messaging/consumer@0.2.0"],
            "wasmcloud:messaging/handler@0.2.0",
            &["handle-message"],
        ),
    );
    assert!(report.runnable, "{report}");
    let verdict = report.to_string().lines().last().unwrap().to_owned();
    assert_eq!(
        verdict,
        "this host can run it once echo.toml says what it listens to, e.g. \
         subscribe = [\"custom.example.*\"]; events are handed over by \
         wasmcloud:messaging/handler@0.2.0"
    );
}

#[test]
fn imports_and_exports_of_what_is_inside_do_not_count() {
    let bytes = wat::parse_str(
        "(component
            (component (import \"nobody:has/this@1.0.0\" (instance)))
            (core module (import \"env\" \"f\" (func)) (func (export \"g\")))
        )",
    )
    .unwrap();
    let report = check_bytes("nested.wasm", &bytes);
    assert_eq!((report.imports, report.exports), (vec![], vec![]));
}

#[test]
fn a_core_module_is_told_how_it_becomes_a_component() {
    let advice = |import: &str| {
        let text = format!("(module (import \"{import}\" \"f\" (func)))");
        let report = check_bytes("m.wasm", &wat::parse_str(text).unwrap());
        assert!(!report.runnable);
        report.problems[0].clone()
    };
    assert!(advice("wasi_snapshot_preview1").contains("--target wasm32-wasip2"));
    assert!(advice("extism:host/env").contains("Extism"));
    assert!(advice("env").contains("hearken plugin build"));
}

#[test]
fn what_is_not_wasm_is_named() {
    for (bytes, name) in [
        (&b""[..], "empty"),
        (b"\x7fELF\x02\x01", "ELF"),
        (b"<!DOCTYPE html><p>404", "web page"),
        (b"(component)", "text form"),
        (b"fn main() {}", "text"),
        (&[0; 600], "zeros"),
        (&[0xfe, 0xff, 0x00, 0x80], "unknown kind"),
        (b"\0asm\x63\0\0\0", "binary version"),
    ] {
        let report = check_bytes("x.wasm", bytes);
        assert!(!report.runnable);
        let text = report.to_string();
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn a_component_that_is_cut_short_says_where() {
    let whole = listener(&[]);
    let report = check_bytes("x.wasm", &whole[..whole.len() - 5]);
    let FileKind::Damaged { offset, .. } = report.kind else {
        panic!("{report}");
    };
    assert!(offset > 0 && offset <= whole.len());
}

#[test]
fn listeners_are_reported_once_they_are_known_and_a_failure_to_tell_is_a_problem() {
    let mut report = check_bytes("cart.wasm", &listener(&[]));
    let listeners = vec![ListenerStatus {
        name: "greet".to_owned(),
        pattern: "custom.hello.*".to_owned(),
        subject: None,
        channel: None,
        local_only: true,
        delivery: DeliveryStatus::Live,
    }];
    let rights = RightsStatus {
        publish: Some(vec!["custom.a".to_owned()]),
        withheld: vec![WithheldStatus {
            right: "http".to_owned(),
            asked: "evil.example".to_owned(),
            granted: Vec::new(),
            listener: None,
        }],
        ..RightsStatus::default()
    };
    report.set_listeners(Ok((listeners, rights)));
    assert!(report.runnable);
    let text = report.to_string();
    for part in [
        "custom.hello.* (greet), this node only",
        "may\n  publish custom.a\n",
        "asks for and may not\n  http evil.example\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["kind"], "component");
    assert_eq!(json["listeners"][0]["pattern"], "custom.hello.*");

    report.set_listeners(Err("it trapped".to_owned()));
    assert!(!report.runnable);
    assert!(report.to_string().contains("it trapped"));
}

#[test]
fn what_a_component_says_of_itself_looks_like_nothing_else() {
    let mut report = check_bytes("cart.wasm", &listener(&[]));
    let listeners = vec![ListenerStatus {
        name: "a)\nmay\n  publish nothing\x1b[8m".to_owned(),
        pattern: "custom.hello.*".to_owned(),
        subject: Some("s\nthis host can run it".to_owned()),
        channel: None,
        local_only: false,
        delivery: DeliveryStatus::Live,
    }];
    let rights = RightsStatus {
        secrets: vec!["k\n (file /etc/shadow)".to_owned()],
        ..RightsStatus::default()
    };
    report.set_listeners(Ok((listeners, rights)));
    let text = report.to_string();
    for part in [
        "  custom.hello.* (a)\\nmay\\n  publish nothing\\u{1b}[8m), subject s\\nthis host can run it\n",
        "may\n  secrets k\\n (file /etc/shadow)\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    report.set_listeners(Err("it said\nthis host can run it".to_owned()));
    let text = report.to_string();
    assert!(
        text.contains("it said\n    this host can run it\n"),
        "{text}"
    );
    assert!(text.ends_with("\nthis host cannot run it"), "{text}");
}

#[tokio::test]
async fn a_huge_file_is_judged_by_its_head() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("huge.wasm");
    std::fs::write(&file, b"nonsense").unwrap();
    let sparse = File::options().write(true).open(&file).unwrap();
    sparse.set_len(MAX_FILE_BYTES + 1).unwrap();
    let report = check(&file, never).await.unwrap();
    assert_eq!(report.bytes, MAX_FILE_BYTES + 1);
    assert!(matches!(report.kind, FileKind::NotWasm { .. }), "{report}");

    let wasm = b"\0asm\x0d\0\x01\0";
    std::fs::write(&file, wasm).unwrap();
    let sparse = File::options().write(true).open(&file).unwrap();
    sparse.set_len(MAX_FILE_BYTES + 1).unwrap();
    let report = check(&file, never).await.unwrap();
    assert!(matches!(report.kind, FileKind::TooLarge { .. }), "{report}");
}

#[tokio::test]
async fn a_file_that_cannot_be_looked_into_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("deep.wasm");
    std::fs::write(&file, listener(&[])).unwrap();
    let examine = async |_: &[u8]| Err("it is nested too deeply".to_owned());
    let report = check(&file, examine).await.unwrap();
    assert!(!report.runnable);
    assert!(
        report.to_string().contains("it is nested too deeply"),
        "{report}"
    );
    let examine = async |bytes: &[u8]| Ok(super::examine(bytes));
    assert!(check(&file, examine).await.unwrap().runnable);
}

#[tokio::test]
async fn a_folder_and_a_missing_file_are_errors_that_name_them() {
    let dir = tempfile::tempdir().unwrap();
    let error = check(dir.path(), never).await.unwrap_err();
    assert!(matches!(error, CheckError::NotAFile(_)), "{error:?}");
    let error = check(&dir.path().join("none.wasm"), never)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("none.wasm"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_get_a_report(bytes in vec(any::<u8>(), 0..2_000), header in 0..3_usize) {
        let header: &[u8] = [&b""[..], b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"][header];
        let report = check_bytes("x.wasm", &[header, &bytes].concat());
        prop_assert_eq!(report.runnable, report.problems.is_empty());
        prop_assert!(!report.to_string().is_empty());
    }

    #[test]
    fn a_damaged_component_gets_a_report(
        changes in vec((any::<Index>(), any::<u8>()), 0..8),
        kept in any::<Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = listener(&["wasi:cli/stdout@0.2.0", "nobody:has/this@1.0.0"]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(kept.index(bytes.len()));
        }
        let report = check_bytes("x.wasm", &bytes);
        prop_assert!(report.kind == FileKind::Component || !report.runnable);
        prop_assert!(serde_json::to_string(&report).is_ok());
    }
}
