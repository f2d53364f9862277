//! `cluster ca` and `cluster cert`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hearken::clock::SystemClock;
use hearken::cluster::tls::{Tls, TlsFiles};
use serde_json::Value;

use crate::support::{Answer, command, end};

/// Runs `hearken cluster` in `folder`.
async fn cluster(folder: &Path, arguments: &[&str]) -> Answer {
    // Asks no node, so that none need be there.
    let mut command = command("http://127.0.0.1:1", &["cluster"]);
    command.args(arguments).current_dir(folder);
    end(command.spawn().expect("the binary runs")).await
}

async fn made(folder: &Path, arguments: &[&str]) -> Answer {
    let answer = cluster(folder, arguments).await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    answer
}

fn load(folder: &Path, node: &str) -> Result<Tls, String> {
    let files = TlsFiles {
        ca: folder.join("certificates/ca.crt"),
        certificate: folder.join(format!("certificates/{node}.crt")),
        key: folder.join(format!("certificates/{node}.key")),
        crl: None,
    };
    Tls::load(files, node, Arc::new(SystemClock)).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_node_can_use_what_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let answer = made(folder.path(), &["ca"]).await;
    assert!(
        answer
            .stdout
            .starts_with("made certificates/ca.crt and certificates/ca.key, valid until 2"),
        "{}",
        answer.stdout
    );
    assert!(answer.stdout.ends_with("\n  hearken cluster cert NODE\n"));
    let answer = made(folder.path(), &["cert", "Node-1.example"]).await;
    for part in [
        "made certificates/Node-1.example.crt and certificates/Node-1.example.key, valid until 2",
        "  hearken run --node Node-1.example --cluster-ca certificates/ca.crt \
         --cluster-cert certificates/Node-1.example.crt \
         --cluster-key certificates/Node-1.example.key\n",
        "  [cluster.tls]\n  ca = \"certificates/ca.crt\"\n",
    ] {
        assert!(
            answer.stdout.contains(part),
            "{part:?} is not in\n{}",
            answer.stdout
        );
    }
    load(folder.path(), "Node-1.example").unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn only_their_owner_reads_the_keys() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["ca", "--out", "ca"]).await;
    made(folder.path(), &["cert", "a", "--ca", "ca", "--out", "a"]).await;
    let mode = |file: &str| {
        let metadata = fs::metadata(folder.path().join(file)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!([mode("ca/ca.key"), mode("a/a.key")], [0o600, 0o600]);
    assert_eq!([mode("ca/ca.crt"), mode("a/a.crt")], [0o644, 0o644]);
    let mut names: Vec<_> = fs::read_dir(folder.path().join("a"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a.crt", "a.key"]);
}

#[tokio::test]
async fn json_names_the_files() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, stem) in [
        (&["ca", "--json", "--days", "1"][..], "ca"),
        (&["cert", "a", "--json", "--days", "1"], "a"),
    ] {
        let answer = made(folder.path(), arguments).await;
        let value: Value = serde_json::from_str(&answer.stdout).unwrap();
        assert_eq!(value["certificate"], format!("certificates/{stem}.crt"));
        assert_eq!(value["key"], format!("certificates/{stem}.key"));
        let expires = value["expires"].as_str().unwrap();
        assert!(expires.len() == 20 && expires.ends_with('Z'), "{expires}");
    }
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["ca"]).await;
    made(folder.path(), &["cert", "a"]).await;
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).ok();
    for (arguments, stem) in [(&["ca"][..], "ca"), (&["cert", "a"], "a")] {
        let (certificate, key) = (
            format!("certificates/{stem}.crt"),
            format!("certificates/{stem}.key"),
        );
        let before = (read(&certificate), read(&key));
        let answer = cluster(folder.path(), arguments).await;
        assert_eq!((answer.code, &*answer.stdout), (1, ""));
        assert_eq!(
            answer.stderr,
            format!(
                "hearken: {certificate} exists, and nothing is overwritten: move it away, or name \
                 another folder with --out\n"
            )
        );
        assert_eq!((read(&certificate), read(&key)), before);
    }

    // Nor is one of the two made where the other exists.
    fs::remove_file(folder.path().join("certificates/a.crt")).unwrap();
    let answer = cluster(folder.path(), &["cert", "a"]).await;
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains("certificates/a.key exists"),
        "{}",
        answer.stderr
    );
    assert_eq!(read("certificates/a.crt"), None);
}

#[tokio::test]
async fn a_name_that_no_certificate_carries_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["ca"]).await;
    for name in ["../a", "1", "a b", "*.example"] {
        let answer = cluster(folder.path(), &["cert", name]).await;
        assert_eq!((answer.code, &*answer.stdout), (2, ""), "{name}");
        let part = format!("`{name}` cannot be the name of a node with a certificate");
        assert!(answer.stderr.contains(&part), "{}", answer.stderr);
    }
    let answer = cluster(folder.path(), &["cert", "a", "--days", "4000000"]).await;
    assert_eq!(answer.code, 2);
    assert!(
        answer.stderr.contains("give fewer --days"),
        "{}",
        answer.stderr
    );
}

#[tokio::test]
async fn a_ca_that_is_missing_or_torn_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let answer = cluster(folder.path(), &["cert", "a"]).await;
    assert_eq!(answer.code, 1);
    for part in ["certificates/ca.crt", "--ca", "`hearken cluster ca`"] {
        assert!(answer.stderr.contains(part), "{}", answer.stderr);
    }
    made(folder.path(), &["ca"]).await;
    made(folder.path(), &["ca", "--out", "other"]).await;
    fs::copy(
        folder.path().join("other/ca.key"),
        folder.path().join("certificates/ca.key"),
    )
    .unwrap();
    let answer = cluster(folder.path(), &["cert", "a"]).await;
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains(
            "certificates that certificates/ca.key signs are not valid with certificates/ca.crt"
        ),
        "{}",
        answer.stderr
    );
    fs::write(folder.path().join("certificates/ca.key"), "no key").unwrap();
    let answer = cluster(folder.path(), &["cert", "a"]).await;
    assert_eq!(answer.code, 1);
    assert!(
        answer
            .stderr
            .contains("cannot sign with certificates/ca.key"),
        "{}",
        answer.stderr
    );
    assert!(!folder.path().join("certificates/a.key").exists());
}
