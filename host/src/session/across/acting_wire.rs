//! What is done with sessions, as it is carried between nodes.

use hearken_session_protocol::{Disconnect, SubscribePosition, Unsubscribe};

use super::act::SessionAct;
use super::protocol::{self, Close, Empty, Enter, Leave, OfUser, Renew, Since, Tell, act, whose};
use crate::session::grant::{Overrides, SubscriptionGrant};
use crate::session::name::ChannelName;
use crate::session::registry::Began;
use crate::session::server::{Spared, Whose};

/// As it is carried.
pub(super) fn encoded(whose: &Whose, act: &SessionAct) -> protocol::Act {
    let what = match act.clone() {
        SessionAct::Disconnect { why, spared } => act::What::Close(Close {
            code: why.code,
            reason: why.reason.into_owned(),
            spared: Some(spared.into()),
        }),
        SessionAct::Subscribe {
            channel,
            grant,
            expire_at,
            position,
        } => act::What::Enter(Enter {
            channel: channel.to_string(),
            info: grant.info,
            data: grant.data,
            presence: grant.overrides.presence,
            join_leave: grant.overrides.join_leave,
            force_recovery: grant.overrides.force_recovery,
            force_positioning: grant.overrides.force_positioning,
            force_push_join_leave: grant.overrides.force_push_join_leave,
            expire_at,
            since: position.map(|position| Since {
                offset: position.offset,
                epoch: position.epoch,
            }),
        }),
        SessionAct::Unsubscribe { channel, why } => act::What::Leave(Leave {
            channel: channel.to_string(),
            code: why.code,
            reason: why.reason.into_owned(),
        }),
        SessionAct::Refresh { expire_at } => act::What::Renew(Renew { expire_at }),
        SessionAct::Message {
            data,
            binary,
            excluded,
        } => act::What::Tell(Tell {
            data,
            binary,
            spared: Some(excluded.into()),
        }),
    };
    protocol::Act {
        whose: Some(encoded_whose(whose)),
        what: Some(what),
    }
}

/// Of what was carried; nothing where that is not known here.
pub(super) fn decoded(carried: protocol::Act) -> Option<(Whose, SessionAct)> {
    let whose = decoded_whose(carried.whose?)?;
    let act = match carried.what? {
        act::What::Close(Close {
            code,
            reason,
            spared,
        }) => SessionAct::Disconnect {
            why: Disconnect {
                code,
                reason: reason.into(),
            },
            spared: spared.unwrap_or_default().into(),
        },
        act::What::Enter(enter) => SessionAct::Subscribe {
            channel: ChannelName::new(&enter.channel).ok()?,
            grant: SubscriptionGrant {
                info: enter.info,
                data: enter.data,
                overrides: Overrides {
                    presence: enter.presence,
                    join_leave: enter.join_leave,
                    force_recovery: enter.force_recovery,
                    force_positioning: enter.force_positioning,
                    force_push_join_leave: enter.force_push_join_leave,
                },
            },
            expire_at: enter.expire_at,
            position: enter.since.map(|since| SubscribePosition {
                recover: true,
                offset: since.offset,
                epoch: since.epoch,
                ..SubscribePosition::default()
            }),
        },
        act::What::Leave(Leave {
            channel,
            code,
            reason,
        }) => SessionAct::Unsubscribe {
            channel: ChannelName::new(&channel).ok()?,
            why: Unsubscribe {
                code,
                reason: reason.into(),
            },
        },
        act::What::Renew(Renew { expire_at }) => SessionAct::Refresh { expire_at },
        act::What::Tell(Tell {
            data,
            binary,
            spared,
        }) => SessionAct::Message {
            data,
            binary,
            excluded: spared.unwrap_or_default().into(),
        },
    };
    Some((whose, act))
}

/// Whose sessions are meant of the node that is told it.
pub(super) fn encoded_whose(whose: &Whose) -> protocol::Whose {
    let whose = match whose.clone() {
        Whose::Client(client) => whose::Whose::Client(client),
        Whose::ClientOf { client, user } => whose::Whose::ClientOf(OfUser { client, user }),
        Whose::User(user) => whose::Whose::User(user),
        Whose::Channel(channel) => whose::Whose::Channel(channel.to_string()),
        Whose::Node | Whose::NodeOf(_) | Whose::All => whose::Whose::Node(Empty {}),
    };
    protocol::Whose { whose: Some(whose) }
}

pub(super) fn decoded_whose(carried: protocol::Whose) -> Option<Whose> {
    Some(match carried.whose? {
        whose::Whose::Client(client) => Whose::Client(client),
        whose::Whose::ClientOf(OfUser { client, user }) => Whose::ClientOf { client, user },
        whose::Whose::User(user) => Whose::User(user),
        whose::Whose::Channel(channel) => Whose::Channel(ChannelName::new(&channel).ok()?),
        whose::Whose::Node(Empty {}) => Whose::Node,
    })
}

impl From<Spared> for protocol::Spared {
    fn from(spared: Spared) -> Self {
        let Spared {
            clients,
            user,
            since,
        } = spared;
        let since = since.map(|Began { time, client }| protocol::Began {
            time,
            client: client.to_string(),
        });
        Self {
            clients,
            user,
            since,
        }
    }
}

impl From<protocol::Spared> for Spared {
    fn from(spared: protocol::Spared) -> Self {
        let protocol::Spared {
            clients,
            user,
            since,
        } = spared;
        let since = since.map(|protocol::Began { time, client }| Began {
            time,
            client: client.into(),
        });
        Self {
            clients,
            user,
            since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> ChannelName {
        ChannelName::new("chat:1").unwrap()
    }

    #[test]
    fn what_is_carried_is_what_was_meant() {
        let acts = [
            SessionAct::Disconnect {
                why: Disconnect {
                    code: 4000,
                    reason: "gone".into(),
                },
                spared: Spared {
                    since: Some(Began {
                        time: 7,
                        client: "1".into(),
                    }),
                    ..Spared::client("1".to_owned())
                },
            },
            SessionAct::Subscribe {
                channel: channel(),
                grant: SubscriptionGrant {
                    info: Some("1".into()),
                    data: None,
                    overrides: Overrides {
                        presence: Some(false),
                        force_recovery: Some(true),
                        ..Overrides::default()
                    },
                },
                expire_at: Some(7),
                position: Some(SubscribePosition {
                    recover: true,
                    offset: 3,
                    epoch: "abc".to_owned(),
                    ..SubscribePosition::default()
                }),
            },
            SessionAct::Unsubscribe {
                channel: channel(),
                why: Unsubscribe {
                    code: 2000,
                    reason: "server".into(),
                },
            },
            SessionAct::Refresh { expire_at: None },
            SessionAct::Message {
                data: "{}".into(),
                binary: Some("b".into()),
                excluded: Spared::user("42".to_owned()),
            },
        ];
        let everybody = [
            Whose::Client("1".to_owned()),
            Whose::ClientOf {
                client: "1".to_owned(),
                user: "42".to_owned(),
            },
            Whose::User("42".to_owned()),
            Whose::Channel(channel()),
            Whose::Node,
        ];
        for (whose, act) in everybody.into_iter().zip(acts) {
            let carried = encoded(&whose, &act);
            assert_eq!(decoded(carried), Some((whose, act)));
        }
        // All sessions are all of each node.
        let act = SessionAct::Refresh { expire_at: Some(1) };
        let carried = encoded(&Whose::All, &act);
        assert_eq!(decoded(carried), Some((Whose::Node, act)));
        assert_eq!(decoded(protocol::Act::default()), None);
    }
}
