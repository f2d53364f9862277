//! Natively the fake host of the test at hand answers.

use crate::channels::{AppendError, Bounds, Page, Position, ReadError, Stored};
use crate::config::ConfigError;
use crate::keyvalue::{KeyPage, KeyValueError};
use crate::log::Level;
use crate::secrets::SecretError;
use crate::sessions::{
    ClientInfo, Except, Grant, HistoryAsked, HistoryPage, PresenceStats, Reached, SessionsError, To,
};
use crate::testing::SessionAct;
use crate::testing::state::{if_host, with_host};
use crate::{Event, Filter, SendError, WaitError, outgoing};

pub(crate) fn send(event: outgoing::Attributes) -> Result<String, SendError> {
    with_host("send", |host| host.send(event))
}

pub(crate) fn wait(filter: &Filter, _milliseconds: u64) -> Result<Event, WaitError> {
    with_host("wait", |host| host.wait(filter))
}

pub(crate) fn append(
    channel: &str,
    events: Vec<outgoing::Attributes>,
    expect_last: Option<u64>,
) -> Result<Vec<Stored>, AppendError> {
    with_host("channels::append", |host| {
        host.append(channel, events, expect_last)
    })
}

pub(crate) fn read(channel: &str, after: &Position, limit: u32) -> Result<Page, ReadError> {
    with_host("channels::read", |host| {
        host.channels.read(channel, after, limit)
    })
}

pub(crate) fn bounds(channel: &str) -> Result<Bounds, ReadError> {
    with_host("channels::bounds", |host| host.channels.bounds(channel))
}

pub(crate) fn sessions_send(
    to: To,
    data: Vec<u8>,
    except: Option<Except>,
) -> Result<Reached, SessionsError> {
    with_host("sessions::send", |host| {
        host.sessions.act(SessionAct::Send { to, data, except })
    })
}

pub(crate) fn sessions_subscribe(
    whose: To,
    channel: &str,
    grant: Grant,
    expire_at: Option<u64>,
) -> Result<Reached, SessionsError> {
    let channel = channel.to_owned();
    with_host("sessions::subscribe", |host| {
        host.sessions.act(SessionAct::Subscribe {
            whose,
            channel,
            grant,
            expire_at,
        })
    })
}

pub(crate) fn sessions_unsubscribe(whose: To, channel: &str) -> Result<Reached, SessionsError> {
    let channel = channel.to_owned();
    with_host("sessions::unsubscribe", |host| {
        host.sessions
            .act(SessionAct::Unsubscribe { whose, channel })
    })
}

pub(crate) fn sessions_disconnect(
    whose: To,
    code: u32,
    reason: &str,
) -> Result<Reached, SessionsError> {
    let reason = reason.to_owned();
    with_host("sessions::disconnect", |host| {
        host.sessions.act(SessionAct::Disconnect {
            whose,
            code,
            reason,
        })
    })
}

pub(crate) fn sessions_refresh(
    whose: To,
    expire_at: Option<u64>,
) -> Result<Reached, SessionsError> {
    with_host("sessions::refresh", |host| {
        host.sessions.act(SessionAct::Refresh { whose, expire_at })
    })
}

pub(crate) fn sessions_presence(channel: &str) -> Result<Vec<ClientInfo>, SessionsError> {
    with_host("sessions::presence", |host| host.sessions.presence(channel))
}

pub(crate) fn sessions_presence_stats(channel: &str) -> Result<PresenceStats, SessionsError> {
    with_host("sessions::presence_stats", |host| {
        host.sessions.presence_stats(channel)
    })
}

pub(crate) fn sessions_history(
    channel: &str,
    asked: &HistoryAsked,
) -> Result<HistoryPage, SessionsError> {
    with_host("sessions::history", |host| {
        host.sessions.history(channel, asked)
    })
}

pub(crate) fn begin_part(name: &str) {
    if_host(|host| host.begin_part(name));
}

pub(crate) fn config_get(key: &str) -> Result<Option<String>, ConfigError> {
    with_host("config::get", |host| Ok(host.config.get(key).cloned()))
}

pub(crate) fn config_all() -> Result<Vec<(String, String)>, ConfigError> {
    with_host("config::all", |host| {
        Ok(host.config.clone().into_iter().collect())
    })
}

pub(crate) fn secret_get(key: &str) -> Result<Vec<u8>, SecretError> {
    with_host("secrets::get", |host| {
        let secret = host.secrets.get(key).cloned();
        secret.ok_or_else(|| SecretError::NotFound(key.to_owned()))
    })
}

pub(crate) fn log(level: Level, message: &str) {
    with_host("log", |host| host.logged.push((level, message.to_owned())));
}

#[derive(Debug)]
pub(crate) struct Bucket(String);

/// Keys on one page of [`Bucket::list`]: few, so that tests meet several pages.
const PAGE: usize = 4;

impl Bucket {
    pub fn open(name: &str) -> Result<Self, KeyValueError> {
        with_host("keyvalue::Bucket::open", |host| {
            if host.denied_buckets.contains(name) {
                return Err(KeyValueError::AccessDenied);
            }
            host.buckets.entry(name.to_owned()).or_default();
            Ok(Self(name.to_owned()))
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut crate::testing::state::Records) -> T) -> T {
        with_host("keyvalue::Bucket", |host| {
            act(host.buckets.entry(self.0.clone()).or_default())
        })
    }

    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.with(|records| Ok(records.get(key).cloned()))
    }

    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), KeyValueError> {
        self.with(|records| records.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }

    pub fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        self.with(|records| records.remove(key));
        Ok(())
    }

    pub fn exists(&self, key: &str) -> Result<bool, KeyValueError> {
        self.with(|records| Ok(records.contains_key(key)))
    }

    pub fn list(&self, page: Option<u64>) -> Result<KeyPage, KeyValueError> {
        let page = page.unwrap_or(0);
        let skip = usize::try_from(page).unwrap_or(usize::MAX);
        self.with(|records| {
            let keys: Vec<String> = records.keys().skip(skip).take(PAGE).cloned().collect();
            let end = page.saturating_add(keys.len() as u64);
            Ok(KeyPage {
                keys,
                next: (end < records.len() as u64).then_some(end),
            })
        })
    }

    pub fn increment(&self, key: &str, delta: u64) -> Result<u64, KeyValueError> {
        self.with(|records| {
            let number = match records.get(key) {
                None => 0,
                Some(value) => std::str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| KeyValueError::Other(format!("`{key}` is not a number")))?,
            };
            let sum = delta
                .checked_add(number)
                .ok_or_else(|| KeyValueError::Other(format!("`{key}` would overflow")))?;
            records.insert(key.to_owned(), sum.to_string().into_bytes());
            Ok(sum)
        })
    }

    pub fn get_many(&self, keys: &[String]) -> Result<Vec<(String, Vec<u8>)>, KeyValueError> {
        self.with(|records| {
            let found = keys
                .iter()
                .filter_map(|key| Some((key.clone(), records.get(key)?.clone())));
            Ok(found.collect())
        })
    }

    pub fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        self.with(|records| records.extend(entries.iter().cloned()));
        Ok(())
    }

    pub fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        self.with(|records| keys.iter().for_each(|key| drop(records.remove(key))));
        Ok(())
    }
}
