//! Ending sessions and subscriptions. The connection is closed first, and all else follows:
//! nothing of that can keep a connection open.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use hearken_session_protocol::codes::{Disconnect, Unsubscribe, disconnects, unsubscribes};
use hearken_session_protocol::{Push, PushChannel};

use super::connection::{Active, Connection};
use super::hub::{Hub, Subscriber};
use super::name::ChannelName;
use super::shared::Shared;
use crate::event::host_event::HostEventType;

impl Shared {
    /// Ends a session: the node has it closed with `why`, or the connection is gone.
    pub(super) fn end(self: &Arc<Self>, connection: &Arc<Connection>, why: Option<Disconnect>) {
        match why {
            Some(why) => connection.outbox.end(why),
            None if connection.outbox.has_ended() => {}
            None => connection.outbox.abandon(),
        }
        let Some(ended) = connection.finish() else {
            return;
        };
        let code = connection.end().map(|end| end.code);
        // Who went without a word has no code.
        let code = code.filter(|code| *code != disconnects::CONNECTION_CLOSED.code);
        if let Some(known) = &ended.known {
            self.registry.leave(&connection.client, &known.user);
        }
        self.registry.depart(connection.transport.address);
        for (name, active) in ended.subscriptions {
            self.leave(connection, &name, &active, code, None);
        }
        if let Some(known) = ended.known {
            self.counts
                .ended(connection.transport.variant.framing, code);
            let event_type = HostEventType::SessionDisconnected;
            self.report(event_type, connection, &known.user, None, code);
        }
    }

    /// Ends a session's subscription to a channel and tells the client; whether there was
    /// one. Of `only` if it is given, so that a later one is left alone.
    pub(super) fn unsubscribe(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        name: &ChannelName,
        only: Option<&Arc<Subscriber>>,
        why: &Unsubscribe,
    ) -> bool {
        let channel = PushChannel::Name(name.as_str());
        let push = Push::Unsubscribe(why);
        let told = connection.transport.variant.push(channel, &push);
        let is_ended = self.drop_subscription(connection, name, only, Some(why.code), Some(told));
        if is_ended {
            self.counts.unsubscribed(why.code);
        }
        is_ended
    }

    /// The same, where the client is told by `told`, if at all.
    pub(super) fn drop_subscription(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        name: &ChannelName,
        only: Option<&Arc<Subscriber>>,
        code: Option<u32>,
        told: Option<Bytes>,
    ) -> bool {
        // Until it is out of the hub: the session may subscribe again at once, and the hub
        // knows who is there by the session's id.
        let mut state = connection.lock();
        let is_it = |active: &Active| only.is_none_or(|it| Arc::ptr_eq(it, &active.subscriber));
        let found = state.subscriptions.get(name);
        // What is about to begin is ended too: whoever begins it finds it gone.
        let ends = found.is_some_and(|found| match &found.active {
            Some(active) => is_it(active),
            None => only.is_none(),
        });
        let dropped = ends.then(|| state.subscriptions.remove(name)).flatten();
        let Some(dropped) = dropped else {
            return false;
        };
        match dropped.active {
            Some(active) => self.leave(connection, name, &active, code, told),
            None => {
                if let Some(told) = told {
                    connection.outbox.push(told);
                }
            }
        }
        true
    }

    /// Somebody with a position has missed something.
    pub(super) fn missed(self: &Arc<Self>, hub: &Hub, subscriber: &Arc<Subscriber>) {
        let Some(connection) = self.registry.get(subscriber.client()) else {
            return;
        };
        let is_server_side = {
            let state = connection.lock();
            // One that has begun since may be another's.
            let is_it = |active: &Active| Arc::ptr_eq(&active.subscriber, subscriber);
            let subscription = state.subscriptions.get(hub.name());
            subscription.is_some_and(|subscription| {
                subscription.is_server_side && subscription.active.as_ref().is_some_and(is_it)
            })
        };
        if is_server_side {
            self.end(&connection, Some(disconnects::INSUFFICIENT_STATE));
        } else {
            let why = unsubscribes::INSUFFICIENT_STATE;
            self.unsubscribe(&connection, hub.name(), Some(subscriber), &why);
        }
    }

    /// Takes a subscription, which the session has no more, out of its hub. The session's lock
    /// is held, unless it has ended.
    fn leave(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        name: &ChannelName,
        active: &Active,
        code: Option<u32>,
        told: Option<Bytes>,
    ) {
        let Active {
            hub,
            subscriber,
            info,
            ..
        } = active;
        self.counts.subscriptions.fetch_sub(1, Ordering::Relaxed);
        subscriber.close(told);
        hub.unsubscribe(subscriber);
        self.stir(hub);
        self.release(hub);
        let event_type = HostEventType::SessionUnsubscribed;
        self.report(event_type, connection, &info.user, Some(name), code);
    }
}
