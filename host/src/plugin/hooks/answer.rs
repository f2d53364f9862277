//! What an instance answers, as sessions take it: nothing of it is believed unseen.

use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{ClientError, Disconnect};
use serde_json::Value;

use crate::config::Rights;
use crate::plugin::guest::bindings::hooks::exports::hearken::plugin::session_hooks as wit;
use crate::plugin::guest::grants::{MAX_KEPT, NotTaken, granted, json, kept};
use crate::session::{
    ChannelName, ConnectAnswer, PublishAnswer, RefreshAnswer, Refused, SubscribeAnswer,
    namespace_of,
};

/// Longest message of an error, in bytes.
const MAX_MESSAGE: usize = 255;

/// Longest reason of a disconnect, in bytes: as much as the close frame of a WebSocket has room
/// for.
const MAX_REASON: usize = 123;

/// Longest name of a user, in bytes, as that of a token.
const MAX_USER: usize = 255;

/// An instance has answered what it may not, or what makes no sense: said of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Nonsense {
    /// What should be JSON is none, or too long.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// No session is of such a user.
    #[error("its `user` is longer than {MAX_USER} bytes, or has control characters")]
    User,
    /// There is no such channel's name.
    #[error("its `subscriptions` name `{0}`, which is not the name of a channel")]
    Channel(String),
    /// The plugin may not subscribe anybody there.
    #[error(
        "its `subscriptions` name `{0}`; for that it needs the channel's namespace in \
         `sessions` of `[allow]`"
    )]
    NotGranted(String),
    /// Nor may it read what was declared.
    #[error("its `subscriptions` name `{0}`; for that it needs the channel in `read` of `[allow]`")]
    NotReadable(String),
}

/// Who may connect.
pub(super) fn connected(
    answer: wit::Connected,
    rights: &Rights,
    is_declared: impl Fn(&str) -> bool,
) -> Result<ConnectAnswer, Nonsense> {
    if let Some(user) = &answer.user
        && (user.len() > MAX_USER || user.contains(char::is_control))
    {
        return Err(Nonsense::User);
    }
    let meta = match answer.meta {
        Some(meta) if meta.len() > MAX_KEPT => return Err(NotTaken::TooLong("meta").into()),
        Some(meta) => {
            let meta = meta.parse::<Value>();
            Some(meta.map_err(|_| NotTaken::NotJson("meta"))?)
        }
        None => None,
    };
    let mut subs = Vec::with_capacity(answer.subscriptions.len());
    for (channel, grant) in answer.subscriptions {
        let Ok(name) = ChannelName::new(&channel) else {
            return Err(Nonsense::Channel(channel));
        };
        if !rights.may_serve(namespace_of(&name)) {
            return Err(Nonsense::NotGranted(channel));
        }
        // That is of no namespace, whatever its name begins with.
        if is_declared(&channel) && !rights.may_read(&channel) {
            return Err(Nonsense::NotReadable(channel));
        }
        subs.push((channel, granted(grant)?));
    }
    Ok(ConnectAnswer {
        user: answer.user,
        expire_at: answer.expire_at,
        info: kept("info", answer.info)?,
        data: json("data", answer.data)?,
        subs,
        meta,
    })
}

/// For how long something goes on.
pub(super) fn refreshed(answer: wit::Refreshed) -> Result<RefreshAnswer, Nonsense> {
    Ok(RefreshAnswer {
        expire_at: answer.expire_at,
        info: kept("info", answer.info)?,
    })
}

/// What a subscription is like.
pub(super) fn subscribed(answer: wit::Subscribed) -> Result<SubscribeAnswer, Nonsense> {
    Ok(SubscribeAnswer {
        grant: granted(answer.grant)?,
        expire_at: answer.expire_at,
    })
}

/// What becomes of a publication. Whether other data are JSON where they have to be, the
/// session sees to.
pub(super) fn published(answer: wit::Published) -> PublishAnswer {
    match answer {
        wit::Published::Unchanged => PublishAnswer::Publish(None),
        wit::Published::Changed(data) => PublishAnswer::Publish(Some(data.into())),
        wit::Published::Handled => PublishAnswer::Handled,
    }
}

/// Why not. Codes that are not for plugins to give are an internal error.
pub(super) fn refused(refusal: wit::Refusal) -> Refused {
    match refusal {
        wit::Refusal::Error(error) => match error.code {
            100..=113 | 400..=1999 => Refused::Error(ClientError {
                code: error.code,
                message: cut(error.message, MAX_MESSAGE).into(),
                temporary: error.temporary,
            }),
            _ => errors::INTERNAL.into(),
        },
        wit::Refusal::Disconnect(end) => match end.code {
            3000..=4999 => Refused::Disconnect(Disconnect {
                code: end.code,
                reason: cut(end.reason, MAX_REASON).into(),
            }),
            _ => errors::INTERNAL.into(),
        },
    }
}

fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Bounds, Manifest};
    use crate::plugin::guest::bindings::plugin::hearken::plugin::session_types as types;

    fn rights() -> Rights {
        let text = "[allow]\nsessions = [\"chat\"]";
        let manifest = Manifest::parse(Path::new("a.toml"), text).unwrap();
        Rights::of(&manifest, &Bounds::default())
    }

    fn no_grant() -> types::Grant {
        types::Grant {
            info: None,
            data: None,
            overrides: types::Overrides {
                presence: None,
                join_leave: None,
                force_recovery: None,
                force_positioning: None,
                force_push_join_leave: None,
            },
        }
    }

    fn answer() -> wit::Connected {
        wit::Connected {
            user: Some("ada".to_owned()),
            expire_at: None,
            info: None,
            data: Some(Vec::new()),
            subscriptions: Vec::new(),
            meta: None,
        }
    }

    #[test]
    fn a_plugin_subscribes_only_where_it_is_granted() {
        let to = |channel: &str| wit::Connected {
            subscriptions: vec![(channel.to_owned(), no_grant())],
            ..answer()
        };
        let connected = |answer| connected(answer, &rights(), |name| name == "chat:paid");
        let taken = connected(to("chat:1")).unwrap();
        assert_eq!(taken.subs.len(), 1);
        assert_eq!(taken.data, None, "nothing is nothing");
        for (channel, why) in [
            ("game:1", "`[allow]`"),
            ("1", "`[allow]`"),
            ("a b", "not the name"),
            ("chat:paid", "`read`"),
        ] {
            let refused = connected(to(channel)).unwrap_err().to_string();
            assert!(refused.contains(why), "{channel}: {refused}");
        }
    }

    #[test]
    fn what_others_are_shown_is_json_and_not_long() {
        let connected = |answer| connected(answer, &rights(), |_| false);
        let info = |info: &str| wit::Connected {
            info: Some(info.as_bytes().to_vec()),
            ..answer()
        };
        assert!(connected(info("{\"a\":1}")).is_ok());
        assert_eq!(
            connected(info("{")).unwrap_err(),
            Nonsense::NotTaken(NotTaken::NotJson("info"))
        );
        let long = format!("{}1", " ".repeat(MAX_KEPT - 1));
        assert!(connected(info(&long)).is_ok());
        let too_long = format!(" {long}");
        assert_eq!(
            connected(info(&too_long)).unwrap_err(),
            Nonsense::NotTaken(NotTaken::TooLong("info"))
        );
        let meta = wit::Connected {
            meta: Some(too_long),
            ..answer()
        };
        assert_eq!(
            connected(meta).unwrap_err(),
            Nonsense::NotTaken(NotTaken::TooLong("meta"))
        );
        let meta = wit::Connected {
            meta: Some("x".to_owned()),
            ..answer()
        };
        assert_eq!(
            connected(meta).unwrap_err(),
            Nonsense::NotTaken(NotTaken::NotJson("meta"))
        );
        let user = wit::Connected {
            user: Some("a\nb".to_owned()),
            ..answer()
        };
        assert_eq!(connected(user).unwrap_err(), Nonsense::User);
    }

    #[test]
    fn codes_that_are_the_nodes_are_internal_errors() {
        let error = |code| {
            refused(wit::Refusal::Error(wit::RefusedWith {
                code,
                message: "é".repeat(200),
                temporary: false,
            }))
        };
        let Refused::Error(taken) = error(403) else {
            panic!("it is an error");
        };
        assert_eq!((taken.code, taken.message.len()), (403, 254));
        let end = |code| {
            refused(wit::Refusal::Disconnect(wit::DisconnectedWith {
                code,
                reason: "bye".to_owned(),
            }))
        };
        assert!(matches!(end(4500), Refused::Disconnect(end) if end.code == 4500));
        for nonsense in [error(0), error(399), error(2000), end(1000), end(5000)] {
            assert_eq!(nonsense, errors::INTERNAL.into());
        }
    }
}
