//! What sessions ask of a plugin, in its author's tests.

use std::time::{Duration, SystemTime};

use hearken_sdk::sessions::{
    self, ClientInfo, Connected, Connecting, Except, Grant, HistoryAsked, Publication, Published,
    Publishing, Refreshed, Refusal, Session, SessionsError, Subscribed, Subscribing, To,
};
use hearken_sdk::testing::{Host, SessionAct, hooks, version};
use hearken_sdk::{OutgoingEvent, send};

#[derive(Default)]
struct Doorman {
    asked: u64,
}

/// An error of the author's own.
struct Closed;

impl From<Closed> for Refusal {
    fn from(_: Closed) -> Self {
        Self::error(403, "it is closed")
    }
}

#[hearken_sdk::sessions("chat", "game")]
impl Doorman {
    fn connect(&mut self, request: &Connecting) -> Result<Connected, Refusal> {
        let name: Option<String> = request.json()?;
        Ok(match name {
            Some(name) => Connected::as_user(name).meta(&self.count()),
            None => Connected::new(),
        })
    }

    fn subscribe(
        &mut self,
        session: &Session,
        request: &Subscribing,
    ) -> Result<Subscribed, Closed> {
        let asked = self.count();
        match request.channel.ends_with(":closed") && session.user.is_empty() {
            true => Err(Closed),
            false => Ok(Subscribed::new().data(&asked)),
        }
    }

    fn sub_refresh(&self, _session: &Session, _channel: &str) -> Result<Refreshed, Refusal> {
        Ok(Refreshed::until(
            SystemTime::UNIX_EPOCH + Duration::from_secs(7),
        ))
    }

    fn publish(&mut self, _: &Session, request: &Publishing) -> Result<Published, Refusal> {
        let text: String = request.json()?;
        Ok(Published::json(&text.to_uppercase()))
    }

    fn rpc(&mut self, session: &Session, method: &str, data: &[u8]) -> Result<Vec<u8>, Refusal> {
        match method {
            "tell" => {
                let told = sessions::send(To::session(&session.client), &data.len());
                told.map(|_| b"true".to_vec())
                    .map_err(|_| Refusal::internal())
            }
            _ => Err(Refusal::method_not_found()),
        }
    }

    /// No question is called so.
    fn count(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }
}

fn ada() -> Session {
    Session::new("c-1", "ada")
}

#[test]
fn methods_answer_by_their_names_and_share_their_state() {
    assert_eq!(hooks::namespaces(), ["chat", "game"]);
    assert_eq!(version(), env!("CARGO_PKG_VERSION"));
    let mut request = Connecting::default();
    assert_eq!(hooks::connect(&request), Some(Ok(Connected::new())));
    request.data = b"\"ada\"".to_vec();
    let connected = Connected::as_user("ada").meta(&1);
    assert_eq!(hooks::connect(&request), Some(Ok(connected)));
    request.data = b"7".to_vec();
    let refused = hooks::connect(&request).unwrap().unwrap_err();
    assert!(
        refused.to_string().starts_with("error 107: bad request"),
        "{refused}"
    );

    let to = Subscribing::new("chat:1");
    let subscribed = Subscribed::new().data(&2);
    assert_eq!(hooks::subscribe(&ada(), &to), Some(Ok(subscribed)));
    let closed = Subscribing::new("chat:closed");
    let refused = hooks::subscribe(&Session::default(), &closed);
    assert_eq!(refused, Some(Err(Refusal::error(403, "it is closed"))));
    assert_eq!(
        hooks::refresh(&ada(), None),
        None,
        "there is no such method"
    );
    let seven = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
    let refreshed = hooks::sub_refresh(&ada(), "chat:1");
    assert_eq!(refreshed, Some(Ok(Refreshed::until(seven))));
    let published = hooks::publish(&ada(), &Publishing::new("chat:1", "\"hi\""));
    assert_eq!(published, Some(Ok(Published::json(&"HI"))));
}

#[test]
fn the_host_keeps_what_is_done_with_sessions() {
    let host = Host::new();
    let answer = hooks::rpc(&ada(), "tell", b"12");
    assert_eq!(answer, Some(Ok(b"true".to_vec())));
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
    sessions::send_except(To::All, Except::User("bob".to_owned()), &1).unwrap();
    sessions::subscribe(To::user("ada"), "chat:1", Grant::default(), Some(until)).unwrap();
    sessions::unsubscribe(To::user("ada"), "chat:1").unwrap();
    sessions::disconnect(To::channel("chat:1"), 4001, "bye").unwrap();
    let reached = sessions::refresh(To::Node, None).unwrap();
    assert_eq!((reached.sessions, reached.partial), (1, false));
    let acts = host.session_acts();
    assert_eq!(acts.len(), 6);
    let told = SessionAct::Send {
        to: To::session("c-1"),
        data: b"2".to_vec(),
        except: None,
    };
    assert_eq!(acts[0], told);
    let SessionAct::Subscribe { expire_at, .. } = &acts[2] else {
        panic!("{acts:?}");
    };
    assert_eq!(*expire_at, Some(9));
    let SessionAct::Refresh { expire_at, .. } = &acts[5] else {
        panic!("{acts:?}");
    };
    assert_eq!(*expire_at, None);
}

#[test]
fn calls_are_refused_as_the_test_says() {
    let _host = Host::new().refuse_sessions(SessionsError::Off);
    let answer = hooks::rpc(&ada(), "tell", b"");
    assert_eq!(answer, Some(Err(Refusal::internal())));
    assert!(sessions::send(To::user("ada"), &1).is_ok(), "once");
}

#[test]
fn channels_have_presence_and_history() {
    let client = |user: &str| ClientInfo {
        client: format!("of {user}"),
        user: user.to_owned(),
        ..ClientInfo::default()
    };
    let said = |n: u64| Publication {
        data: n.to_string().into_bytes(),
        ..Publication::default()
    };
    let present = vec![client("ada"), client("bob"), client("ada")];
    let host = Host::new().session_channel("chat:1", present, (1..=3).map(said).collect());
    assert_eq!(sessions::presence("chat:1").unwrap().len(), 3);
    let stats = sessions::presence_stats("chat:1").unwrap();
    assert_eq!((stats.clients, stats.users), (3, 2));
    let page = sessions::history("chat:1", &HistoryAsked::default()).unwrap();
    assert_eq!(page.top.offset, 3);
    let asked = HistoryAsked {
        since: Some(sessions::HistoryPosition {
            offset: 1,
            ..page.top.clone()
        }),
        limit: 1,
        reverse: false,
    };
    let page = sessions::history("chat:1", &asked).unwrap();
    assert_eq!(page.publications[0].json::<u64>().unwrap(), 2);
    let last = HistoryAsked {
        reverse: true,
        limit: 1,
        ..HistoryAsked::default()
    };
    let page = sessions::history("chat:1", &last).unwrap();
    assert_eq!(page.publications[0].offset, 3);
    let other = HistoryAsked {
        since: Some(sessions::HistoryPosition::default()),
        ..HistoryAsked::default()
    };
    let refused = sessions::history("chat:1", &other).unwrap_err();
    assert_eq!(refused, SessionsError::AnotherEpoch);
    let sent = OutgoingEvent::new("said").json(&4).channel("chat:1");
    send(sent).unwrap();
    assert_eq!(host.sent()[0].channel(), Some("chat:1"));
    let unknown = sessions::presence("chat:2").unwrap_err();
    assert_eq!(unknown, SessionsError::UnknownChannel);
}
