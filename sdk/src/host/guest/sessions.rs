//! Sessions as the SDK has them.

use super::bindings::hearken::plugin::{session_types, sessions};
use crate::sessions::{
    ClientInfo, Except, Grant, HistoryAsked, HistoryPage, HistoryPosition, PresenceStats,
    Publication, Reached, SessionsError, To,
};

pub(crate) fn sessions_send(
    to: To,
    data: Vec<u8>,
    except: Option<Except>,
) -> Result<Reached, SessionsError> {
    let except = except.map(|except| match except {
        Except::Session(id) => sessions::Exclusion::Session(id),
        Except::User(user) => sessions::Exclusion::User(user),
    });
    reached(sessions::send(&target(to), &data, except.as_ref()))
}

pub(crate) fn sessions_subscribe(
    whose: To,
    channel: &str,
    grant: Grant,
    expire_at: Option<u64>,
) -> Result<Reached, SessionsError> {
    let overrides = grant.overrides;
    let grant = session_types::Grant {
        info: grant.info,
        data: grant.data,
        overrides: session_types::Overrides {
            presence: overrides.presence,
            join_leave: overrides.join_leave,
            force_recovery: overrides.force_recovery,
            force_positioning: overrides.force_positioning,
            force_push_join_leave: overrides.force_push_join_leave,
        },
    };
    reached(sessions::subscribe(
        &target(whose),
        channel,
        &grant,
        expire_at,
    ))
}

pub(crate) fn sessions_unsubscribe(whose: To, channel: &str) -> Result<Reached, SessionsError> {
    reached(sessions::unsubscribe(&target(whose), channel))
}

pub(crate) fn sessions_disconnect(
    whose: To,
    code: u32,
    reason: &str,
) -> Result<Reached, SessionsError> {
    let closed = sessions::disconnect(&target(whose), Some(code), Some(reason), None);
    reached(closed)
}

pub(crate) fn sessions_refresh(
    whose: To,
    expire_at: Option<u64>,
) -> Result<Reached, SessionsError> {
    reached(sessions::refresh(&target(whose), expire_at))
}

pub(crate) fn sessions_presence(channel: &str) -> Result<Vec<ClientInfo>, SessionsError> {
    let present = sessions::presence(channel)?;
    Ok(present.into_iter().map(client_info).collect())
}

pub(crate) fn sessions_presence_stats(channel: &str) -> Result<PresenceStats, SessionsError> {
    let stats = sessions::presence_stats(channel)?;
    Ok(PresenceStats {
        clients: stats.clients,
        users: stats.users,
    })
}

pub(crate) fn sessions_history(
    channel: &str,
    asked: &HistoryAsked,
) -> Result<HistoryPage, SessionsError> {
    let since = asked.since.clone();
    let since = since.map(|since| sessions::HistoryPosition {
        epoch: since.epoch,
        offset: since.offset,
    });
    let page = sessions::history(channel, since.as_ref(), asked.limit, asked.reverse)?;
    let publications = page.publications.into_iter();
    Ok(HistoryPage {
        publications: publications
            .map(|publication| Publication {
                data: publication.data,
                offset: publication.offset,
                info: publication.info.map(client_info),
                tags: publication.tags.into_iter().collect(),
            })
            .collect(),
        top: HistoryPosition {
            epoch: page.top.epoch,
            offset: page.top.offset,
        },
    })
}

fn target(to: To) -> sessions::Target {
    match to {
        To::Session(id) => sessions::Target::Session(id),
        To::User(user) => sessions::Target::User(user),
        To::Subject(subject) => sessions::Target::Subject(subject),
        To::Channel(channel) => sessions::Target::Channel(channel),
        To::Node => sessions::Target::Node,
        To::All => sessions::Target::All,
    }
}

fn reached(
    reached: Result<sessions::Reached, sessions::SessionsError>,
) -> Result<Reached, SessionsError> {
    let reached = reached?;
    Ok(Reached {
        nodes: reached.nodes,
        sessions: reached.sessions,
        partial: reached.partial,
    })
}

fn client_info(info: sessions::ClientInfo) -> ClientInfo {
    ClientInfo {
        client: info.client,
        user: info.user,
        conn_info: info.conn_info,
        chan_info: info.chan_info,
    }
}

impl From<sessions::SessionsError> for SessionsError {
    fn from(error: sessions::SessionsError) -> Self {
        match error {
            sessions::SessionsError::Off => Self::Off,
            sessions::SessionsError::Denied(why) => Self::Denied(why),
            sessions::SessionsError::Invalid(why) => Self::Invalid(why),
            sessions::SessionsError::UnknownChannel => Self::UnknownChannel,
            sessions::SessionsError::NotAvailable => Self::NotAvailable,
            sessions::SessionsError::AnotherEpoch => Self::AnotherEpoch,
            sessions::SessionsError::BudgetExceeded => Self::BudgetExceeded,
        }
    }
}
