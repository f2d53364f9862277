//! Asking plugins for how long something goes on that expires, where clients have no token to
//! show for that.

use std::sync::Arc;

use hearken_session_protocol::codes::{disconnects, errors, unsubscribes};

use super::connection::{Active, Connection, Known};
use super::hooks::{AboutSession, RefreshAnswer, in_time};
use super::hub::Subscriber;
use super::name::ChannelName;
use super::namespaces::Resolved;
use super::refused::Refused;
use super::shared::Shared;

/// The subscription has ended meanwhile.
struct Gone;

impl Shared {
    /// Asks whether a session goes on that has expired; ends it if not.
    pub(super) fn renew_session(self: &Arc<Self>, connection: &Arc<Connection>) {
        let (shared, connection) = (Arc::clone(self), Arc::clone(connection));
        let renew = async move {
            let renewed = shared.ask_for_session(&connection).await;
            let end = match renewed.and_then(|answer| shared.go_on(&connection, answer)) {
                Ok(()) => return shared.remind(&connection),
                Err(Refused::Disconnect(end)) => end,
                Err(Refused::Error(_)) => disconnects::EXPIRED,
            };
            shared.end(&connection, Some(end));
        };
        self.tasks.carry_out(renew);
    }

    async fn ask_for_session(&self, connection: &Connection) -> Result<RefreshAnswer, Refused> {
        let gone = || Refused::from(disconnects::EXPIRED);
        let _turn = self.renewals.acquire().await.map_err(|_| gone())?;
        let known = connection.known().ok_or_else(gone)?;
        let in_use = self.in_use();
        let plugin = in_use.settings.refresh.as_deref().ok_or_else(gone)?;
        let asked = self.hooks.refresh(plugin, about(connection, &known), None);
        in_time(asked, disconnects::EXPIRED).await?.ok_or_else(gone)
    }

    /// A session goes on.
    fn go_on(&self, connection: &Connection, answer: RefreshAnswer) -> Result<(), Refused> {
        let ttl = self.ttl(answer.expire_at)?;
        let mut state = connection.lock();
        let Some(known) = &state.known else {
            return Err(disconnects::CONNECTION_CLOSED.into());
        };
        let known = Known {
            expire_at: answer.expire_at,
            info: answer.info.or_else(|| known.info.clone()),
            ..Known::clone(known)
        };
        state.known = Some(Arc::new(known));
        state.renewing = false;
        state.timers.expiry = ttl.map(|ttl| self.over(ttl, true));
        Ok(())
    }

    /// Asks whether the subscription of this subscriber goes on, which has expired; ends it if
    /// not.
    pub(super) fn renew_subscription(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        name: ChannelName,
        subscriber: Arc<Subscriber>,
    ) {
        let (shared, connection) = (Arc::clone(self), Arc::clone(connection));
        let renew = async move {
            let renewed = shared.ask_for_subscription(&connection, &name).await;
            let renewed = match renewed {
                Ok(answer) => shared.keep_subscription(&connection, &name, &subscriber, answer),
                Err(refused) => Ok(Err(refused)),
            };
            match renewed {
                Err(Gone) => {}
                Ok(Ok(())) => shared.remind(&connection),
                Ok(Err(Refused::Disconnect(end))) => shared.end(&connection, Some(end)),
                Ok(Err(Refused::Error(_))) => {
                    let why = &unsubscribes::EXPIRED;
                    shared.unsubscribe(&connection, &name, Some(&subscriber), why);
                }
            }
        };
        self.tasks.carry_out(renew);
    }

    async fn ask_for_subscription(
        &self,
        connection: &Connection,
        name: &ChannelName,
    ) -> Result<RefreshAnswer, Refused> {
        let over = || Refused::from(errors::EXPIRED);
        let _turn = self.renewals.acquire().await.map_err(|_| over())?;
        let known = connection.known().ok_or_else(over)?;
        let in_use = self.in_use();
        let Resolved::Namespace(namespace) = self.resolve(&in_use, name) else {
            return Err(over());
        };
        let (authorize, hooks) = (namespace.authorize.as_ref(), namespace.hooks.as_ref());
        let hooks = hooks.filter(|hooks| authorize != Some(*hooks));
        let mut renewed: Option<RefreshAnswer> = None;
        for plugin in authorize.into_iter().chain(hooks) {
            let about = about(connection, &known);
            let asked = self.hooks.sub_refresh(plugin, about, name);
            if let Some(answer) = in_time(asked, errors::EXPIRED).await? {
                renewed = Some(match renewed {
                    Some(other) => other.narrowed(answer),
                    None => answer,
                });
            }
        }
        renewed.ok_or_else(over)
    }

    fn keep_subscription(
        &self,
        connection: &Connection,
        name: &ChannelName,
        subscriber: &Arc<Subscriber>,
        answer: RefreshAnswer,
    ) -> Result<Result<(), Refused>, Gone> {
        let ttl = match self.ttl(answer.expire_at) {
            Ok(ttl) => ttl,
            Err(over) => return Ok(Err(over)),
        };
        let mut state = connection.lock();
        let begun = state.subscriptions.get_mut(name);
        let active = begun.and_then(|begun| begun.active.as_mut());
        let is_it = |active: &&mut Active| Arc::ptr_eq(&active.subscriber, subscriber);
        let active = active.filter(is_it).ok_or(Gone)?;
        active.renewing = false;
        active.expire_at = answer.expire_at;
        active.show(answer.info);
        if let Some(ttl) = ttl {
            let over = self.over(ttl, true);
            state.subscription_expires(over);
        }
        Ok(Ok(()))
    }
}

fn about<'a>(connection: &'a Connection, known: &'a Known) -> AboutSession<'a> {
    AboutSession {
        client: &connection.client,
        user: &known.user,
        meta: known.meta.as_ref(),
    }
}
