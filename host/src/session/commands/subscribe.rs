//! Subscribing and unsubscribing.

use std::time::Duration;

use hearken_session_protocol::codes::{disconnects, errors};
use hearken_session_protocol::filter::Filter;
use hearken_session_protocol::{
    Answer, Encoding, Reply, SubscribeRequest, UnsubscribeRequest, delta,
};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use crate::access::Unauthenticated;
use crate::session::across::Needs;
use crate::session::claims::SubscriptionClaims;
use crate::session::connection::{Known, Subscription};
use crate::session::entering::Entering;
use crate::session::grant::SubscriptionGrant;
use crate::session::handle::Session;
use crate::session::hooks::in_time;
use crate::session::name::ChannelName;
use crate::session::namespace::{DeltaType, Namespace};
use crate::session::namespaces::Resolved;
use crate::session::options::Wanted;
use crate::session::permission::{Asked, Decision, decide};
use crate::session::refused::{Refused, bad_request};
use crate::session::source::Source;
use crate::session::verb::{Verb, Verbs};

/// How long the subscriptions of one message wait for other nodes, all together: a client waits
/// 5 s for each of the answers, and gives the connection up when one does not come.
const PEERS_TIMEOUT: Duration = Duration::from_secs(3);

/// What was found out of somebody who may subscribe.
#[derive(Default)]
struct Permitted {
    grant: SubscriptionGrant,
    expire_at: Option<u64>,
    /// Whether a plugin says for how long it goes on, once that is over.
    renewed_by_plugin: bool,
    allow: Verbs,
}

impl Session {
    /// Subscribes it; it is answered if that succeeds.
    pub(in crate::session) async fn subscribe(
        &self,
        known: &Known,
        id: u32,
        request: SubscribeRequest,
        asking: Option<&Semaphore>,
    ) -> Result<(), Refused> {
        let name = self.channel(&request.channel)?;
        if request.kind != 0 {
            return Err(errors::NOT_AVAILABLE.into());
        }
        let number = self.begin_subscription(&name)?;
        let subscribed = self
            .subscribe_begun(known, (id, number), &name, request, asking)
            .await;
        if subscribed.is_err() {
            self.give_up(&name, number);
        }
        subscribed
    }

    /// Unsubscribes it. Nothing of the channel comes after the answer.
    pub(in crate::session) fn unsubscribe(
        &self,
        request: &UnsubscribeRequest,
    ) -> Result<Answer, Refused> {
        let name = self.channel(&request.channel)?;
        // Whoever was not subscribed is not either.
        self.shared
            .drop_subscription(&self.connection, &name, None, None, None);
        Ok(Answer::Unsubscribe)
    }

    /// Enters that it is about to be subscribed, under a number.
    fn begin_subscription(&self, name: &ChannelName) -> Result<u64, Refused> {
        let limit = self.shared.in_use().settings.channel_limit;
        let mut state = self.connection.lock();
        if state.subscriptions.contains_key(name) {
            return Err(errors::ALREADY_SUBSCRIBED.into());
        }
        if state.subscriptions.len() >= limit {
            return Err(errors::LIMIT_EXCEEDED.into());
        }
        Ok(state.begin(name, false))
    }

    /// Takes out what was begun, unless another has begun since.
    fn give_up(&self, name: &ChannelName, number: u64) {
        let mut state = self.connection.lock();
        let is_it = |begun: &Subscription| begun.number == number;
        if state.subscriptions.get(name).is_some_and(is_it) {
            state.subscriptions.remove(name);
        }
    }

    async fn subscribe_begun(
        &self,
        known: &Known,
        (id, number): (u32, u64),
        name: &ChannelName,
        request: SubscribeRequest,
        asking: Option<&Semaphore>,
    ) -> Result<(), Refused> {
        let permitted = self.permit(known, name, &request, asking).await?;
        let in_use = self.shared.in_use();
        let until = self.waits_until(PEERS_TIMEOUT);
        let place = timeout_at(until, self.shared.place(&in_use, name));
        let Ok(place) = place.await else {
            // The node that has it does not answer.
            self.note_refused(until);
            return Err(errors::INTERNAL.into());
        };
        let place = place?;
        let namespace = &place.namespace;
        let wanted = Wanted {
            positioned: request.positioned,
            recoverable: request.recoverable || request.recover,
            join_leave: request.join_leave,
        };
        let resolved = self.shared.resolve(&in_use, name);
        let may = |verb| self.may_once_subscribed(known, verb, name, &resolved, permitted.allow);
        let options = place.options(
            permitted.grant.overrides,
            wanted,
            may(Verb::History),
            may(Verb::Presence),
        );
        let delta = request.delta == delta::FOSSIL
            && options.positioned
            && namespace.allows_delta(DeltaType::Fossil);
        // With protobuf the library `centrifuge` for JavaScript (5.8) does not find a channel by
        // its number, which it has as an object then, and drops what comes.
        let is_json = self.connection.transport.variant.encoding == Encoding::Json;
        let asks_for_number = request.flag & SubscribeRequest::COMPACTION != 0;
        let mut entering = Entering {
            name,
            place: &place,
            options,
            filter: filter(&request, namespace, delta)?,
            grant: permitted.grant,
            expire_at: permitted.expire_at,
            renewed_by_plugin: permitted.renewed_by_plugin,
            allow: permitted.allow,
            recovers: request.recover.then_some((request.offset, &*request.epoch)),
            rejects_unrecovered: request.flag & SubscribeRequest::REJECT_UNRECOVERED != 0,
            numbered: asks_for_number && is_json,
            delta,
            room: 0,
        };
        let _foretold = self.shared.foretell(name, &place, until).await;
        let needs = match request.recover {
            true => Needs::Position(request.offset, &request.epoch),
            false => Needs::Some,
        };
        let settled = self.shared.settle_place(name, &place, needs, until).await;
        if settled.is_err() {
            self.note_refused(until);
        }
        settled?;
        if entering.recovers.is_some() && matches!(place.source, Source::Publishers) {
            // What the subscriptions before it were brought would leave no room for what this
            // one has missed.
            let _ = timeout_at(until, self.connection.outbox.written()).await;
        }
        {
            let mut state = self.connection.lock();
            let is_it = |begun: &Subscription| begun.number == number;
            if !state.subscriptions.get(name).is_some_and(is_it) {
                // It was unsubscribed meanwhile, or the connection is gone.
                return Err(errors::INTERNAL.into());
            }
            entering.room = self.connection.outbox.room_to_recover();
            let entered = self
                .shared
                .enter(&self.connection, &mut state, known, entering)?;
            let outcome = Ok(Answer::Subscribe(entered.result));
            let variant = self.connection.transport.variant;
            let told = variant.reply(&Reply { id, outcome });
            if !self.connection.outbox.takes(told.len()) {
                // It would be closed, come back, and be closed again.
                drop(state);
                let (shared, it) = (&self.shared, Some(&entered.subscriber));
                shared.drop_subscription(&self.connection, name, it, None, None);
                return Err(errors::LIMIT_EXCEEDED.into());
            }
            self.shared
                .open(&entered.hub, &entered.subscriber, Some(told));
        }
        self.shared.remind(&self.connection);
        Ok(())
    }

    /// Finds out whether it may subscribe.
    async fn permit(
        &self,
        known: &Known,
        name: &ChannelName,
        request: &SubscribeRequest,
        asking: Option<&Semaphore>,
    ) -> Result<Permitted, Refused> {
        let mut permitted = Permitted::default();
        let has_token = !request.token.is_empty();
        if has_token {
            let claims = self.subscription_claims(&request.token).await?;
            let checked = claims.check(name.as_str(), &known.user, &self.connection.client);
            checked.map_err(|_| disconnects::INVALID_TOKEN)?;
            permitted = Permitted {
                grant: claims.grant,
                expire_at: claims.expire_at,
                renewed_by_plugin: false,
                allow: claims.allow,
            };
        }
        let in_use = self.shared.in_use();
        let resolved = self.shared.resolve(&in_use, name);
        let decision = self.decide(known, Verb::Subscribe, name, &resolved, has_token);
        let (asked, hooks) = decision.plugins()?;
        for plugin in asked.into_iter().chain(hooks) {
            let about = self.about(known);
            let _turn = match asking {
                Some(asking) => asking.acquire().await.ok(),
                None => None,
            };
            let answer = self
                .shared
                .hooks
                .subscribe(plugin, about, name, &request.data);
            let Some(answer) = in_time(answer, errors::INTERNAL).await? else {
                match asked == Some(plugin) {
                    // Who decides has to say so.
                    true => return Err(errors::PERMISSION_DENIED.into()),
                    false => continue,
                }
            };
            permitted.renewed_by_plugin |= !has_token && answer.expire_at.is_some();
            permitted.grant.info = answer.grant.info.or(permitted.grant.info);
            permitted.grant.data = answer.grant.data.or(permitted.grant.data);
            permitted.grant.overrides = if asked == Some(plugin) {
                answer.grant.overrides
            } else {
                permitted.grant.overrides
            };
            permitted.expire_at = match (permitted.expire_at, answer.expire_at) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        Ok(permitted)
    }

    /// What a subscription token says.
    pub(in crate::session) async fn subscription_claims(
        &self,
        token: &str,
    ) -> Result<SubscriptionClaims, Refused> {
        let in_use = self.shared.in_use();
        let Some(issuer) = &in_use.settings.token else {
            return Err(errors::PERMISSION_DENIED.into());
        };
        let verified = self.shared.access.verify(issuer, token).await;
        let verified = verified.map_err(|error| match error {
            Unauthenticated::TokenExpired => errors::TOKEN_EXPIRED,
            Unauthenticated::KeysUnavailable => errors::INTERNAL,
            _ => errors::PERMISSION_DENIED,
        })?;
        let claims = SubscriptionClaims::read(&verified.claims);
        claims.map_err(|_| errors::PERMISSION_DENIED.into())
    }

    /// Whether it may do that once it is subscribed.
    fn may_once_subscribed(
        &self,
        known: &Known,
        verb: Verb,
        name: &ChannelName,
        resolved: &Resolved<'_>,
        allow: Verbs,
    ) -> bool {
        let asked = Asked {
            verb,
            name,
            resolved,
            user: &known.user,
            has_token: false,
            allow,
            capabilities: &known.capabilities,
            rights: known.identity.rights(),
            is_subscribed: true,
        };
        let decision = decide(&asked);
        matches!(decision, Decision::Allow { .. })
    }
}

/// The filter that is asked for.
fn filter(
    request: &SubscribeRequest,
    namespace: &Namespace,
    delta: bool,
) -> Result<Option<Filter>, Refused> {
    let Some(node) = &request.tags_filter else {
        return Ok(None);
    };
    if !namespace.allow_tags_filter {
        return Err(bad_request("the namespace has no `allow_tags_filter`").into());
    }
    if delta {
        return Err(bad_request("a filter and deltas do not go together").into());
    }
    let filter = Filter::new((**node).clone()).map_err(bad_request)?;
    Ok(Some(filter))
}
