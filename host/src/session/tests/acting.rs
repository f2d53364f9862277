//! Acting on the sessions of several nodes, and listing them.

use std::time::Duration;

use hearken_session_protocol::codes::{disconnects, unsubscribes};
use serde_json::json;
use tokio::time::Instant;

use crate::mesh::{News, PeerNode};
use crate::session::across::SessionAct;
use crate::session::grant::SubscriptionGrant;
use crate::session::name::ChannelName;
use crate::session::server::{Spared, Whose};
use crate::session::sessions::Sessions;
use crate::session::settings::SessionsSettings;
use crate::session::test_client::{Client, pass, settle};
use crate::session::test_net::Net;
use crate::session::test_support::{BEGIN, Rig, open};

/// Three nodes that know each other, each with a session of the user `u` and one of another.
async fn three() -> (Net, [Rig; 3], Vec<[Client; 2]>) {
    let net = Net::new();
    let rigs = ["a", "b", "c"].map(|name| Rig::beside(&net, name, &[open("chat")]));
    settle().await;
    let mut clients = Vec::new();
    for (at, rig) in rigs.iter().enumerate() {
        clients.push([rig.user("u").await, rig.user(&at.to_string()).await]);
    }
    (net, rigs, clients)
}

fn user() -> Whose {
    Whose::User("u".to_owned())
}

fn chat() -> ChannelName {
    ChannelName::new("chat:1").unwrap()
}

fn message(excluded: Spared) -> SessionAct {
    SessionAct::Message {
        data: r#"{"text":"hi"}"#.into(),
        binary: None,
        excluded,
    }
}

fn closing() -> SessionAct {
    SessionAct::Disconnect {
        why: disconnects::FORCE_DISCONNECT,
        spared: Spared::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_reaches_whom_it_is_for_on_every_node() {
    let (_net, rigs, mut clients) = three().await;
    let one = Whose::Client(clients[2][1].id.clone());
    let of = |user: &str| Whose::ClientOf {
        client: clients[2][1].id.clone(),
        user: user.to_owned(),
    };
    let spared = Spared::client(clients[0][0].id.clone());
    let but_u = Spared::user("u".to_owned());
    let cases = [
        (user(), message(Spared::default()), 3, vec![0, 2, 4]),
        (user(), message(spared), 2, vec![2, 4]),
        (
            Whose::All,
            message(Spared::default()),
            6,
            vec![0, 1, 2, 3, 4, 5],
        ),
        (Whose::All, message(but_u), 3, vec![1, 3, 5]),
        (Whose::Node, message(Spared::default()), 2, vec![2, 3]),
        (
            Whose::NodeOf("c".to_owned()),
            message(Spared::default()),
            2,
            vec![4, 5],
        ),
        (one, message(Spared::default()), 1, vec![5]),
        (of("2"), message(Spared::default()), 1, vec![5]),
        (of("u"), message(Spared::default()), 0, vec![]),
    ];
    for (whose, act, count, expected) in cases {
        let reached = rigs[1].sessions.act(&whose, &act).await.unwrap();
        assert_eq!(
            (reached.sessions, reached.is_partial),
            (count, false),
            "{whose:?}"
        );
        let mut got = Vec::new();
        for (at, client) in clients.iter_mut().flatten().enumerate() {
            for message in client.messages().await {
                assert_eq!(message["push"]["message"]["data"], json!({ "text": "hi" }));
                got.push(at);
            }
        }
        assert_eq!(got, expected, "{whose:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_made_and_ended_on_every_node() {
    let (_net, rigs, mut clients) = three().await;
    let act = SessionAct::Subscribe {
        channel: chat(),
        grant: SubscriptionGrant::default(),
        expire_at: None,
        position: None,
    };
    let reached = rigs[0].sessions.act(&user(), &act).await.unwrap();
    assert_eq!((reached.sessions, reached.nodes.len()), (3, 3));
    let again = rigs[2].sessions.act(&user(), &act).await.unwrap();
    assert_eq!(again.sessions, 0, "they are already");
    rigs[1].publish("chat:1", &json!(1));
    for [of_u, other] in &mut clients {
        let pushes = of_u.pushes().await;
        assert_eq!(pushes.last().unwrap(), "chat:1 1");
        assert!(other.pushes().await.is_empty());
    }
    let act = SessionAct::Unsubscribe {
        channel: chat(),
        why: unsubscribes::SERVER,
    };
    let of_channel = Whose::Channel(chat());
    let reached = rigs[1].sessions.act(&of_channel, &act).await.unwrap();
    assert_eq!(reached.sessions, 3);
    let act = SessionAct::Subscribe {
        channel: ChannelName::new("nothing:1").unwrap(),
        grant: SubscriptionGrant::default(),
        expire_at: None,
        position: None,
    };
    rigs[0].sessions.act(&user(), &act).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn sessions_are_put_off_and_closed_on_every_node() {
    let (_net, rigs, mut clients) = three().await;
    let act = SessionAct::Refresh {
        expire_at: Some(BEGIN + 60),
    };
    let reached = rigs[0].sessions.act(&user(), &act).await.unwrap();
    assert_eq!(reached.sessions, 3);
    let listed = rigs[2]
        .sessions
        .list_everywhere(&user(), None, "", 10)
        .await;
    assert!(
        listed
            .sessions
            .iter()
            .all(|one| one.expire_at == Some(BEGIN + 60))
    );
    let reached = rigs[0].sessions.act(&user(), &closing()).await.unwrap();
    assert_eq!(reached.sessions, 3);
    for [of_u, other] in &mut clients {
        assert_eq!(of_u.end(), Some(3503));
        assert_eq!(other.end(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_told_when_a_node_has_not_said_that_it_did_something() {
    let (net, rigs, mut clients) = three().await;
    net.cut(&rigs[0].peer(), &rigs[2].peer());
    settle().await;
    let begun = Instant::now();
    let reached = rigs[0].sessions.act(&user(), &closing()).await.unwrap();
    // Nobody is waited for who is known not to be linked.
    assert!(begun.elapsed() < Duration::from_millis(20));
    assert_eq!((reached.sessions, reached.is_partial), (2, true));
    assert_eq!(reached.nodes.len(), 2);
    // It did not hear it, and does when it is linked again.
    assert_eq!(clients[2][0].end(), None);
    net.heal();
    settle().await;
    assert_eq!(clients[2][0].end(), Some(3503));
    // Whoever is found is in no other place.
    net.lose(true);
    let begun = Instant::now();
    let reached = rigs[0]
        .sessions
        .act(&user(), &message(Spared::default()))
        .await;
    assert!(reached.unwrap().is_partial);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    net.lose(false);
    settle().await;
    let one = Whose::Client(clients[1][1].id.clone());
    let reached = rigs[0].sessions.act(&one, &closing()).await.unwrap();
    assert_eq!((reached.sessions, reached.is_partial), (1, false));
    let nowhere = Whose::NodeOf("z".to_owned());
    assert!(
        rigs[0]
            .sessions
            .act(&nowhere, &closing())
            .await
            .unwrap()
            .is_partial
    );
    assert!(rigs[0].sessions.has_node("b") && !rigs[0].sessions.has_node("z"));
}

/// Of what is done with sessions of all nodes, and shown of them, what is partial.
async fn partial(sessions: &Sessions) -> Vec<&'static str> {
    let nobody = || Whose::Client("nobody".to_owned());
    let subscribing = SessionAct::Subscribe {
        channel: chat(),
        grant: SubscriptionGrant::default(),
        expire_at: None,
        position: None,
    };
    let unsubscribing = SessionAct::Unsubscribe {
        channel: chat(),
        why: unsubscribes::SERVER,
    };
    let to_all = || message(Spared::default());
    let putting_off = SessionAct::Refresh { expire_at: None };
    let mut partial = Vec::new();
    for (what, whose, act) in [
        ("a message to all", Whose::All, to_all()),
        ("a message to a user", user(), to_all()),
        ("a message to a channel", Whose::Channel(chat()), to_all()),
        ("a message to nobody", nobody(), to_all()),
        ("subscribing", user(), subscribing),
        ("unsubscribing", user(), unsubscribing),
        ("putting off", user(), putting_off),
        ("closing", Whose::User("v".to_owned()), closing()),
    ] {
        let reached = sessions.act(&whose, &act).await.unwrap();
        partial.extend(reached.is_partial.then_some(what));
        // Nobody is asked who does not answer.
        assert!(!reached.is_unanswered, "{what}");
    }
    let all = sessions.list_everywhere(&Whose::All, None, "", 10).await;
    partial.extend(all.is_partial.then_some("the list"));
    let nobody = sessions.show_anywhere("nobody").await;
    partial.extend(nobody.is_partial.then_some("nobody"));
    partial
}

#[tokio::test(start_paused = true)]
async fn all_is_partial_while_a_node_cannot_be_reached_that_has_not_left_and_is_not_forgotten() {
    for is_left in [false, true] {
        let (net, rigs, clients) = three().await;
        let (sessions, c) = (&rigs[0].sessions, rigs[2].peer());
        assert_eq!(partial(sessions).await, [""; 0]);
        net.tell(&c, News::Unreachable);
        settle().await;
        assert_eq!(partial(sessions).await.len(), 10);
        assert!(!sessions.all_channels(None).await.is_partial);
        let hi = message(Spared::default());
        let reached = sessions.act(&user(), &hi).await.unwrap();
        assert_eq!((reached.sessions, reached.nodes.len()), (2, 2));
        // What is found is in no other place, nor is what is on a node that answers.
        let found = Whose::Client(clients[1][1].id.clone());
        for whose in [found, Whose::Node, Whose::NodeOf("b".to_owned())] {
            let reached = sessions.act(&whose, &hi).await.unwrap();
            assert!(!reached.is_partial, "{whose:?}");
        }
        let on_it = Whose::NodeOf("c".to_owned());
        let reached = sessions.act(&on_it, &hi).await.unwrap();
        assert!(reached.is_partial && reached.nodes.is_empty());
        let page = sessions.list_everywhere(&Whose::All, Some("c"), "", 10);
        assert!(page.await.is_partial);
        assert!(sessions.knows_node("c") && !sessions.has_node("c"));
        match is_left {
            true => net.tell(&c, News::Left),
            false => net.forget(&c),
        }
        settle().await;
        assert_eq!(partial(sessions).await, [""; 0]);
        assert!(!sessions.knows_node("c"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_goes_over_all_nodes_in_the_order_of_ids() {
    let (net, rigs, mut clients) = three().await;
    clients[0][0]
        .subscribe(json!({ "channel": "chat:1" }))
        .await;
    clients[2][1]
        .subscribe(json!({ "channel": "chat:1" }))
        .await;
    let mut all: Vec<_> = clients.iter().flatten().map(|one| one.id.clone()).collect();
    all.sort();
    let sessions = &rigs[1].sessions;
    for limit in 1..8 {
        let (mut listed, mut after) = (Vec::new(), String::new());
        loop {
            let page = sessions
                .list_everywhere(&Whose::All, None, &after, limit)
                .await;
            assert!(!page.is_partial && page.sessions.len() <= limit);
            listed.extend(page.sessions.iter().map(|one| one.client.to_string()));
            match listed.last() {
                Some(last) if page.has_more => after = last.clone(),
                _ => break,
            }
        }
        assert_eq!(listed, all);
    }
    let ids = async |whose: &Whose, node: Option<&str>| {
        let page = sessions.list_everywhere(whose, node, "", 10).await;
        let listed = page.sessions.iter();
        listed
            .map(|one| (one.node.to_string(), one.user.to_string()))
            .collect::<std::collections::BTreeSet<_>>()
    };
    let pair = |node: &str, user: &str| (node.to_owned(), user.to_owned());
    let of_u = ["a", "b", "c"].map(|node| pair(node, "u"));
    assert_eq!(ids(&user(), None).await, of_u.clone().into());
    assert_eq!(ids(&user(), Some("c")).await, [pair("c", "u")].into());
    let subscribed = [pair("a", "u"), pair("c", "2")];
    assert_eq!(ids(&Whose::Channel(chat()), None).await, subscribed.into());
    let shown = sessions.show_anywhere(&clients[2][1].id).await;
    assert_eq!(&*shown.sessions[0].user, "2");
    assert!(shown.sessions[0].channels.contains_key(&chat()));
    assert!(sessions.show_anywhere("nobody").await.sessions.is_empty());
    net.cut(&rigs[0].peer(), &rigs[1].peer());
    let page = sessions.list_everywhere(&Whose::All, None, "", 10).await;
    assert_eq!((page.sessions.len(), page.is_partial), (4, true));
}

#[tokio::test(start_paused = true)]
async fn channels_and_figures_are_those_of_all_nodes() {
    let (_net, rigs, mut clients) = three().await;
    for (at, [of_u, other]) in clients.iter_mut().enumerate() {
        of_u.subscribe(json!({ "channel": "chat:1" })).await;
        let own = format!("chat:own-{at}");
        other.subscribe(json!({ "channel": own })).await;
    }
    let all = rigs[0].sessions.all_channels(None).await;
    let named: Vec<_> = all
        .channels
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(
        named,
        [
            ("chat:1", 3),
            ("chat:own-0", 1),
            ("chat:own-1", 1),
            ("chat:own-2", 1)
        ]
    );
    let some = rigs[0].sessions.all_channels(Some("chat:own-*")).await;
    assert_eq!((some.channels.len(), some.is_partial), (3, false));
    let usage = rigs[1].sessions.usage_everywhere().await;
    let nodes: Vec<_> = usage.iter().map(|usage| &*usage.node).collect();
    assert_eq!(nodes, ["b", "a", "c"]);
    for usage in usage {
        assert_eq!((usage.sessions, usage.users), (2, 2));
        assert_eq!((usage.subscriptions, usage.channels), (2, 2));
    }
}

/// A user may have one session from now on.
fn one_each(rig: &Rig) {
    let in_use = rig.sessions.0.in_use();
    let mut settings = SessionsSettings::clone(&in_use.settings);
    settings.single_connection = true;
    rig.sessions
        .replace_settings(settings, in_use.namespaces.clone());
}

#[tokio::test(start_paused = true)]
async fn of_those_of_a_user_that_begin_at_once_on_several_nodes_one_stays() {
    let (net, rigs, _clients) = three().await;
    rigs.iter().for_each(one_each);
    let mut all = Vec::new();
    for round in 0..5 {
        for (one, other) in [(0, 1), (1, 2), (2, 0)] {
            net.cut(&rigs[one].peer(), &rigs[other].peer());
        }
        // None of them hears of the others before it has begun.
        for at in 0..3 {
            all.push(rigs[(at + round) % 3].user("one").await);
        }
        net.heal();
        settle().await;
        let ends = all.iter_mut().map(Client::end);
        let ended = ends.filter(|end| *end == Some(3504)).count();
        assert_eq!(ended, all.len() - 1);
        // Whoever comes when they have heard of each other stays.
        all.push(rigs[round % 3].user("one").await);
        settle().await;
        let mut ends = all.iter_mut().map(Client::end);
        let last = ends.next_back().expect("it was added");
        assert_eq!(last, None);
        assert!(ends.all(|end| end == Some(3504)));
    }
}

#[tokio::test(start_paused = true)]
async fn of_those_that_began_on_nodes_that_were_parted_the_last_stays() {
    let (_net, rigs, _clients) = three().await;
    rigs.iter().for_each(one_each);
    let hear = |at: usize, news: fn(PeerNode) -> News, of: usize| {
        rigs[at].sessions.ears().hear(news(rigs[of].peer()));
    };
    for (one, other) in [(0, 1), (1, 0)] {
        hear(one, News::Unreachable, other);
    }
    let (mut first, mut last) = (rigs[0].user("one").await, rigs[1].user("one").await);
    settle().await;
    assert_eq!([first.end(), last.end()], [None, None]);
    for (one, other) in [(0, 1), (1, 0)] {
        hear(one, News::Joined, other);
    }
    pass(Duration::from_millis(100)).await;
    assert_eq!([first.end(), last.end()], [Some(3504), None]);
}

#[tokio::test(start_paused = true)]
async fn of_those_of_which_a_node_has_not_heard_the_last_stays_once_it_does() {
    let (net, rigs, _clients) = three().await;
    rigs.iter().for_each(one_each);
    // More than are told in one go.
    let mut before = Vec::new();
    for number in 0..150 {
        before.push(rigs[number % 3].user(&number.to_string()).await);
    }
    settle().await;
    net.lose(true);
    let mut after = Vec::new();
    for number in 0..150 {
        after.push(rigs[(number + 1) % 3].user(&number.to_string()).await);
    }
    settle().await;
    assert!(before.iter_mut().all(|one| one.end().is_none()));
    net.lose(false);
    pass(Duration::from_millis(200)).await;
    assert!(before.iter_mut().all(|one| one.end() == Some(3504)));
    assert!(after.iter_mut().all(|one| one.end().is_none()));
}
