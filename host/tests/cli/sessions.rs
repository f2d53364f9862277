//! `sessions token`.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Answer, command, end};

/// Runs `hearken sessions token` in `folder`.
async fn token(folder: &Path, arguments: &[&str]) -> Answer {
    // Asks no node, so that none need be there.
    let mut command = command("http://127.0.0.1:1", &["sessions", "token"]);
    command.args(arguments).current_dir(folder);
    end(command.spawn().expect("the binary runs")).await
}

/// What the token that was answered claims.
fn claims(answer: &Answer) -> Value {
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let claims = answer.stdout.trim_end().split('.').nth(1).expect("a JWT");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("Base64");
    serde_json::from_slice(&claims).expect("JSON")
}

fn folder(sessions: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let secret = "0123456789abcdef0123456789abcdef";
    fs::write(folder.path().join("token.secret"), secret).expect("the folder is there");
    let tokens = "[access.tokens.main]\nhmac_secret_file = 'token.secret'\nissuer = 'here'\n\
                  [access.tokens.other]\njwks_url = 'https://id.example.com/jwks.json'\n";
    let text = format!("{tokens}[sessions]\n{sessions}");
    fs::write(folder.path().join("hearken.toml"), text).expect("the folder is there");
    folder
}

#[tokio::test]
async fn a_token_says_whose_session_it_is_for_or_which_channel() {
    let folder = folder("token = 'main'");
    let to_connect = token(folder.path(), &["--user", "42", "--role", "shop"]).await;
    let claimed = claims(&to_connect);
    assert_eq!(claimed["sub"], "42");
    assert_eq!(claimed["iss"], "here");
    assert_eq!(claimed["roles"], json!(["shop"]));
    let valid = claimed["exp"].as_u64().unwrap() - claimed["iat"].as_u64().unwrap();
    assert_eq!(valid, 3600);
    assert_eq!(claimed.get("channel"), None);

    let arguments = ["--user", "42", "--channel", "$chat:1", "--ttl", "5m"];
    let to_subscribe = claims(&token(folder.path(), &arguments).await);
    assert_eq!(to_subscribe["channel"], "$chat:1");
    let valid = to_subscribe["exp"].as_u64().unwrap() - to_subscribe["iat"].as_u64().unwrap();
    assert_eq!(valid, 300);

    let nobodys = claims(&token(folder.path(), &[]).await);
    assert_eq!(nobodys["sub"], "");
}

#[tokio::test]
async fn what_makes_no_sense_is_told() {
    let on = folder("token = 'main'");
    for (arguments, told) in [
        (&["--ttl", "soon"][..], "no duration"),
        (&["--channel", "a b"], "printable ASCII"),
    ] {
        let answer = token(on.path(), arguments).await;
        assert_eq!(answer.code, 2, "{arguments:?}: {}", answer.stderr);
        assert!(answer.stderr.contains(told), "{told}: {}", answer.stderr);
    }
    let off = token(folder("").path(), &[]).await;
    assert_eq!(off.code, 2);
    assert!(off.stderr.contains("`sessions.token`"), "{}", off.stderr);
    let others = token(folder("token = 'other'").path(), &[]).await;
    assert_eq!(others.code, 1);
    assert!(
        others.stderr.contains("`hmac_secret_file`"),
        "{}",
        others.stderr
    );
}
