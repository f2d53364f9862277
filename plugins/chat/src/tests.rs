use hearken_sdk::sessions::{ClientInfo, Publication, SessionsError};
use hearken_sdk::testing::{Host, SessionAct, hooks};
use serde_json::json;

use super::*;

const ROOM: &str = "chat:lobby";

fn say(session: &Session, name: &str, text: &str) -> Result<Published, Refusal> {
    let said = json!({ "name": name, "text": text }).to_string();
    let request = Publishing::new(ROOM, said);
    hooks::publish(session, &request).expect("it is asked")
}

fn guest() -> Session {
    Session::new("c-1", "")
}

fn published(name: &str, text: &str) -> Published {
    Published::json(&Message {
        name: name.to_owned(),
        text: text.to_owned(),
    })
}

fn client(id: &str, user: &str) -> ClientInfo {
    ClientInfo {
        client: id.to_owned(),
        user: user.to_owned(),
        ..ClientInfo::default()
    }
}

/// What the command is answered with, which nobody else hears of.
fn told(host: &Host, command: &str) -> String {
    assert_eq!(say(&guest(), "Ada", command), Ok(Published::Handled));
    let acts = host.session_acts();
    let Some(SessionAct::Send { to, data, .. }) = acts.last() else {
        panic!("nobody is told anything: {acts:?}");
    };
    assert_eq!(*to, To::session("c-1"));
    let Aside { text } = serde_json::from_slice(data).expect("an aside");
    text
}

#[test]
fn messages_are_tidied_up_and_bounded() {
    assert_eq!(say(&guest(), " Ada ", " hi \n"), Ok(published("Ada", "hi")));
    let long = "é".repeat(MAX_TEXT);
    assert_eq!(say(&guest(), "", &long), Ok(published("", &long)));
    let named = say(&guest(), &"n".repeat(100), "hi");
    assert_eq!(named, Ok(published(&"n".repeat(MAX_NAME), "hi")));
    let code = |refused: Result<Published, Refusal>| match refused {
        Err(Refusal::Error { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(say(&guest(), "Ada", "  ")), 401);
    assert_eq!(code(say(&guest(), "Ada", &format!("{long}!"))), 402);
    let nonsense = Publishing::new(ROOM, "[]");
    let refused = hooks::publish(&guest(), &nonsense).expect("it is asked");
    assert_eq!(code(refused), 107);
}

#[test]
fn who_is_somebody_speaks_under_no_other_name() {
    let ada = Session::new("c-2", "ada");
    assert_eq!(say(&ada, "Bob", "hi"), Ok(published("ada", "hi")));
}

#[test]
fn whoever_enters_is_told_how_many_are_there() {
    let present = vec![client("c-2", "ada"), client("c-3", "")];
    let _host = Host::new().session_channel(ROOM, present, Vec::new());
    let enter = |channel: &str| hooks::subscribe(&guest(), &Subscribing::new(channel));
    let entered = enter(ROOM).expect("it is asked");
    assert_eq!(entered, Ok(Subscribed::new().data(&Welcome { here: 2 })));
    let unknown = enter("chat:other").expect("it is asked");
    assert_eq!(unknown, Ok(Subscribed::new()), "and without that let in");
    for channel in ["chat:", &format!("chat:{}", "r".repeat(MAX_ROOM + 1))] {
        let refused = enter(channel).expect("it is asked");
        assert!(matches!(refused, Err(Refusal::Error { code: 400, .. })));
    }
    assert_eq!(hooks::namespaces(), ["chat"]);
    assert!(
        hooks::rpc(&guest(), "m", b"").is_none(),
        "it has no methods"
    );
}

#[test]
fn commands_are_answered_to_who_gives_them() {
    let present = vec![
        client("c-1", ""),
        client("c-2", "bob"),
        client("c-3", "ada"),
        client("c-4", ""),
        client("c-5", "ada"),
    ];
    let said = ["ada", "bob", "ada"].map(|name| Publication {
        data: json!({ "name": name, "text": "hi" })
            .to_string()
            .into_bytes(),
        ..Publication::default()
    });
    let host = Host::new().session_channel(ROOM, present, said.to_vec());
    assert_eq!(told(&host, "/who"), "here: ada, bob, 2 guests");
    assert_eq!(told(&host, "/last"), "last spoke: ada, bob");
    assert!(told(&host, "/help").contains("/who"));
    assert!(told(&host, "/dance now").contains("/dance"));
    let host = {
        drop(host);
        Host::new().session_channel(ROOM, Vec::new(), Vec::new())
    };
    assert_eq!(told(&host, "/who"), "nobody is here");
    assert_eq!(told(&host, "/last"), "nobody has spoken yet");
}

#[test]
fn whoever_cannot_be_told_is_refused_for_now() {
    let _host = Host::new().refuse_sessions(SessionsError::BudgetExceeded);
    let refused = say(&guest(), "Ada", "/help");
    assert_eq!(refused, Err(Refusal::internal()));
}
