//! `access key`, `access token`, `access explain` and `access certificate`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Answer, command, end};

/// Runs `hearken access` in `folder`.
async fn access(folder: &Path, arguments: &[&str]) -> Answer {
    // Asks no node, so that none need be there.
    let mut command = command("http://127.0.0.1:1", &["access"]);
    command.args(arguments).current_dir(folder);
    end(command.spawn().expect("the binary runs")).await
}

const ROLE: &str = "[access.roles.shop]\npublish = ['custom.shop.*']\n";

#[tokio::test]
async fn a_key_is_alone_on_stdout_and_its_lines_make_it_known() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["key", "billing", "--role", "shop", "--expires", "90days"];
    let made = access(folder.path(), &arguments).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let key = made.stdout.trim_end();
    assert!(
        key.starts_with("hrk_") && !key.contains(char::is_whitespace),
        "{key}"
    );
    let secret = key.rsplit('_').next().unwrap();
    assert!(!made.stderr.contains(secret), "{}", made.stderr);
    fs::write(
        folder.path().join("hearken.toml"),
        ROLE.to_owned() + &made.stderr,
    )
    .unwrap();

    let may = access(
        folder.path(),
        &["explain", "billing", "publish", "shop.paid"],
    )
    .await;
    assert_eq!(may.code, 0, "{}", may.stderr);
    let line = "hearken.toml:2:12: access.roles.shop.publish has custom.shop.*";
    assert_eq!(may.stdout, format!("yes\n{line}\n"));

    let may_not = access(folder.path(), &["explain", "billing", "operate", "--json"]).await;
    assert_eq!(may_not.code, 1);
    let answer: Value = serde_json::from_str(&may_not.stdout).unwrap();
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["right"], "operate");
    assert!(may_not.stderr.contains("`key:billing` may not `operate`"));
}

#[tokio::test]
async fn a_token_is_signed_with_the_secret_that_the_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let none = access(folder.path(), &["token", "--subject", "me"]).await;
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("hmac_secret_file"), "{}", none.stderr);

    let secret = "0123456789abcdef0123456789abcdef";
    fs::write(folder.path().join("token.secret"), secret).unwrap();
    let file = "[access.tokens.main]\nhmac_secret_file = 'token.secret'\nissuer = 'here'\n";
    fs::write(folder.path().join("hearken.toml"), file).unwrap();
    let signed = access(
        folder.path(),
        &["token", "--subject", "me", "--role", "shop"],
    )
    .await;
    assert_eq!(signed.code, 0, "{}", signed.stderr);
    assert_eq!(
        signed.stdout.trim_end().split('.').count(),
        3,
        "{}",
        signed.stdout
    );
    assert!(!signed.stdout.contains(secret) && !signed.stderr.contains(secret));

    let unknown = ["token", "--subject", "me", "--issuer", "mian"];
    let unknown = access(folder.path(), &unknown).await;
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.stderr.contains("did you mean `main`?"),
        "{}",
        unknown.stderr
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, told) in [
        (&["key", "a b"][..], "cannot be the name"),
        (
            &["key", "a", "--expires", "soon"],
            "neither a duration nor a time",
        ),
        (&["explain", "billing", "publish"], "custom.shop.paid"),
        (
            &["explain", "billing", "operate", "all"],
            "without anything after it",
        ),
        (&["explain", "users:1", "observe"], "`user:`"),
        (&["explain", "billing", "listen", "a{b"], "brace"),
        (&["explain", "billing", "pubish", "a"], "publish"),
    ] {
        let answer = access(folder.path(), arguments).await;
        assert_eq!(answer.code, 2, "{arguments:?}: {}", answer.stderr);
        assert!(answer.stderr.contains(told), "{told}: {}", answer.stderr);
        assert_eq!(answer.stdout, "");
    }
}

#[tokio::test]
async fn a_certificate_is_made_and_told_how_to_use() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "certificate",
        "hearken.example.com",
        "10.0.0.1",
        "--ca",
        "tls",
    ];
    let first = access(folder.path(), &arguments).await;
    assert_eq!(first.code, 0, "{}", first.stderr);
    for part in [
        "made tls/ca.crt and tls/ca.key, valid until 2",
        "Keep tls/ca.key off the nodes",
        "made tls/hearken.example.com.crt and tls/hearken.example.com.key, valid until 2",
        "  [http.tls]\n  certificate = \"tls/hearken.example.com.crt\"\n",
        "  hearken --host https://hearken.example.com:7070 --ca tls/ca.crt nodes\n",
    ] {
        assert!(
            first.stdout.contains(part),
            "{part:?} is not in\n{}",
            first.stdout
        );
    }
    let arguments = [
        "certificate",
        "*.example.com",
        "--ca",
        "tls",
        "--out",
        "out",
        "--json",
    ];
    let second = access(folder.path(), &arguments).await;
    assert_eq!(second.code, 0, "{}", second.stderr);
    let made: Value = serde_json::from_str(&second.stdout).unwrap();
    assert_eq!(made["certificate"], "out/wildcard.example.com.crt");
    assert_eq!(made["ca"], "tls/ca.crt");
    assert!(made["expires"].is_string());
}

#[cfg(unix)]
#[tokio::test]
async fn only_their_owner_reads_the_keys() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    access(folder.path(), &["certificate", "localhost", "--ca", "."]).await;
    for key in ["ca.key", "localhost.key"] {
        let mode = fs::metadata(folder.path().join(key)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{key}");
    }
}

#[tokio::test]
async fn mistakes_are_told_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (
            &["certificate", "https://a", "--ca", "tls"][..],
            "without scheme and port",
        ),
        (
            &["certificate", "a:7070", "--ca", "tls"],
            "without scheme and port",
        ),
        (
            &["certificate", "a", "--days", "4000000", "--ca", "tls"],
            "after the year 9999",
        ),
        (&["certificate"], "<HOST>"),
    ] {
        let answer = access(folder.path(), arguments).await;
        assert_eq!(answer.code, 2, "{arguments:?}: {answer:?}");
        assert!(answer.stderr.contains(part), "{answer:?}");
        assert!(!folder.path().join("tls").exists());
    }
    access(folder.path(), &["certificate", "a", "--ca", "tls"]).await;
    let again = access(folder.path(), &["certificate", "a", "--ca", "tls"]).await;
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("nothing is overwritten"), "{again:?}");
}
