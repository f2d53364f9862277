//! `hearken:plugin/sessions`: sessions of clients, as a plugin addresses them.

use hearken_pattern::Glob;
use hearken_session_protocol::codes::{disconnects, errors, unsubscribes};
use hearken_session_protocol::payload::check_json;
use hearken_session_protocol::{ClientInfo, Disconnect};

use crate::event::json::MAX_DEPTH;
use crate::plugin::guest::bindings::plugin::hearken::plugin::{session_types, sessions};
use crate::plugin::guest::grants::granted;
use crate::plugin::guest::state::Guest;
use crate::session::{
    ChannelName, PageRequest, Refused, SessionAct, Sessions, Spared, Whose, namespace_of,
};

use sessions::{Exclusion, HistoryPage, HistoryPosition, Reached, SessionsError, Target};

/// Codes that a connection can be closed with.
const CODES: std::ops::RangeInclusive<u32> = 3000..=4999;

/// Longest reason, in bytes: as much as the close frame of a WebSocket has room for.
const MAX_REASON: usize = 123;

/// Most who are told of at once that are subscribed: of larger channels the plugin can ask how
/// many there are.
const MAX_PRESENT: usize = 10_000;

/// Most publications of a history at once, as for clients.
const MAX_PAGE: usize = 300;

impl session_types::Host for &mut Guest {}

impl sessions::Host for &mut Guest {
    async fn send(
        &mut self,
        to: Target,
        data: Vec<u8>,
        exclude: Option<Exclusion>,
    ) -> wasmtime::Result<Result<Reached, SessionsError>> {
        let message = |sessions: &Sessions| {
            let why = |error| SessionsError::Invalid(format!("{error}"));
            check_json(&data, MAX_DEPTH).map_err(why)?;
            // It would close all who get it.
            let most = sessions.settings().queue_max_size / 2;
            if data.len() > most {
                return Err(SessionsError::Invalid(format!(
                    "a message has at most {most} bytes, half of `sessions.queue_max_size`"
                )));
            }
            Ok(SessionAct::Message {
                data: data.into(),
                binary: None,
                excluded: spared(exclude),
            })
        };
        Ok(self.on_sessions("send", to, message).await)
    }

    async fn subscribe(
        &mut self,
        whose: Target,
        channel: String,
        grant: session_types::Grant,
        expire_at: Option<u64>,
    ) -> wasmtime::Result<Result<Reached, SessionsError>> {
        let channel = match self.granted_channel(&channel) {
            Ok(channel) => channel,
            Err(error) => return Ok(Err(error)),
        };
        let subscribe = |_: &Sessions| {
            let why = |error| SessionsError::Invalid(format!("{error}"));
            Ok(SessionAct::Subscribe {
                channel,
                grant: granted(grant).map_err(why)?,
                expire_at,
                position: None,
            })
        };
        Ok(self.on_sessions("subscribe", whose, subscribe).await)
    }

    async fn unsubscribe(
        &mut self,
        whose: Target,
        channel: String,
    ) -> wasmtime::Result<Result<Reached, SessionsError>> {
        let channel = match self.granted_channel(&channel) {
            Ok(channel) => channel,
            Err(error) => return Ok(Err(error)),
        };
        let unsubscribe = |_: &Sessions| {
            let why = unsubscribes::SERVER;
            Ok(SessionAct::Unsubscribe { channel, why })
        };
        Ok(self.on_sessions("unsubscribe", whose, unsubscribe).await)
    }

    async fn disconnect(
        &mut self,
        whose: Target,
        code: Option<u32>,
        reason: Option<String>,
        exclude: Option<Exclusion>,
    ) -> wasmtime::Result<Result<Reached, SessionsError>> {
        let disconnect = |_: &Sessions| {
            let default = disconnects::FORCE_DISCONNECT;
            let why = Disconnect {
                code: code.unwrap_or(default.code),
                reason: reason.map_or(default.reason, Into::into),
            };
            if !CODES.contains(&why.code) || why.reason.len() > MAX_REASON {
                return Err(SessionsError::Invalid(format!(
                    "a connection is closed with a code from 3000 to 4999 and a reason of at \
                     most {MAX_REASON} bytes"
                )));
            }
            let spared = spared(exclude);
            Ok(SessionAct::Disconnect { why, spared })
        };
        Ok(self.on_sessions("disconnect", whose, disconnect).await)
    }

    async fn refresh(
        &mut self,
        whose: Target,
        expire_at: Option<u64>,
    ) -> wasmtime::Result<Result<Reached, SessionsError>> {
        let refresh = |_: &Sessions| Ok(SessionAct::Refresh { expire_at });
        Ok(self.on_sessions("refresh", whose, refresh).await)
    }

    async fn presence(
        &mut self,
        channel: String,
    ) -> wasmtime::Result<Result<Vec<sessions::ClientInfo>, SessionsError>> {
        Ok(self.present_in(&channel).await)
    }

    async fn presence_stats(
        &mut self,
        channel: String,
    ) -> wasmtime::Result<Result<sessions::PresenceCount, SessionsError>> {
        Ok(self.count_in(&channel).await)
    }

    async fn history(
        &mut self,
        channel: String,
        since: Option<HistoryPosition>,
        limit: u32,
        reverse: bool,
    ) -> wasmtime::Result<Result<HistoryPage, SessionsError>> {
        let since = since.as_ref();
        let asked = PageRequest {
            since: since.map(|since| (since.offset, &*since.epoch)),
            limit: usize::try_from(limit).map_or(MAX_PAGE, |limit| limit.min(MAX_PAGE)),
            reverse,
        };
        Ok(self.page_of(&channel, &asked).await)
    }
}

impl Guest {
    /// The sessions, if the plugin may address any.
    fn addressed(&mut self) -> Result<Sessions, SessionsError> {
        if self.rights.now().sessions.is_empty() {
            let why = self.plugin.refuse_right("sessions", "*");
            return Err(SessionsError::Denied(why));
        }
        let sessions = self.plugin.addressed.as_ref();
        let sessions = sessions.filter(|sessions| sessions.are_on());
        let sessions = sessions.ok_or(SessionsError::Off)?.clone();
        match self.plugin.spend() {
            true => Ok(sessions),
            false => Err(SessionsError::BudgetExceeded),
        }
    }

    /// Does something with the sessions that a plugin means, on whichever nodes they are; says
    /// how many they were.
    async fn on_sessions(
        &mut self,
        what: &str,
        target: Target,
        act: impl FnOnce(&Sessions) -> Result<SessionAct, SessionsError>,
    ) -> Result<Reached, SessionsError> {
        let sessions = self.addressed()?;
        let whose = self.whose(target)?;
        let is_pretended = self
            .plugin
            .pretend("sessions", || format!("{what} {whose:?}"));
        let act = act(&sessions)?;
        if is_pretended {
            return Ok(Reached {
                nodes: 1,
                sessions: 0,
                partial: false,
            });
        }
        let reached = {
            // For other nodes, or for a durable channel that is made.
            let _waiting = self.meter.wait_for_storage();
            sessions.act(&whose, &act).await.map_err(refused)?
        };
        Ok(Reached {
            nodes: u32::try_from(reached.nodes.len()).unwrap_or(u32::MAX),
            sessions: reached.sessions as u64,
            partial: reached.is_partial,
        })
    }

    async fn present_in(
        &mut self,
        channel: &str,
    ) -> Result<Vec<sessions::ClientInfo>, SessionsError> {
        let (sessions, name) = self.on_channel(channel)?;
        let _waiting = self.meter.wait_for_storage();
        let stats = sessions.presence_stats(&name).await;
        let clients = stats.map_err(refused)?.clients;
        if clients > MAX_PRESENT {
            return Err(SessionsError::Invalid(format!(
                "{clients} are subscribed to it; at most {MAX_PRESENT} are listed"
            )));
        }
        let present = sessions.presence(&name).await.map_err(refused)?;
        Ok(present.iter().map(|info| client_info(info)).collect())
    }

    async fn count_in(&mut self, channel: &str) -> Result<sessions::PresenceCount, SessionsError> {
        let (sessions, name) = self.on_channel(channel)?;
        let _waiting = self.meter.wait_for_storage();
        let stats = sessions.presence_stats(&name).await;
        let stats = stats.map_err(refused)?;
        Ok(sessions::PresenceCount {
            clients: stats.clients as u64,
            users: stats.users as u64,
        })
    }

    async fn page_of(
        &mut self,
        channel: &str,
        asked: &PageRequest<'_>,
    ) -> Result<HistoryPage, SessionsError> {
        let sessions = self.addressed()?;
        let name = self.granted_channel(channel)?;
        let channels = &self.plugin.channels;
        let would_make = sessions.is_of_durable(channel) && !channels.has(channel);
        if self.plugin.pretends && would_make {
            return Err(SessionsError::UnknownChannel);
        }
        let page = {
            let _waiting = self.meter.wait_for_storage();
            let page = sessions.history(&name, asked).await;
            page.map_err(refused)?
        };
        let publications = page.publications.into_iter();
        Ok(HistoryPage {
            publications: publications
                .map(|publication| sessions::Publication {
                    data: publication.data.to_vec(),
                    offset: publication.offset,
                    info: publication.info.as_ref().map(client_info),
                    tags: publication.tags.into_iter().collect(),
                })
                .collect(),
            top: HistoryPosition {
                epoch: (*page.top.epoch).to_owned(),
                offset: page.top.offset,
            },
        })
    }

    /// A channel that the plugin may look at, and the sessions.
    fn on_channel(&mut self, channel: &str) -> Result<(Sessions, ChannelName), SessionsError> {
        let sessions = self.addressed()?;
        let name = self.granted_channel(channel)?;
        Ok((sessions, name))
    }

    fn granted_channel(&mut self, channel: &str) -> Result<ChannelName, SessionsError> {
        let name = ChannelName::new(channel);
        let name = name.map_err(|error| SessionsError::Invalid(error.to_string()))?;
        let namespace = namespace_of(&name);
        // What was declared is of no namespace, whatever its name begins with.
        let is_declared = self.plugin.channels.has_declared(name.as_str());
        let rights = self.rights.now();
        let lacks = match is_declared {
            _ if !rights.may_serve(namespace) => Some(("sessions", namespace)),
            true if !rights.may_read(name.as_str()) => Some(("read", name.as_str())),
            _ => None,
        };
        match lacks {
            None => Ok(name),
            Some((right, what)) => {
                let why = self.plugin.refuse_right(right, what);
                Err(SessionsError::Denied(why))
            }
        }
    }

    /// Whose sessions are meant, if the plugin may address them.
    fn whose(&mut self, target: Target) -> Result<Whose, SessionsError> {
        match target {
            Target::Session(client) => Ok(Whose::Client(client)),
            Target::User(user) if user.is_empty() => Err(SessionsError::Invalid(
                "a user has a name; who is nobody is addressed by their sessions".to_owned(),
            )),
            Target::User(user) => Ok(Whose::User(user)),
            Target::Subject(subject) => {
                let channel = self.granted_channel(&format!("subject:{subject}"))?;
                Ok(Whose::Channel(channel))
            }
            Target::Channel(channel) => Ok(Whose::Channel(self.granted_channel(&channel)?)),
            Target::Node | Target::All => {
                let is_this_node = matches!(target, Target::Node);
                let all = Glob::new("*".to_owned());
                let mut granted = self.rights.now().sessions.iter();
                match granted.any(|names| names.covers(&all)) {
                    true if is_this_node => Ok(Whose::Node),
                    true => Ok(Whose::All),
                    false => {
                        let why = self.plugin.refuse_right("sessions", "*");
                        Err(SessionsError::Denied(why))
                    }
                }
            }
        }
    }
}

/// Those who are not meant.
fn spared(exclude: Option<Exclusion>) -> Spared {
    match exclude {
        Some(Exclusion::Session(client)) => Spared::client(client),
        Some(Exclusion::User(user)) if !user.is_empty() => Spared::user(user),
        Some(Exclusion::User(_)) | None => Spared::default(),
    }
}

fn client_info(info: &ClientInfo) -> sessions::ClientInfo {
    sessions::ClientInfo {
        client: info.client.clone(),
        user: info.user.clone(),
        conn_info: info.conn_info.as_ref().map(|info| info.to_vec()),
        chan_info: info.chan_info.as_ref().map(|info| info.to_vec()),
    }
}

/// What a plugin is told that is refused by sessions.
fn refused(refused: Refused) -> SessionsError {
    let Refused::Error(error) = refused else {
        return SessionsError::NotAvailable;
    };
    match error.code {
        code if code == errors::UNKNOWN_CHANNEL.code => SessionsError::UnknownChannel,
        code if code == errors::UNRECOVERABLE_POSITION.code => SessionsError::AnotherEpoch,
        code if code == errors::NOT_AVAILABLE.code => SessionsError::NotAvailable,
        _ => SessionsError::Invalid(error.message.into_owned()),
    }
}
