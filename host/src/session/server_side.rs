//! Subscriptions that the server makes.

use std::sync::Arc;

use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{SubscribePosition, SubscribeResult, delta};

use super::connection::{Connection, Known, State};
use super::entering::Entering;
use super::grant::SubscriptionGrant;
use super::hub::Subscriber;
use super::in_use::InUse;
use super::name::ChannelName;
use super::namespace::{DeltaType, Namespace};
use super::namespaces::Resolved;
use super::options::{SubscriptionOptions, Wanted};
use super::refused::{Refused, bad_request};
use super::shared::Shared;
use super::verb::Verbs;

/// A subscription that the server makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerSide<'s> {
    pub(super) name: &'s ChannelName,
    pub(super) namespace: &'s Namespace,
    pub(super) grant: &'s SubscriptionGrant,
    /// When it expires, in seconds since the Unix epoch.
    pub(super) expire_at: Option<u64>,
    /// Where the client was, if it was there.
    pub(super) position: Option<&'s SubscribePosition>,
}

impl Shared {
    /// The namespace of a channel that a session can be subscribed to.
    ///
    /// # Errors
    /// Why it cannot.
    pub(super) fn namespace(
        &self,
        in_use: &InUse,
        name: &ChannelName,
    ) -> Result<Arc<Namespace>, Refused> {
        match self.resolve(in_use, name) {
            Resolved::Namespace(namespace) => {
                namespace.check_name(name).map_err(bad_request)?;
                match namespace.durable {
                    true => Err(errors::NOT_AVAILABLE.into()),
                    false => Ok(namespace),
                }
            }
            Resolved::NoPattern(error) => Err(bad_request(error).into()),
            Resolved::Unknown => Err(errors::UNKNOWN_CHANNEL.into()),
            Resolved::Durable | Resolved::Subject(_) | Resolved::Events(_) => {
                Err(errors::NOT_AVAILABLE.into())
            }
        }
    }

    /// Subscribes a session. The client is yet to be told, and the subscriber to be opened
    /// then.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn enter_server_side(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        state: &mut State,
        known: &Known,
        side: ServerSide<'_>,
    ) -> Result<(Arc<Subscriber>, SubscribeResult), Refused> {
        if state.subscriptions.contains_key(side.name) {
            return Err(errors::ALREADY_SUBSCRIBED.into());
        }
        state.begin(side.name, true);
        let overrides = side.grant.overrides;
        let options =
            SubscriptionOptions::of(side.namespace, overrides, Wanted::default(), false, false);
        let position = side.position;
        let wants_delta = position.is_some_and(|position| position.delta == delta::FOSSIL);
        let entering = Entering {
            name: side.name,
            namespace: side.namespace,
            options,
            grant: side.grant.clone(),
            expire_at: side.expire_at,
            renewed_by_plugin: false,
            allow: Verbs::default(),
            recovers: position
                .filter(|position| position.recover)
                .map(|position| (position.offset, &*position.epoch)),
            rejects_unrecovered: false,
            filter: None,
            numbered: false,
            delta: wants_delta
                && options.positioned
                && side.namespace.allows_delta(DeltaType::Fossil),
        };
        let entered = self.enter(connection, state, known, entering);
        if entered.is_err() {
            state.subscriptions.remove(side.name);
        }
        entered
    }
}
