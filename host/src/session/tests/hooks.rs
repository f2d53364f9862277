//! What plugins decide, and sessions whose plugins do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{pending, ready};
use hearken_session_protocol::codes::{disconnects, errors};
use serde_json::json;

use crate::session::grant::{Overrides, SubscriptionGrant};
use crate::session::hooks::{
    AboutSession, Answered, ConnectAnswer, ConnectAsked, PublishAnswer, RefreshAnswer,
    SessionHooks, SubscribeAnswer,
};
use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::test_client::pass;
use crate::session::test_support::{BEGIN, Rig, kept, open};

const SECOND: Duration = Duration::from_secs(1);

/// Channels to which the plugin subscribes who says `many`.
const MANY: usize = 8;

fn kept_channel(number: usize) -> String {
    format!("kept:{number}")
}

fn no_grant() -> SubscriptionGrant {
    SubscriptionGrant::default()
}

/// Says yes but for what says otherwise by its name: a plugin `slow` never answers, and one
/// called `mute` answers no question of any kind.
#[derive(Debug, Default)]
struct Judge {
    refreshed: AtomicUsize,
}

impl Judge {
    fn answer<'a, T: Send + 'a>(&self, plugin: &str, answer: T) -> Answered<'a, T> {
        match plugin {
            "slow" => pending().boxed(),
            "mute" => ready(Ok(None)).boxed(),
            _ => ready(Ok(Some(answer))).boxed(),
        }
    }
}

impl SessionHooks for Judge {
    fn connect<'a>(
        &'a self,
        plugin: &'a str,
        asked: ConnectAsked<'a>,
    ) -> Answered<'a, ConnectAnswer> {
        if &**asked.data == b"\"refuse\"" {
            return ready(Err(disconnects::PERMISSION_DENIED.into())).boxed();
        }
        let user = match &**asked.data {
            b"\"rename\"" => Some("bob".to_owned()),
            _ => asked.token.map(str::to_owned),
        };
        let answer = ConnectAnswer {
            user,
            expire_at: Some(BEGIN + 10),
            data: (&**asked.data == b"\"much\"").then(|| vec![b'1'; 1 << 20].into()),
            subs: match &**asked.data {
                b"\"many\"" => (0..MANY).map(|n| (kept_channel(n), no_grant())).collect(),
                _ => Vec::new(),
            },
            ..ConnectAnswer::default()
        };
        self.answer(plugin, answer)
    }

    fn refresh<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        token: Option<&'a str>,
    ) -> Answered<'a, RefreshAnswer> {
        let asked = self.refreshed.fetch_add(1, Ordering::Relaxed) as u64;
        if token == Some("bad") || session.user == "brief" {
            return ready(Err(errors::PERMISSION_DENIED.into())).boxed();
        }
        let answer = RefreshAnswer {
            expire_at: (asked == 0).then_some(BEGIN + 20),
            info: None,
        };
        self.answer(plugin, answer)
    }

    fn subscribe<'a>(
        &'a self,
        plugin: &'a str,
        _session: AboutSession<'a>,
        channel: &'a ChannelName,
        _data: &'a Bytes,
    ) -> Answered<'a, SubscribeAnswer> {
        let grant = SubscriptionGrant {
            data: Some(match channel.as_str().ends_with("much") {
                true => vec![b'1'; 1 << 20].into(),
                false => Bytes::from_static(b"7"),
            }),
            overrides: Overrides {
                force_positioning: Some(true),
                ..Overrides::default()
            },
            ..SubscriptionGrant::default()
        };
        let is_brief = channel.as_str().ends_with("brief");
        let answer = SubscribeAnswer {
            grant,
            expire_at: is_brief.then_some(BEGIN + 10),
        };
        self.answer(plugin, answer)
    }

    fn sub_refresh<'a>(
        &'a self,
        plugin: &'a str,
        _session: AboutSession<'a>,
        channel: &'a ChannelName,
    ) -> Answered<'a, RefreshAnswer> {
        if channel.as_str() == "chat:brief" || plugin == "strict" {
            return ready(Err(errors::EXPIRED.into())).boxed();
        }
        self.answer(plugin, RefreshAnswer::default())
    }

    fn publish<'a>(
        &'a self,
        plugin: &'a str,
        _session: AboutSession<'a>,
        _channel: &'a ChannelName,
        data: &'a Bytes,
    ) -> Answered<'a, PublishAnswer> {
        let answer = match &**data {
            b"1" => PublishAnswer::Publish(Some(Bytes::from_static(b"{\n}"))),
            b"2" => PublishAnswer::Publish(Some(Bytes::from_static(b"{"))),
            b"3" => PublishAnswer::Handled,
            _ => PublishAnswer::Publish(None),
        };
        self.answer(plugin, answer)
    }

    fn rpc<'a>(
        &'a self,
        plugin: &'a str,
        _session: AboutSession<'a>,
        _method: &'a str,
        data: &'a Bytes,
    ) -> Answered<'a, Bytes> {
        self.answer(plugin, data.clone())
    }
}

fn decided(name: &str, plugin: &str) -> Namespace {
    Namespace {
        authorize: Some(plugin.to_owned()),
        history_size: 10,
        history_ttl: Duration::from_secs(3_600),
        ..Namespace::new(name)
    }
}

fn narrowed(name: &str, plugin: &str) -> Namespace {
    Namespace {
        hooks: Some(plugin.to_owned()),
        ..open(name)
    }
}

fn judge() -> Arc<Judge> {
    Arc::default()
}

#[tokio::test(start_paused = true)]
async fn a_plugin_says_whose_a_session_is_and_reads_its_token_where_nobody_else_can() {
    let rig = Rig::asking(judge(), &[], |settings| {
        settings.connect = Some("judge".to_owned());
    });
    let ada = rig.connected_as(&json!({ "token": "ada" })).await;
    assert_eq!(&*rig.sessions.show(&ada.id).unwrap().user, "ada");
    let refused = json!({ "data": "refuse" });
    let end = rig.client().closed_by("connect", &refused).await;
    assert_eq!(end, Some(3507));
    for (plugin, expected) in [("mute", 3507), ("slow", 3004)] {
        let rig = Rig::asking(judge(), &[], |settings| {
            settings.connect = Some(plugin.to_owned());
        });
        let end = rig.client().closed_by("connect", &json!({})).await;
        assert_eq!(end, Some(expected), "{plugin}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_queue_has_no_room_for_is_not_tried_again_and_again() {
    let rig = Rig::asking(judge(), &[narrowed("chat", "judge")], |settings| {
        settings.connect = Some("judge".to_owned());
    });
    let much = json!({ "data": "much" });
    let end = rig.client().closed_by("connect", &much).await;
    assert_eq!(end, Some(3508), "it does not come back");
    assert!(rig.sessions.list(None, "", 10).is_empty());
    let mut client = rig.connected().await;
    let much = json!({ "channel": "chat:much" });
    for _ in 0..2 {
        assert_eq!(client.refused("subscribe", &much).await, 106);
    }
}

#[tokio::test(start_paused = true)]
async fn what_many_channels_bring_back_is_bounded_together() {
    const QUEUE: usize = 16 << 10;
    let rig = Rig::asking(judge(), &[kept("kept")], |settings| {
        settings.connect = Some("judge".to_owned());
    });
    let names: Vec<String> = (0..MANY).map(kept_channel).collect();
    for name in &names {
        rig.publish(name, &json!("x".repeat(QUEUE / 4)));
    }
    let all = json!({ "recover": true });
    let positions: serde_json::Map<_, _> = names
        .iter()
        .map(|name| (name.clone(), all.clone()))
        .collect();
    let mut client = rig.client_with(QUEUE);
    let request = json!({ "data": "many", "subs": positions });
    let reply = client.ask("connect", &request).await;
    let subs = reply["connect"]["subs"].as_object().unwrap();
    let recovered = subs.values().filter(|sub| sub["recovered"] == true);
    assert_eq!((subs.len(), recovered.count()), (MANY, 1));
    assert_eq!(client.end(), None);
}

#[tokio::test(start_paused = true)]
async fn who_decides_has_to_say_so_and_who_narrows_need_not() {
    let namespaces = [
        decided("judged", "judge"),
        decided("mute", "mute"),
        decided("slow", "slow"),
        narrowed("chat", "judge"),
        narrowed("quiet", "mute"),
        narrowed("late", "slow"),
    ];
    let rig = Rig::asking(judge(), &namespaces, |_| {});
    let mut client = rig.connected().await;
    for (channel, code) in [
        ("judged:1", 0),
        ("mute:1", 103),
        ("slow:1", 100),
        ("chat:1", 0),
        ("quiet:1", 0),
        ("late:1", 100),
    ] {
        let request = json!({ "channel": channel });
        assert_eq!(
            client.refused("subscribe", &request).await,
            code,
            "{channel}"
        );
        let publish = json!({ "channel": channel, "data": 0 });
        assert_eq!(client.refused("publish", &publish).await, code, "{channel}");
    }
    // What a subscription is like is for those to say who decide.
    let decided = client.subscribe(json!({ "channel": "judged:2" })).await;
    assert_eq!(
        (&decided["data"], &decided["positioned"]),
        (&json!(7), &json!(true))
    );
    let narrowed = client.subscribe(json!({ "channel": "chat:2" })).await;
    assert_eq!(narrowed, json!({ "data": 7 }));
}

#[tokio::test(start_paused = true)]
async fn what_a_plugin_puts_in_the_place_of_data_is_json_for_who_speaks_that() {
    let rig = Rig::asking(judge(), &[narrowed("chat", "judge")], |settings| {
        settings.rpc = vec![crate::session::settings::RpcRule {
            methods: hearken_pattern::Glob::new("*".to_owned()),
            plugin: "judge".to_owned(),
        }];
    });
    let mut client = rig.connected().await;
    client.subscribe(json!({ "channel": "chat:1" })).await;
    for (data, code) in [(0, 0), (1, 0), (2, 100), (3, 0)] {
        let request = json!({ "channel": "chat:1", "data": data });
        assert_eq!(client.refused("publish", &request).await, code, "{data}");
    }
    assert_eq!(client.pushes().await, ["chat:1 0", "chat:1 {}"]);
    let call = json!({ "method": "echo", "data": [1] });
    assert_eq!(client.ask("rpc", &call).await["rpc"]["data"], json!([1]));
    let nothing = json!({ "method": "echo" });
    assert_eq!(client.refused("rpc", &nothing).await, 100);
}

#[tokio::test(start_paused = true)]
async fn a_session_without_a_token_goes_on_as_long_as_the_plugin_says() {
    let judge = judge();
    let asked = Arc::clone(&judge);
    let rig = Rig::asking(judge, &[], |settings| {
        settings.connect = Some("judge".to_owned());
        settings.refresh = Some("judge".to_owned());
    });
    let mut client = rig.client();
    let reply = client.ask("connect", &json!({})).await;
    assert!(
        reply["connect"]["expires"].is_null(),
        "it has nothing to show"
    );
    client.stay(9 * SECOND).await;
    assert_eq!(asked.refreshed.load(Ordering::Relaxed), 0);
    client.stay(10 * SECOND).await;
    assert_eq!(asked.refreshed.load(Ordering::Relaxed), 1);
    // Then it never expires.
    client.stay(100 * SECOND).await;
    assert_eq!(asked.refreshed.load(Ordering::Relaxed), 2);
    assert_eq!(client.end(), None);
}

#[tokio::test(start_paused = true)]
async fn who_shows_another_token_is_asked_for_it_and_who_may_not_go_on_is_closed() {
    let rig = Rig::asking(judge(), &[], |settings| {
        settings.connect = Some("judge".to_owned());
        settings.refresh = Some("judge".to_owned());
    });
    let mut client = rig.client();
    let reply = client.ask("connect", &json!({ "token": "ada" })).await;
    assert_eq!(reply["connect"]["ttl"], 10);
    assert_eq!(
        client.refused("refresh", &json!({ "token": "bad" })).await,
        103
    );
    let reply = client.ask("refresh", &json!({ "token": "good" })).await;
    assert!(reply["refresh"]["expires"].is_null(), "{reply}");
    let slow = Rig::asking(judge(), &[], |settings| {
        settings.connect = Some("judge".to_owned());
        settings.refresh = Some("slow".to_owned());
    });
    let mut late = slow.connected().await;
    late.stay(10 * SECOND).await;
    assert_eq!(late.end(), None);
    late.stay(2 * SECOND).await;
    assert_eq!(late.end(), Some(3005));
}

#[tokio::test(start_paused = true)]
async fn whom_a_plugin_calls_otherwise_goes_on_by_the_token_of_who_it_was() {
    let rig = Rig::guarded_asking(judge(), &[], |settings| {
        settings.connect = Some("judge".to_owned());
    });
    let request = json!({ "token": rig.token("ada", None, 3600), "data": "rename" });
    let mut client = rig.connected_as(&request).await;
    assert_eq!(&*rig.sessions.show(&client.id).unwrap().user, "bob");
    let others = json!({ "token": rig.token("ada", None, 7200) });
    assert_eq!(client.refused("refresh", &others).await, 0);
    assert_eq!(&*rig.sessions.show(&client.id).unwrap().user, "bob");
    let bobs = json!({ "token": rig.token("bob", None, 7200) });
    assert_eq!(client.closed_by("refresh", &bobs).await, Some(3500));
}

#[tokio::test(start_paused = true)]
async fn who_narrows_is_asked_too_whether_a_subscription_goes_on() {
    let strict = Namespace {
        hooks: Some("strict".to_owned()),
        ..decided("game", "judge")
    };
    let rig = Rig::asking(judge(), &[strict], |_| {});
    let mut client = rig.connected().await;
    client.subscribe(json!({ "channel": "game:brief" })).await;
    pass(11 * SECOND).await;
    assert_eq!(client.pushes().await, ["game:brief unsubscribe 2501"]);
}

#[tokio::test(start_paused = true)]
async fn another_token_does_not_take_back_what_was_narrowed() {
    let narrowed = |plugin: &str| Namespace {
        hooks: Some(plugin.to_owned()),
        ..Namespace::new(plugin)
    };
    let namespaces = ["strict", "judge", "mute"].map(narrowed);
    let rig = Rig::guarded_asking(judge(), &namespaces, |_| {});
    let mut client = rig.user("ada").await;
    for (channel, code) in [("strict:1", 110), ("judge:1", 0), ("mute:1", 0)] {
        let token = rig.token("ada", Some(channel), 60);
        let request = json!({ "channel": channel, "token": token });
        assert_eq!(client.refused("subscribe", &request).await, 0, "{channel}");
        assert_eq!(
            client.refused("sub_refresh", &request).await,
            code,
            "{channel}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_goes_on_as_long_as_the_plugin_says() {
    let namespaces = [narrowed("chat", "judge"), narrowed("game", "judge")];
    let rig = Rig::asking(judge(), &namespaces, |_| {});
    let mut client = rig.connected().await;
    for channel in ["chat:brief", "game:brief"] {
        let result = client.subscribe(json!({ "channel": channel })).await;
        assert!(result["expires"].is_null(), "{result}");
    }
    pass(9 * SECOND).await;
    assert!(client.pushes().await.is_empty());
    pass(2 * SECOND).await;
    assert_eq!(client.pushes().await, ["chat:brief unsubscribe 2501"]);
    client.stay(60 * SECOND).await;
    let there = &rig.sessions.show(&client.id).unwrap().channels;
    assert_eq!(there.len(), 1, "{there:?}");
}
