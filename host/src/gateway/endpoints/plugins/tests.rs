use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};

use super::PluginList;
use crate::admin::{PluginState, PluginStatus, ReplayState};
use crate::gateway::test_support::{get, post, router, send};

#[tokio::test]
async fn plugins_are_listed_and_shown() {
    let router = router();
    let list: PluginList = serde_json::from_str(&get(&router, "/v1/plugins").await.body).unwrap();
    let names: Vec<&str> = list
        .plugins
        .iter()
        .map(|plugin| plugin.name.as_str())
        .collect();
    assert_eq!(names, ["broken", "good"]);
    let shown: PluginStatus =
        serde_json::from_str(&get(&router, "/v1/plugins/good").await.body).unwrap();
    assert_eq!(shown, list.plugins[1]);
}

#[tokio::test]
async fn commands_answer_with_the_plugin_after_them() {
    let router = router();
    for (command, state) in [
        ("pause", PluginState::Paused),
        ("reload", PluginState::Paused),
        ("resume", PluginState::Running),
    ] {
        let answer = post(&router, &format!("/v1/plugins/good/{command}")).await;
        assert_eq!(answer.status, StatusCode::OK);
        let plugin: PluginStatus = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(plugin.state, state, "after {command}");
    }
}

#[tokio::test]
async fn commands_that_fail_say_why() {
    let router = router();
    for command in ["reload", "pause", "resume"] {
        let missing = post(&router, &format!("/v1/plugins/none/{command}")).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        assert_eq!(missing.problem()["detail"], "there is no plugin `none`");
        let broken = post(&router, &format!("/v1/plugins/broken/{command}")).await;
        assert_eq!(broken.status, StatusCode::CONFLICT);
        assert_eq!(broken.problem()["detail"], "it is broken");
    }
    let missing = get(&router, "/v1/plugins/none").await;
    assert_eq!(missing.problem()["type"], "urn:hearken:problem:no-plugin");
    let not_text = get(&router, "/v1/plugins/%ff").await;
    assert_eq!(not_text.status, StatusCode::NOT_FOUND);
    not_text.problem();
}

#[tokio::test(start_paused = true)]
async fn commands_have_a_deadline() {
    let answer = post(&router(), "/v1/plugins/stuck/reload").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(
        answer.problem()["detail"]
            .as_str()
            .unwrap()
            .contains("`stuck`")
    );
}

#[tokio::test]
async fn a_replay_is_ended() {
    let router = router();
    let end = async |plugin: &str| {
        let request = Request::delete(format!("/v1/plugins/{plugin}/replay"));
        send(&router, request.body(Body::empty()).unwrap()).await
    };
    let answer = end("good").await;
    assert_eq!(answer.status, StatusCode::OK);
    let plugin: PluginStatus = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(plugin.name, "good");
    assert_eq!(end("broken").await.status, StatusCode::CONFLICT);
    assert_eq!(end("none").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_replay_is_asked_for_with_a_range() {
    let router = router();
    let replay = async |plugin: &str, body: &str| {
        let request = Request::post(format!("/v1/plugins/{plugin}/replay"))
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        send(&router, request).await
    };
    let range = r#"{"channel":"orders","after":3,"until":9,"copy":true}"#;
    let answer = replay("good", range).await;
    assert_eq!(answer.status, StatusCode::OK);
    let plugin: PluginStatus = serde_json::from_str(&answer.body).unwrap();
    let replayed = plugin.replay.unwrap();
    assert_eq!(
        (replayed.after, replayed.until, replayed.copy),
        (3, 9, true)
    );
    assert_eq!(replayed.state, ReplayState::Running);
    let answer = replay("broken", r#"{"channel":"orders","after":3}"#).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    for (body, named) in [
        (r#"{"channel":"orders"}"#, "after"),
        (r#"{"channel":"orders","after":-1}"#, "after"),
        (r#"{"channel":"orders","after":1,"untli":2}"#, "untli"),
    ] {
        let answer = replay("good", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.body.contains(named), "{}", answer.body);
    }
}
