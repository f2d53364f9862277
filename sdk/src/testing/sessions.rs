//! The sessions of the fake host.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::sessions::{
    ClientInfo, Except, Grant, HistoryAsked, HistoryPage, HistoryPosition, PresenceStats,
    Publication, Reached, SessionsError, To,
};

/// The epoch of all histories of the fake host.
const EPOCH: &str = "test";

/// What a plugin has done with sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionAct {
    /// It has sent them something.
    Send {
        /// To whom.
        to: To,
        /// JSON.
        data: Vec<u8>,
        /// But not to these.
        except: Option<Except>,
    },
    /// It has subscribed them.
    Subscribe {
        /// Whom.
        whose: To,
        /// The channel.
        channel: String,
        /// What the subscription is like.
        grant: Grant,
        /// When it expires, in seconds since the Unix epoch.
        expire_at: Option<u64>,
    },
    /// It has ended their subscriptions.
    Unsubscribe {
        /// Whose.
        whose: To,
        /// The channel.
        channel: String,
    },
    /// It has closed them.
    Disconnect {
        /// Whose.
        whose: To,
        /// The code.
        code: u32,
        /// The reason.
        reason: String,
    },
    /// It has put off when they expire.
    Refresh {
        /// Whose.
        whose: To,
        /// In seconds since the Unix epoch.
        expire_at: Option<u64>,
    },
}

/// All that the fake host knows of sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    pub acts: Vec<SessionAct>,
    pub refusals: VecDeque<SessionsError>,
    channels: BTreeMap<String, Channel>,
}

#[derive(Debug, Default)]
struct Channel {
    present: Vec<ClientInfo>,
    publications: Vec<Publication>,
}

impl Sessions {
    pub fn make(
        &mut self,
        name: String,
        present: Vec<ClientInfo>,
        mut publications: Vec<Publication>,
    ) {
        for (offset, publication) in (1..).zip(&mut publications) {
            publication.offset = offset;
        }
        let channel = Channel {
            present,
            publications,
        };
        self.channels.insert(name, channel);
    }

    pub fn has(&self, channel: &str) -> bool {
        self.channels.contains_key(channel)
    }

    pub fn act(&mut self, act: SessionAct) -> Result<Reached, SessionsError> {
        self.refuse()?;
        self.acts.push(act);
        Ok(Reached {
            nodes: 1,
            sessions: 1,
            partial: false,
        })
    }

    pub fn presence(&mut self, channel: &str) -> Result<Vec<ClientInfo>, SessionsError> {
        Ok(self.channel(channel)?.present.clone())
    }

    pub fn presence_stats(&mut self, channel: &str) -> Result<PresenceStats, SessionsError> {
        let present = &self.channel(channel)?.present;
        let users: BTreeSet<&str> = present.iter().map(|info| info.user.as_str()).collect();
        Ok(PresenceStats {
            clients: present.len() as u64,
            users: users.len() as u64,
        })
    }

    pub fn history(
        &mut self,
        channel: &str,
        asked: &HistoryAsked,
    ) -> Result<HistoryPage, SessionsError> {
        let kept = &self.channel(channel)?.publications;
        let since = asked.since.as_ref();
        if since.is_some_and(|since| since.epoch != EPOCH) {
            return Err(SessionsError::AnotherEpoch);
        }
        let offset = since.map(|since| since.offset);
        let mut publications: Vec<Publication> = match asked.reverse {
            false => kept
                .iter()
                .filter(|it| offset.is_none_or(|offset| it.offset > offset))
                .cloned()
                .collect(),
            true => kept
                .iter()
                .rev()
                .filter(|it| offset.is_none_or(|offset| it.offset < offset))
                .cloned()
                .collect(),
        };
        publications.truncate(usize::try_from(asked.limit).unwrap_or(usize::MAX));
        Ok(HistoryPage {
            publications,
            top: HistoryPosition {
                epoch: EPOCH.to_owned(),
                offset: kept.len() as u64,
            },
        })
    }

    fn channel(&mut self, name: &str) -> Result<&Channel, SessionsError> {
        self.refuse()?;
        self.channels.get(name).ok_or(SessionsError::UnknownChannel)
    }

    fn refuse(&mut self) -> Result<(), SessionsError> {
        self.refusals.pop_front().map_or(Ok(()), Err)
    }
}
