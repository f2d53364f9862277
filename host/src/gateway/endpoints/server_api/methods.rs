//! What servers may have done.

use std::collections::BTreeMap;
use std::time::Duration;

use hearken_session_protocol::codes::{disconnects, errors, unsubscribes};
use hearken_session_protocol::{ClientError, Disconnect, SubscribePosition};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use super::Calling;
use super::answers::{Room, only_reads};
use super::batch::{Command, Commands, METHODS};
use super::requests::{self, Target, bad_request, data, info, read};
use super::results::{
    Batch, BatchReply, Channels, Done, History, Info, Kept, Node, Nodes, Presence, PresenceStats,
    Subscribed,
};
use crate::access::Act;
use crate::gateway::caller::audit;
use crate::session::{ChannelName, PageRequest, Refused, SessionAct, Spared, SubscriptionGrant};

/// Bytes of the answers of a batch after which no more of its commands are carried out.
const BATCH_BYTES: usize = 4 << 20;

/// How long a batch may have taken for one more of its commands to be carried out.
const BATCH_TIME: Duration = Duration::from_secs(60);

/// What a method answers with.
pub(super) type Answer = Result<Box<RawValue>, ClientError>;

/// A result as it is sent.
pub(super) fn result(result: &impl Serialize) -> Answer {
    to_raw_value(result).map_err(|_| errors::INTERNAL)
}

impl Calling<'_> {
    /// Does what a method says, and counts that.
    pub(super) async fn call(&self, method: &str, sent: &RawValue) -> Answer {
        let begun = Instant::now();
        let known = METHODS.into_iter().find(|known| *known == method);
        let answer = match known {
            Some(known) => self.carry_out(known, sent).await,
            None => match self.check(&Act::Operate) {
                Ok(()) => Err(errors::METHOD_NOT_FOUND),
                Err(denied) => Err(denied),
            },
        };
        let error = answer.as_ref().err().map(|error| error.code);
        let metrics = &self.context.metrics;
        metrics.called(known.unwrap_or("other"), begun.elapsed(), error);
        answer
    }

    async fn carry_out(&self, method: &'static str, sent: &RawValue) -> Answer {
        match method {
            "publish" => self.publish(sent).await,
            "broadcast" => self.broadcast(sent).await,
            "presence" => self.presence(sent).await,
            "presence_stats" => self.presence_stats(sent).await,
            "history" => self.history(sent).await,
            _ => {
                self.check(&Act::Operate)?;
                let answer = self.operate(method, sent).await;
                let error = answer.as_ref().err().map(|error| error.code);
                audit::called(self.identity, self.client.address, method, error);
                answer
            }
        }
    }

    /// What commands the sessions.
    async fn operate(&self, method: &str, sent: &RawValue) -> Answer {
        match method {
            "subscribe" => self.subscribe(sent).await,
            "unsubscribe" => self.unsubscribe(sent).await,
            "disconnect" => self.disconnect(sent).await,
            "refresh" => self.refresh(sent).await,
            "history_remove" => self.history_remove(sent).await,
            "channels" => self.channels(sent).await,
            "info" => self.info().await,
            "rpc" => Err(errors::NOT_AVAILABLE),
            _ => Err(errors::METHOD_NOT_FOUND),
        }
    }

    /// Does several things, one after the other. With the room for the answer.
    pub(super) async fn batch(&self, sent: &RawValue) -> Result<(Batch, Room), ClientError> {
        let Commands { commands } = read(sent)?;
        let commands = commands.all()?;
        let mut replies = Vec::with_capacity(commands.len());
        let deadline = Instant::now() + BATCH_TIME;
        let mut left = BATCH_BYTES;
        let mut room = Room::of_batch();
        for Command(command) in commands {
            let answered = match command {
                None => Err(errors::METHOD_NOT_FOUND),
                // Whoever asks again for the rest is answered.
                Some(_) if left == 0 => Err(errors::LIMIT_EXCEEDED),
                Some(_) if Instant::now() >= deadline => Err(errors::INTERNAL),
                Some((method, sent)) => {
                    // Each has a time of its own. Cut off, it might be done all the same, after
                    // those behind it.
                    let answer = self.call(method, sent).await;
                    answer.and_then(|result| {
                        let bytes = result.get().len();
                        if only_reads(method) {
                            // At once, so that what was read never keeps what was done from
                            // being told.
                            let added = room.add(self.context, self.client, bytes);
                            added.map_err(|_| errors::TOO_MANY_REQUESTS)?;
                        }
                        left = left.saturating_sub(bytes);
                        Ok(BTreeMap::from([(method, result)]))
                    })
                }
            };
            replies.push(match answered {
                Ok(result) => BatchReply::Result(result),
                Err(error) => BatchReply::Error {
                    error: error.into(),
                },
            });
            // Others are served between two commands.
            tokio::task::yield_now().await;
        }
        Ok((Batch { replies }, room))
    }

    /// Checks that whoever calls may do that.
    pub(super) fn check(&self, act: &Act<'_>) -> Result<(), ClientError> {
        let checked = self.context.check(self.identity, act, self.client.address);
        checked.map_err(|_| errors::PERMISSION_DENIED)
    }

    /// Does something with the sessions that are meant, on whichever nodes they are.
    async fn act(&self, sent: &RawValue, act: &SessionAct) -> Answer {
        let target: Target = read(sent)?;
        let reached = self.context.sessions.act(&target.whose()?, act).await;
        match reached.map_err(refused)?.is_unanswered {
            false => result(&Done {}),
            // A node may not have done it. Whoever asks again does no harm.
            true => Err(errors::INTERNAL),
        }
    }

    async fn subscribe(&self, sent: &RawValue) -> Answer {
        let asked: requests::Subscribe = read(sent)?;
        let name = name(&asked.channel)?;
        let overrides = asked.overrides.map(requests::Override::overrides);
        let grant = SubscriptionGrant {
            info: info(sent)?,
            data: data(sent)?,
            overrides: overrides.unwrap_or_default(),
        };
        let position = asked.recover_since.map(|since| SubscribePosition {
            recover: true,
            offset: since.offset,
            epoch: since.epoch,
            ..SubscribePosition::default()
        });
        let expire_at = (asked.expire_at > 0).then_some(asked.expire_at);
        let act = SessionAct::Subscribe {
            channel: name,
            grant,
            expire_at,
            position,
        };
        self.act(sent, &act).await
    }

    async fn unsubscribe(&self, sent: &RawValue) -> Answer {
        let requests::OfChannel { channel } = read(sent)?;
        let act = SessionAct::Unsubscribe {
            channel: name(&channel)?,
            why: unsubscribes::SERVER,
        };
        self.act(sent, &act).await
    }

    async fn disconnect(&self, sent: &RawValue) -> Answer {
        let asked: requests::Disconnect = read(sent)?;
        let why = match asked.disconnect {
            None => disconnects::FORCE_DISCONNECT,
            Some(requests::Code { code, reason }) => match code {
                3000..=4999 => Disconnect {
                    code,
                    reason: reason.into(),
                },
                _ => return Err(bad_request("`disconnect.code` is from 3000 to 4999")),
            },
        };
        let spared = Spared {
            clients: asked.whitelist.all()?,
            ..Spared::default()
        };
        self.act(sent, &SessionAct::Disconnect { why, spared })
            .await
    }

    async fn refresh(&self, sent: &RawValue) -> Answer {
        let asked: requests::Refresh = read(sent)?;
        let act = match asked.expired {
            true => SessionAct::Disconnect {
                why: disconnects::EXPIRED,
                spared: Spared::default(),
            },
            false => SessionAct::Refresh {
                expire_at: (asked.expire_at > 0).then_some(asked.expire_at),
            },
        };
        self.act(sent, &act).await
    }

    async fn presence(&self, sent: &RawValue) -> Answer {
        let name = self.readable(sent)?;
        let clients = self.context.sessions.presence(&name).await;
        let clients = clients.map_err(refused)?;
        let clients = clients.iter();
        let presence = clients.map(|info| (info.client.clone(), Info::from(&**info)));
        result(&Presence {
            presence: presence.collect(),
        })
    }

    async fn presence_stats(&self, sent: &RawValue) -> Answer {
        let name = self.readable(sent)?;
        let stats = self.context.sessions.presence_stats(&name).await;
        let stats = stats.map_err(refused)?;
        result(&PresenceStats {
            num_clients: stats.clients,
            num_users: stats.users,
        })
    }

    async fn history(&self, sent: &RawValue) -> Answer {
        let asked: requests::History = read(sent)?;
        let name = self.readable(sent)?;
        let since = asked.since.as_ref();
        let request = PageRequest {
            since: since.map(|since| (since.offset, &*since.epoch)),
            // Below 0 all.
            limit: usize::try_from(asked.limit).unwrap_or(usize::MAX),
            reverse: asked.reverse,
        };
        let page = self.context.sessions.history(&name, &request);
        let page = page.await.map_err(refused)?;
        result(&History {
            publications: page.publications.iter().map(Kept::from).collect(),
            epoch: page.top.epoch.to_string(),
            offset: page.top.offset,
        })
    }

    async fn history_remove(&self, sent: &RawValue) -> Answer {
        let requests::OfChannel { channel } = read(sent)?;
        let name = name(&channel)?;
        let removed = self.context.sessions.remove_history(&name);
        removed.await.map_err(refused)?;
        result(&Done {})
    }

    async fn channels(&self, sent: &RawValue) -> Answer {
        let requests::Channels { pattern } = read(sent)?;
        let pattern = (!pattern.is_empty()).then_some(&*pattern);
        let all = self.context.sessions.all_channels(pattern).await;
        if all.is_partial {
            return Err(errors::INTERNAL);
        }
        let channels = all.channels.into_iter();
        let channels = channels.map(|(name, num_clients)| {
            let subscribed = Subscribed { num_clients };
            (name.to_string(), subscribed)
        });
        result(&Channels {
            channels: channels.collect(),
        })
    }

    async fn info(&self) -> Answer {
        let nodes = self.context.sessions.usage_everywhere().await;
        let nodes = nodes.into_iter().map(Node::from);
        result(&Nodes {
            nodes: nodes.collect(),
        })
    }

    /// The channel that is named, if whoever calls may read it.
    fn readable(&self, sent: &RawValue) -> Result<ChannelName, ClientError> {
        let requests::OfChannel { channel } = read(sent)?;
        let name = name(&channel)?;
        self.check(&Act::Read(name.as_str()))?;
        Ok(name)
    }
}

fn name(channel: &str) -> Result<ChannelName, ClientError> {
    ChannelName::new(channel).map_err(|error| bad_request(&error.to_string()))
}

/// What is told of what is not done.
pub(super) fn refused(refused: Refused) -> ClientError {
    match refused {
        Refused::Error(error) => error,
        Refused::Disconnect(_) => errors::INTERNAL,
    }
}
