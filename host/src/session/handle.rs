//! The handle of a session that its transport has: commands go in, and frames come out of its
//! outbox.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hearken_session_protocol::codes::{disconnects, errors};
use hearken_session_protocol::{
    Answer, ClientError, Command, ConnectResult, DecodeLimits, Disconnect, Reply, Request,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::connection::{Connection, Known, Phase};
use super::counts::Method;
use super::hooks::AboutSession;
use super::name::ChannelName;
use super::namespaces::Resolved;
use super::outbox::Outbox;
use super::permission::{Asked, Decision, Denial, decide};
use super::refused::{Refused, bad_request};
use super::shared::Shared;
use super::together::Commands;
use super::verb::{Verb, Verbs};
use crate::event::json;

/// Commands in a row that may come too fast before the session is closed.
const MAX_TOO_FAST: u32 = 16;

/// Milliseconds that a command takes which keeps what comes behind it waiting.
const WAITED: u64 = 500;

/// A session, until its transport drops it: then the connection is gone.
pub struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) connection: Arc<Connection>,
}

/// Subscriptions of a message that are carried out together. Each may wait for other nodes, and a
/// client waits 5 s for each of its answers.
const MAX_CONCURRENT: usize = 32;

/// Whether a session goes on after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It does.
    Continue,
    /// It has ended: what its outbox still has is written, and the connection closed.
    End,
}

impl Session {
    /// What a client may send at once, in messages of up to so many bytes: its data becomes
    /// that of events, and is nested no deeper than theirs may be.
    #[must_use]
    pub fn decode_limits(message: usize) -> DecodeLimits {
        DecodeLimits {
            message,
            depth: json::MAX_DEPTH,
            ..DecodeLimits::default()
        }
    }

    /// Its id.
    #[must_use]
    pub fn client(&self) -> &Arc<str> {
        &self.connection.client
    }

    /// By which its commands are known where they come apart from it.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        self.connection.secret.as_deref()
    }

    /// What it is sent.
    #[must_use]
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.connection.outbox
    }

    /// A message of its client has come, of so many bytes: commands that are given from now on
    /// are of that one.
    pub fn came(&self, bytes: usize) {
        self.shared.counts.received.add(1, bytes);
        self.connection.lock().lateness.came();
    }

    /// Until when a command waits for other nodes that may wait for so long since it was sent.
    pub(super) fn waits_until(&self, longest: Duration) -> Instant {
        self.connection.lock().lateness.until(longest)
    }

    /// Whether commands before, of which this one comes at once behind, have waited in vain.
    pub(super) fn has_waited_in_vain(&self) -> bool {
        self.connection.lock().lateness.has_waited_in_vain()
    }

    /// A command was refused, from that time on for want of an answer of another node.
    pub(super) fn note_refused(&self, until: Instant) {
        if Instant::now() >= until {
            self.connection.lock().lateness.waited_in_vain();
        }
    }

    /// These frames are sent to its client.
    pub fn count_sent(&self, frames: &[Bytes]) {
        let bytes = frames.iter().map(Bytes::len).sum();
        self.shared.counts.sent.add(frames.len(), bytes);
    }

    /// Carries out commands. They are given one after the other, in the order in which they
    /// came.
    pub async fn handle(&self, commands: impl Into<Commands>) -> Next {
        if self.connection.outbox.has_ended() {
            return Next::End;
        }
        let waited = &self.connection.waited;
        let (begun, before) = (
            self.shared.wheel.now(),
            waited.swap(u64::MAX, Ordering::Relaxed),
        );
        let outcome = self.carry_out_all(commands.into()).await;
        let now = self.shared.wheel.now();
        let has_waited = now.saturating_sub(begun) >= WAITED;
        waited.store(if has_waited { now } else { before }, Ordering::Relaxed);
        if let Err(disconnect) = outcome {
            self.shared.end(&self.connection, Some(disconnect));
        }
        match self.connection.outbox.has_ended() {
            true => Next::End,
            false => Next::Continue,
        }
    }

    /// Ends it before it has begun: nobody knows of it, and it takes no place.
    pub(super) fn end_unbegun(&self, why: Disconnect) {
        self.connection.outbox.end(why);
        self.connection.finish();
    }

    /// Ends it because of what its client or its transport did.
    pub fn disconnect(&self, why: Disconnect) {
        self.shared.end(&self.connection, Some(why));
    }

    async fn carry_out_all(&self, commands: Commands) -> Result<(), Disconnect> {
        let Commands {
            first,
            subscriptions,
        } = commands;
        if subscriptions.is_empty() {
            return self.carry_out(first, None).await;
        }
        // A plugin that has to say something of each is asked for one after the other: its time
        // to answer begins when it is asked.
        let asking = Semaphore::new(1);
        let all = std::iter::once(first).chain(subscriptions);
        let all = all.map(|command| self.carry_out(command, Some(&asking)));
        let mut outcomes = stream::iter(all).buffer_unordered(MAX_CONCURRENT);
        while let Some(outcome) = outcomes.next().await {
            outcome?;
        }
        Ok(())
    }

    async fn carry_out(
        &self,
        command: Command,
        asking: Option<&Semaphore>,
    ) -> Result<(), Disconnect> {
        let Command { id, request } = command;
        let method = Method::of(&request);
        let begun = Instant::now();
        let answered = self.answer(id, request, asking).await;
        if let Some(method) = method {
            let counts = &self.shared.counts;
            counts.carried_out(method, begun.elapsed());
            if let Err(Refused::Error(error)) = &answered {
                counts.failed(method, error.code);
            }
        }
        let outcome = match answered {
            Ok(None) => return Ok(()),
            Ok(Some(answer)) => Ok(answer),
            // Who only listens is told of nothing else.
            Err(Refused::Error(error)) if self.connection.transport.only_listens() => {
                return Err(ended_by(&error));
            }
            Err(Refused::Error(error)) => Err(error),
            Err(Refused::Disconnect(disconnect)) => return Err(disconnect),
        };
        if id != 0 {
            self.reply(id, outcome);
        }
        Ok(())
    }

    /// What a command is answered with, unless it was already or is not at all.
    async fn answer(
        &self,
        id: u32,
        request: Request,
        asking: Option<&Semaphore>,
    ) -> Result<Option<Answer>, Refused> {
        let request = match request {
            Request::Pong => return self.pong().map(|()| None),
            Request::Connect(request) => {
                return self.connect(id, request).await.map(|()| None);
            }
            request => request,
        };
        let known = self.connected()?;
        self.check_pace()?;
        match request {
            Request::Pong | Request::Connect(_) => Ok(None),
            Request::Subscribe(request) => {
                let subscribed = self.subscribe(&known, id, request, asking).await;
                subscribed.map(|()| None)
            }
            Request::Unsubscribe(request) => self.unsubscribe(&request).map(Some),
            Request::Publish(request) => self.publish(&known, request).await.map(Some),
            Request::Presence(request) => self.presence(&known, &request).await.map(Some),
            Request::PresenceStats(request) => {
                let stats = self.presence_stats(&known, &request).await;
                stats.map(Some)
            }
            Request::History(request) => self.history(&known, &request).await.map(Some),
            Request::Rpc(request) => self.rpc(&known, request).await.map(Some),
            Request::Send(request) => self.send(&known, request).map(|()| None),
            Request::Refresh(request) => self.refresh(&known, request).await.map(Some),
            Request::SubRefresh(request) => self.sub_refresh(&known, request).await.map(Some),
            Request::None => Err(errors::METHOD_NOT_FOUND.into()),
        }
    }

    /// Sends a reply. One that is larger than all that may wait is not sent.
    pub(super) fn reply(&self, id: u32, outcome: Result<Answer, ClientError>) {
        let variant = self.connection.transport.variant;
        let frame = variant.reply(&Reply { id, outcome });
        let outbox = &self.connection.outbox;
        if outbox.takes(frame.len()) {
            outbox.push(frame);
        } else {
            let outcome = Err(errors::LIMIT_EXCEEDED);
            outbox.push(variant.reply(&Reply { id, outcome }));
        }
    }

    /// A reply to a connect command, ready to be sent.
    pub(super) fn connect_reply(&self, id: u32, result: ConnectResult) -> Bytes {
        let outcome = Ok(Answer::Connect(result));
        self.connection
            .transport
            .variant
            .reply(&Reply { id, outcome })
    }

    /// Who it is.
    ///
    /// # Errors
    /// [`disconnects::BAD_REQUEST`] when it is not connected.
    fn connected(&self) -> Result<Arc<Known>, Refused> {
        let state = self.connection.lock();
        match &state.known {
            Some(known) if state.phase == Phase::Connected => Ok(Arc::clone(known)),
            _ => Err(disconnects::BAD_REQUEST.into()),
        }
    }

    /// The client says that it is still there.
    fn pong(&self) -> Result<(), Refused> {
        let due = self.connection.lock().timers.pong.take();
        let due = due.ok_or(disconnects::BAD_REQUEST)?;
        // It was asked so long before it is due.
        let given = self.shared.in_use().settings.pong_timeout;
        let left = due.saturating_sub(self.shared.wheel.now());
        let took = given.saturating_sub(Duration::from_millis(left));
        self.shared.counts.pongs.add(took);
        Ok(())
    }

    fn check_pace(&self) -> Result<(), Refused> {
        let Some(rate) = self.shared.in_use().settings.rate else {
            return Ok(());
        };
        let mut state = self.connection.lock();
        if state.pace.take(rate) {
            state.too_fast = 0;
            return Ok(());
        }
        state.too_fast += 1;
        if state.too_fast > MAX_TOO_FAST {
            return Err(disconnects::TOO_MANY_REQUESTS.into());
        }
        Err(errors::TOO_MANY_REQUESTS.into())
    }

    /// The channel that a command names.
    ///
    /// # Errors
    /// When it names none.
    pub(super) fn channel(&self, name: &str) -> Result<ChannelName, Refused> {
        if name.is_empty() {
            return Err(disconnects::BAD_REQUEST.into());
        }
        ChannelName::new(name).map_err(|error| bad_request(error).into())
    }

    /// Whether the session may do that with the channel.
    pub(super) fn decide<'a>(
        &self,
        known: &'a Known,
        verb: Verb,
        name: &'a ChannelName,
        resolved: &'a Resolved<'a>,
        has_token: bool,
    ) -> Decision<'a> {
        let (is_subscribed, allow) = {
            let state = self.connection.lock();
            let active = state.active(name);
            let allow = active.map_or_else(Verbs::default, |active| active.allow);
            (active.is_some(), allow)
        };
        let decision = decide(&Asked {
            verb,
            name,
            resolved,
            user: &known.user,
            has_token,
            allow,
            capabilities: &known.capabilities,
            rights: known.identity.rights(),
            is_subscribed,
        });
        match decision {
            // Declared channels are known once the logs are open.
            Decision::Deny(Denial::UnknownChannel) if !self.shared.channels.is_open() => {
                Decision::Deny(Denial::NotKnownYet)
            }
            decision => decision,
        }
    }

    /// Checks that the session may do that with the channel, where no plugin is asked.
    pub(super) fn check(
        &self,
        known: &Known,
        verb: Verb,
        name: &ChannelName,
        resolved: &Resolved<'_>,
    ) -> Result<(), Refused> {
        match self.decide(known, verb, name, resolved, false) {
            Decision::Allow { .. } => Ok(()),
            Decision::Ask { .. } => Err(errors::PERMISSION_DENIED.into()),
            Decision::Deny(denial) => Err(denial.into()),
        }
    }

    /// What plugins are told of it.
    pub(super) fn about<'a>(&'a self, known: &'a Known) -> AboutSession<'a> {
        AboutSession {
            client: &self.connection.client,
            user: &known.user,
            meta: known.meta.as_ref(),
        }
    }
}

/// What a session is closed with that only listens, where others are told of an error.
fn ended_by(error: &ClientError) -> Disconnect {
    match error {
        error if error.code == errors::TOKEN_EXPIRED.code => disconnects::EXPIRED,
        error if error.code == errors::EXPIRED.code => disconnects::EXPIRED,
        error if error.code == errors::PERMISSION_DENIED.code => disconnects::PERMISSION_DENIED,
        error if error.code == errors::NOT_AVAILABLE.code => disconnects::NOT_AVAILABLE,
        error if error.code == errors::TOO_MANY_REQUESTS.code => disconnects::TOO_MANY_REQUESTS,
        error if error.temporary => disconnects::SERVER_ERROR,
        _ => disconnects::BAD_REQUEST,
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.end(&self.connection, None);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}
