//! Subscriptions that the server makes.

use std::sync::Arc;

use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{SubscribePosition, delta};

use super::connection::{Connection, Known, State};
use super::entering::{Entered, Entering};
use super::grant::SubscriptionGrant;
use super::name::ChannelName;
use super::namespace::DeltaType;
use super::options::Wanted;
use super::place::Place;
use super::refused::Refused;
use super::shared::Shared;
use super::verb::Verbs;

/// A subscription that the server makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerSide<'s> {
    pub(super) name: &'s ChannelName,
    pub(super) place: &'s Place,
    pub(super) grant: &'s SubscriptionGrant,
    /// When it expires, in seconds since the Unix epoch.
    pub(super) expire_at: Option<u64>,
    /// Where the client was, if it was there.
    pub(super) position: Option<&'s SubscribePosition>,
    /// Most bytes of what it has missed there that it is brought.
    pub(super) room: usize,
}

impl Shared {
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
    ) -> Result<Entered, Refused> {
        if state.subscriptions.contains_key(side.name) {
            return Err(errors::ALREADY_SUBSCRIBED.into());
        }
        state.begin(side.name, true);
        let overrides = side.grant.overrides;
        let options = side
            .place
            .options(overrides, Wanted::default(), false, false);
        let position = side.position;
        let wants_delta = position.is_some_and(|position| position.delta == delta::FOSSIL);
        let entering = Entering {
            name: side.name,
            place: side.place,
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
                && side.place.namespace.allows_delta(DeltaType::Fossil),
            room: side.room,
        };
        let entered = self.enter(connection, state, known, entering);
        if entered.is_err() {
            state.subscriptions.remove(side.name);
        }
        entered
    }
}
