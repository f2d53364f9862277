//! Answers what sessions ask, as they say themselves: names of channels and methods and the data
//! of the client tell what becomes of it. It listens to nothing.
#![cfg(target_family = "wasm")]

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package hearken:guests;
            world doorman {
                import hearken:plugin/sessions@0.2.0;
                import wasi:config/store@0.2.0-rc.1;
                export hearken:plugin/session-hooks@0.2.0;
            }
        ",
        generate_all,
    });
}

use bindings::exports::hearken::plugin::session_hooks::{
    ConnectRequest, Connected, DisconnectedWith, Grant, Guest, HooksDescription, PublishRequest,
    Published, Question, Refreshed, Refusal, RefusedWith, Session, SubscribeRequest, Subscribed,
};
use bindings::hearken::plugin::session_types::Overrides;
use bindings::hearken::plugin::sessions::{self, Exclusion, SessionsError, Target};
use bindings::wasi::config::store;

struct Doorman;

thread_local! {
    /// Questions that this instance was asked.
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

fn config(key: &str) -> Option<String> {
    store::get(key).ok().flatten()
}

fn error<T>(code: u32, message: &str) -> Result<T, Refusal> {
    Err(Refusal::Error(RefusedWith {
        code,
        message: message.to_owned(),
        temporary: false,
    }))
}

fn ungranted() -> Grant {
    Grant {
        info: None,
        data: None,
        overrides: Overrides {
            presence: None,
            join_leave: None,
            force_recovery: None,
            force_positioning: None,
            force_push_join_leave: None,
        },
    }
}

/// So many seconds from now.
#[allow(
    clippy::disallowed_methods,
    reason = "a guest's clock is the host's, and there is no other"
)]
fn after(seconds: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs()) + seconds
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// What the last part of a channel's name, or of a method's, has become of it.
fn live_or_die(name: &str) {
    ASKED.set(ASKED.get() + 1);
    match name.rsplit([':', '.']).next() {
        Some("hang") => loop {
            std::hint::spin_loop();
        },
        Some("trap") => core::arch::wasm32::unreachable(),
        _ => {}
    }
}

impl Guest for Doorman {
    fn describe() -> HooksDescription {
        let left_out = config("unanswered").unwrap_or_default();
        let answers = [
            ("connect", Question::Connect),
            ("refresh", Question::Refresh),
            ("subscribe", Question::Subscribe),
            ("sub-refresh", Question::SubRefresh),
            ("publish", Question::Publish),
            ("rpc", Question::Rpc),
        ];
        let answers = answers
            .into_iter()
            .filter(|(name, _)| !left_out.split(' ').any(|left_out| left_out == *name));
        HooksDescription {
            version: config("version").unwrap_or_else(|| "1".to_owned()),
            answers: answers.map(|(_, question)| question).collect(),
            namespaces: Vec::new(),
        }
    }

    fn connect(request: ConnectRequest) -> Result<Connected, Refusal> {
        let data: Value = serde_json::from_slice(&request.data).unwrap_or_default();
        live_or_die(data["then"].as_str().unwrap_or_default());
        if let Some(code) = data["refuse"].as_u64() {
            let code = u32::try_from(code).unwrap_or_default();
            return Err(match code {
                3000.. => Refusal::Disconnect(DisconnectedWith {
                    code,
                    reason: "go away".to_owned(),
                }),
                _ => return error(code, "not you"),
            });
        }
        let seen = json!({
            "user": request.session.user,
            "transport": request.transport,
            "protocol": request.protocol,
            "encoding": request.encoding,
            "name": request.name,
            "version": request.version,
            "claims": request.claims.and_then(|it| serde_json::from_str::<Value>(&it).ok()),
            "token": request.token,
            "headers": request.headers,
            "address": request.address,
        });
        let channels = data["channels"].as_array().cloned().unwrap_or_default();
        Ok(Connected {
            user: data["user"].as_str().map(str::to_owned),
            expire_at: data["seconds"].as_u64().map(after),
            info: Some(bytes(&json!({ "by": "doorman" }))),
            data: Some(bytes(&seen)),
            subscriptions: channels
                .iter()
                .filter_map(Value::as_str)
                .map(|channel| (channel.to_owned(), ungranted()))
                .collect(),
            meta: Some(json!({ "came": "by the door" }).to_string()),
        })
    }

    fn refresh(session: Session, token: Option<String>) -> Result<Refreshed, Refusal> {
        live_or_die("");
        match (&*session.user, token) {
            ("brief", None) => error(403, "time is up"),
            (_, Some(token)) if token != "good" => error(403, "no such token"),
            _ => Ok(Refreshed {
                expire_at: Some(after(3600)),
                info: None,
            }),
        }
    }

    fn subscribe(session: Session, request: SubscribeRequest) -> Result<Subscribed, Refusal> {
        live_or_die(&request.channel);
        match request.channel.rsplit(':').next() {
            Some("closed") => return error(403, "members only"),
            Some("out") => {
                return Err(Refusal::Disconnect(DisconnectedWith {
                    code: 4403,
                    reason: "out".to_owned(),
                }));
            }
            Some("nonsense") => return error(7, "no such code"),
            _ => {}
        }
        let meta = session
            .meta
            .and_then(|meta| serde_json::from_str::<Value>(&meta).ok());
        Ok(Subscribed {
            grant: Grant {
                info: Some(bytes(&json!({ "seat": 7 }))),
                data: Some(bytes(&json!({ "meta": meta, "user": session.user }))),
                ..ungranted()
            },
            expire_at: request.channel.ends_with(":brief").then(|| after(1)),
        })
    }

    fn sub_refresh(session: Session, _channel: String) -> Result<Refreshed, Refusal> {
        live_or_die("");
        match &*session.user {
            "ada" => Ok(Refreshed {
                expire_at: None,
                info: None,
            }),
            _ => error(110, "expired"),
        }
    }

    fn publish(_session: Session, request: PublishRequest) -> Result<Published, Refusal> {
        live_or_die(&request.channel);
        let data: Value = serde_json::from_slice(&request.data).unwrap_or_default();
        match data["text"].as_str() {
            Some("swallow") => Ok(Published::Handled),
            Some("refuse") => error(400, "not that"),
            Some("break") => Ok(Published::Changed(b"{".to_vec())),
            Some(text) => {
                let changed = json!({ "text": text.to_uppercase() });
                Ok(Published::Changed(bytes(&changed)))
            }
            None => Ok(Published::Unchanged),
        }
    }

    fn rpc(session: Session, method: String, data: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        live_or_die(&method);
        let asked: Value = serde_json::from_slice(&data).unwrap_or_default();
        let text = |key: &str| asked[key].as_str().unwrap_or_default().to_owned();
        let channel = text("channel");
        let reached = |reached: Result<sessions::Reached, SessionsError>| match reached {
            Ok(reached) => {
                json!({ "nodes": reached.nodes, "sessions": reached.sessions, "partial": reached.partial })
            }
            Err(error) => json!({ "error": format!("{error:?}") }),
        };
        let answer = match method.rsplit('.').next() {
            Some("version") => json!({
                "version": config("version"),
                "asked": ASKED.get(),
            }),
            Some("whoami") => json!({ "client": session.client, "user": session.user }),
            Some("raw") => return Ok(b"{".to_vec()),
            Some("send") => {
                let to = match text("to").split_once(' ') {
                    Some(("user", user)) => Target::User(user.to_owned()),
                    Some(("channel", channel)) => Target::Channel(channel.to_owned()),
                    Some(("session", id)) => Target::Session(id.to_owned()),
                    _ => Target::All,
                };
                let except = Exclusion::Session(session.client);
                let but_me = asked["but_me"] == true;
                let data = bytes(&asked["data"]);
                reached(sessions::send(&to, &data, but_me.then_some(&except)))
            }
            Some("subscribe") => {
                let whose = Target::User(text("user"));
                reached(sessions::subscribe(&whose, &channel, &ungranted(), None))
            }
            Some("unsubscribe") => {
                reached(sessions::unsubscribe(&Target::User(text("user")), &channel))
            }
            Some("disconnect") => {
                let whose = Target::User(text("user"));
                reached(sessions::disconnect(&whose, Some(4001), Some("bye"), None))
            }
            Some("presence") => match sessions::presence(&channel) {
                Ok(present) => {
                    let users = present.into_iter().map(|info| info.user);
                    json!({ "users": users.collect::<Vec<_>>() })
                }
                Err(error) => json!({ "error": format!("{error:?}") }),
            },
            Some("history") => match sessions::history(&channel, None, 10, true) {
                Ok(page) => {
                    let kept = page.publications.iter();
                    let data = kept.map(|it| serde_json::from_slice(&it.data).unwrap_or_default());
                    json!({ "data": data.collect::<Vec<Value>>(), "top": page.top.offset })
                }
                Err(error) => json!({ "error": format!("{error:?}") }),
            },
            _ => return error(104, "method not found"),
        };
        Ok(bytes(&answer))
    }
}

bindings::export!(Doorman with_types_in bindings);
