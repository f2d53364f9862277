use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_util::FutureExt;
use hearken_session_protocol::codes::unsubscribes;
use serde_json::json;
use tokio::runtime::Handle;

use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::outbox::Outbox;
use crate::session::server::Whose;
use crate::session::test_support::{Rig, kept, open};

fn watched() -> Namespace {
    Namespace {
        presence: true,
        join_leave: true,
        force_push_join_leave: true,
        ..open("chat")
    }
}

#[tokio::test(start_paused = true)]
async fn subscribers_are_told_who_comes_and_goes() {
    let rig = Rig::guarded(&[watched()], |_| {});
    let mut one = rig.user("1").await;
    one.subscribe(json!({ "channel": "chat:1" })).await;
    // Oneself too, behind the reply.
    assert_eq!(one.pushes().await, [r#"chat:1 join "1""#]);
    let mut two = rig.user("2").await;
    two.subscribe(json!({ "channel": "chat:1" })).await;
    assert_eq!(one.pushes().await, [r#"chat:1 join "2""#]);
    let request = json!({ "channel": "chat:1" });
    let reply = one.ask("presence", &request).await;
    let presence = reply["presence"]["presence"].as_object().unwrap();
    assert_eq!(presence.len(), 2);
    assert_eq!(presence[&two.id], json!({ "user": "2", "client": two.id }));
    let mut again = rig.user("2").await;
    again.subscribe(request.clone()).await;
    let reply = one.ask("presence_stats", &request).await;
    assert_eq!(
        reply["presence_stats"],
        json!({ "num_clients": 3, "num_users": 2 })
    );
    two.leave();
    again.ask("unsubscribe", &request).await;
    assert_eq!(
        one.pushes().await,
        [
            r#"chat:1 join "2""#,
            r#"chat:1 leave "2""#,
            r#"chat:1 leave "2""#
        ]
    );
    let reply = one.ask("presence_stats", &request).await;
    assert_eq!(
        reply["presence_stats"],
        json!({ "num_clients": 1, "num_users": 1 })
    );
}

#[tokio::test(start_paused = true)]
async fn presence_is_shown_where_it_is_kept_and_may_be_seen() {
    let closed = Namespace {
        see_presence: Default::default(),
        ..watched()
    };
    let rig = Rig::guarded(&[closed, open("plain")], |_| {});
    let mut client = rig.user("1").await;
    for (channel, code) in [("chat:1", 103), ("plain:1", 108), ("nothing:1", 102)] {
        let request = json!({ "channel": channel });
        assert_eq!(client.refused("presence", &request).await, code);
        assert_eq!(client.refused("presence_stats", &request).await, code);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_who_is_refused() {
    let recoverable = Namespace {
        presence: true,
        join_leave: true,
        force_push_join_leave: true,
        ..kept("chat")
    };
    let rig = Rig::guarded(&[recoverable], |_| {});
    let mut one = rig.user("1").await;
    one.subscribe(json!({ "channel": "chat:1" })).await;
    one.messages().await;
    let mut two = rig.user("2").await;
    let request = json!({
        "channel": "chat:1", "recover": true, "offset": 7, "epoch": "x", "flag": 2,
    });
    assert_eq!(two.refused("subscribe", &request).await, 112);
    assert!(one.messages().await.is_empty());
    two.subscribe(json!({ "channel": "chat:1" })).await;
    assert_eq!(one.pushes().await, [r#"chat:1 join "2""#]);
}

#[tokio::test(start_paused = true)]
async fn who_subscribes_again_while_it_is_unsubscribed_is_there() {
    let rig = Rig::new(&[watched()], |_| {});
    let (tells, told) = mpsc::channel();
    let (subscribes, subscribed) = mpsc::channel();
    let subscribed = Mutex::new(subscribed);
    let waits = Arc::new(AtomicBool::new(false));
    let is_awaited = Arc::clone(&waits);
    // Once the client is told it has time to subscribe again, as far as it can.
    let wake = move || {
        if is_awaited.swap(false, Ordering::Relaxed) {
            tells.send(()).unwrap();
            let time = Duration::from_millis(200);
            let _ = subscribed.lock().unwrap().recv_timeout(time);
        }
    };
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut client = rig.client_of(address, Outbox::new(1 << 20, wake));
    client.ask("connect", &json!({})).await;
    let request = json!({ "channel": "chat:1" });
    client.subscribe(request.clone()).await;
    client.messages().await;
    waits.store(true, Ordering::Relaxed);
    let runtime = Handle::current();
    let name = ChannelName::new("chat:1").unwrap();
    let mut client = std::thread::scope(|threads| {
        let again = threads.spawn(move || {
            let _runtime = runtime.enter();
            told.recv().unwrap();
            let frame = json!({ "id": 7, "subscribe": request }).to_string();
            client.send(&frame).now_or_never().unwrap();
            let _ = subscribes.send(());
            client
        });
        let why = unsubscribes::SERVER;
        assert_eq!(rig.sessions.unsubscribe(&Whose::Node, &name, &why), 1);
        again.join().unwrap()
    });
    assert_eq!(rig.sessions.presence(&name).await.unwrap().len(), 1);
    let messages = client.messages().await;
    assert_eq!(messages[0]["push"]["unsubscribe"]["code"], 2000);
    assert_eq!(messages[1]["id"], 7);
}
