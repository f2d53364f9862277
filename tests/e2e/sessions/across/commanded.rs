//! What is done with the sessions of all nodes, by each way to ask for it, also while one of them
//! does not answer.

use super::*;
use crate::sessions::Session;

/// A session of the user on each node.
async fn on_each(house: &House, user: &str) -> Vec<Session> {
    let connect = json!({ "token": token(house, user).await });
    let mut sessions = Vec::new();
    for node in house.nodes.values() {
        sessions.push(Session::connect(node, "POST http_stream", connect.clone()).await);
    }
    sessions
}

async fn token(house: &House, user: &str) -> String {
    let file = house.configuration.display().to_string();
    let signing = ["sessions", "token", "--user", user, "--config", &file];
    let token = house.node("a").hearken(&signing).await;
    assert_eq!(token.code, 0, "{token:?}");
    token.stdout.trim().to_owned()
}

/// What so many nodes answer that have done something with so many sessions.
fn reached(nodes: u64, sessions: u64, partial: bool) -> Value {
    json!({ "nodes": nodes, "sessions": sessions, "partial": partial })
}

/// What is answered to a `POST`, which is done.
async fn post(node: &Api, path: &str, body: &Value) -> Value {
    let answered = answer(node.request(Method::POST, path).json(body)).await;
    assert!(answered.status().is_success(), "{path} {body}");
    answered.json().await.expect("JSON")
}

/// Sends a message by `/v1`.
async fn send(node: &Api, to: Value, data: &str) -> Value {
    let message = json!({ "to": to, "data": data });
    post(node, "/v1/sessions/messages", &message).await
}

/// What a command says that is asked for JSON.
async fn said(node: &NodeProcess, arguments: &[&str]) -> Value {
    let answered = node.hearken(&[arguments, &["--json"]].concat()).await;
    assert_eq!(answered.code, 0, "{answered:?}");
    serde_json::from_str(&answered.stdout).expect("JSON")
}

/// How many sessions of ada's there are on all nodes, or the one of that name, and whether that
/// is partial.
async fn counted(node: &Api, named: &str) -> (usize, bool) {
    let query = format!("/v1/sessions?user=ada&node={named}");
    let page: Value = node.get(&query).await.json().await.expect("JSON");
    let sessions = page["sessions"].as_array().expect("sessions").len();
    (sessions, page["partial"].as_bool().expect("it says so"))
}

/// What is answered about a session that there is not, by each way to ask.
async fn about_nobody(node: &Api) -> [StatusCode; 3] {
    let path = "/v1/sessions/nobody";
    let message = node
        .request(Method::POST, &format!("{path}/messages"))
        .json(&json!({ "data": 1 }));
    [
        node.get(path).await.status(),
        answer(node.request(Method::DELETE, path)).await.status(),
        answer(message).await.status(),
    ]
}

/// What a server may have done with ada's sessions, in this order.
fn of_ada() -> [(&'static str, Value); 3] {
    [
        ("subscribe", json!({ "user": "ada", "channel": LIVE })),
        ("unsubscribe", json!({ "user": "ada", "channel": LIVE })),
        (
            "refresh",
            json!({ "user": "ada", "expire_at": 4_000_000_000_u64 }),
        ),
    ]
}

/// Checks what each of the sessions is sent next.
async fn check_next(sessions: &mut [Session], wanted: impl Fn(&Value) -> bool) {
    for session in sessions {
        let message = session.stream.message().await;
        assert!(wanted(&message["push"]), "{message}");
    }
}

/// Checks that each of the sessions is closed with this code.
async fn check_closed(sessions: &mut [Session], code: u32) {
    check_next(sessions, |push| push["disconnect"]["code"] == code).await;
    for session in sessions {
        assert_eq!(session.stream.next().await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_any_node_is_asked_for_in_any_way_all_do() {
    let house = House::new().await;
    let mut ada = on_each(&house, "ada").await;
    let mut bob = on_each(&house, "bob").await;
    for (name, node) in &house.nodes {
        let is = |data: String| move |push: &Value| push["message"]["data"] == *data;
        let (v1, cli) = (format!("v1 {name}"), format!("cli {name}"));
        let sent = send(node, json!({ "user": "ada" }), &v1).await;
        assert_eq!(sent, reached(3, 3, false), "{name}");
        check_next(&mut ada, is(v1.clone())).await;
        assert_eq!(
            send(node, json!({ "all": true }), &v1).await,
            reached(3, 6, false)
        );
        check_next(&mut ada, is(v1.clone())).await;
        check_next(&mut bob, is(v1)).await;
        let data = json!(cli).to_string();
        for (whom, sessions) in [(&["--user", "ada"][..], 3), (&["--all"][..], 6)] {
            let sending = [&["sessions", "send", "--data", &data], whom].concat();
            assert_eq!(said(node, &sending).await, reached(3, sessions, false));
            check_next(&mut ada, is(cli.clone())).await;
        }
        check_next(&mut bob, is(cli)).await;

        for (method, parameters) in of_ada() {
            let done = call(node, method, &parameters).await;
            assert_eq!(done, json!({ "result": {} }), "{method} by {name}");
            check_next(&mut ada, |push| push[method].is_object()).await;
        }
        assert_eq!(counted(node, "").await, (3, false), "{name}");
        assert_eq!(counted(node, "c").await, (1, false), "{name}");
        assert_eq!(about_nobody(node).await, [StatusCode::NOT_FOUND; 3]);
    }

    let close = json!({ "to": { "user": "ada" }, "code": 4001 });
    let closed = post(house.node("a"), "/v1/sessions/disconnect", &close).await;
    assert_eq!(closed, reached(3, 3, false));
    check_closed(&mut ada, 4001).await;
    let closing = ["sessions", "disconnect", "--user", "bob", "--code", "4002"];
    assert_eq!(said(house.node("b"), &closing).await, reached(3, 3, false));
    check_closed(&mut bob, 4002).await;
    let mut eve = on_each(&house, "eve").await;
    let close = json!({ "user": "eve", "disconnect": { "code": 4003, "reason": "bye" } });
    let closed = call(house.node("c"), "disconnect", &close).await;
    assert_eq!(closed, json!({ "result": {} }));
    check_closed(&mut eve, 4003).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_user_who_may_have_one_session_the_last_of_all_nodes_stays() {
    let single = CONFIGURATION.replace("[sessions]\n", "[sessions]\nsingle_connection = true\n");
    let house = House::with(&format!("{single}{ACROSS}")).await;
    let mut sessions = on_each(&house, "ada").await;
    let mut last = sessions.split_off(2);
    check_closed(&mut sessions, 3504).await;
    let node = house.node("a");
    let sent = send(node, json!({ "user": "ada" }), "hi").await;
    assert_eq!(sent, reached(3, 1, false));
    check_next(&mut last, |push| push["message"]["data"] == "hi").await;
}

/// Checks what is answered while a node is waited for that does not answer, and has one of ada's
/// three sessions.
async fn check_waited_for(node: &Api) {
    let sent = send(node, json!({ "user": "ada" }), "hi").await;
    assert_eq!(sent, reached(2, 2, true));
    let refused = call(node, "disconnect", &json!({ "user": "nobody" })).await;
    assert_eq!(refused["error"]["code"], 100, "{refused}");
    let nobody = node.get("/v1/sessions/nobody").await;
    assert_eq!(nobody.status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// The same of one that is not waited for any more.
async fn check_partial(node: &NodeProcess) {
    let of_two = reached(2, 2, true);
    let ada = || json!({ "user": "ada" });
    assert_eq!(send(node, ada(), "hi").await, of_two);
    let sending = ["sessions", "send", "--user", "ada", "--data", "1"];
    assert_eq!(said(node, &sending).await, of_two);
    let close = json!({ "to": { "user": "nobody" } });
    let closed = post(node, "/v1/sessions/disconnect", &close).await;
    assert_eq!(closed, reached(2, 0, true));
    let on_it = send(node, json!({ "node": "c" }), "hi").await;
    assert_eq!(on_it, reached(0, 0, true));
    assert_eq!(counted(node, "").await, (2, true));
    assert_eq!(counted(node, "c").await, (0, true));
    let nobody = ("disconnect", json!({ "user": "nobody" }));
    let channels = ("channels", json!({}));
    for (method, parameters) in of_ada().into_iter().chain([nobody, channels]) {
        let answer = call(node, method, &parameters).await;
        assert!(answer["result"].is_object(), "{method} {answer}");
    }
    assert_eq!(about_nobody(node).await, [StatusCode::NOT_FOUND; 3]);
}

/// Whether all nodes answer, one of ada's three sessions on each.
async fn is_whole(node: &Api) -> bool {
    let sent = send(node, json!({ "user": "ada" }), "again").await;
    let mut is_done = true;
    for (method, parameters) in of_ada() {
        let done = call(node, method, &parameters).await;
        is_done &= done["result"].is_object();
    }
    is_done
        && sent == reached(3, 3, false)
        && counted(node, "").await == (3, false)
        && counted(node, "c").await == (1, false)
        && about_nobody(node).await == [StatusCode::NOT_FOUND; 3]
}

/// Waits until the node says that so many are there.
async fn until_there(node: &Api, count: usize) {
    let waiting = async {
        while present(node).await.len() != count {
            sleep(POLL).await;
        }
    };
    let waited = timeout(DEADLINE, waiting).await;
    waited.unwrap_or_else(|_| panic!("there are never {count}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_node_stands_still_all_is_partial_and_whole_again_once_it_goes_on() {
    let house = House::new().await;
    let mut ada = on_each(&house, "ada").await;
    let (a, b, c) = (house.node("a"), house.node("b"), house.node("c"));
    let here = json!({ "user": "ada", "channel": HERE });
    assert_eq!(call(a, "subscribe", &here).await, json!({ "result": {} }));
    for node in [a, b] {
        assert!(is_whole(node).await);
        until_there(node, 3).await;
    }
    c.stand_still().await;
    check_waited_for(b).await;
    for node in [a, b] {
        // It is none of those that are there any more, and is not waited for.
        until_there(node, 2).await;
        check_partial(node).await;
    }
    c.signal("CONT").await;
    for node in [a, b, c] {
        let waiting = async {
            while !is_whole(node).await {
                sleep(POLL).await;
            }
        };
        let waited = timeout(DEADLINE, waiting).await;
        waited.expect("all nodes answer again");
    }
    // Its session has been there all the time.
    send(b, json!({ "user": "ada" }), "the last").await;
    for session in &mut ada {
        while session.stream.message().await["push"]["message"]["data"] != "the last" {}
    }
}
