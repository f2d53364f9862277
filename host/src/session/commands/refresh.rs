//! Putting off the end of a session or a subscription, with another token.

use std::collections::BTreeSet;
use std::sync::Arc;

use hearken_session_protocol::codes::{disconnects, errors, unsubscribes};
use hearken_session_protocol::{
    Answer, RefreshRequest, RefreshResult, SubRefreshRequest, SubRefreshResult,
};

use super::connect::{Shown, VERSION};
use crate::session::connection::Known;
use crate::session::handle::Session;
use crate::session::hooks::{RefreshAnswer, in_time};
use crate::session::name::ChannelName;
use crate::session::namespaces::Resolved;
use crate::session::refused::{Refused, bad_request};

impl Session {
    /// Takes another connection token.
    pub(in crate::session) async fn refresh(
        &self,
        known: &Known,
        request: RefreshRequest,
    ) -> Result<Answer, Refused> {
        if request.token.is_empty() {
            return Err(bad_request("a refresh needs a token").into());
        }
        let in_use = self.shared.in_use();
        let Some(issuer) = &in_use.settings.token else {
            return match &in_use.settings.refresh {
                Some(plugin) => self.refresh_by(plugin, known, &request.token).await,
                None => Err(errors::NOT_AVAILABLE.into()),
            };
        };
        let Shown { claims, roles, .. } = match self.claims(issuer, &request.token).await {
            Err(Refused::Error(error)) if error == errors::TOKEN_EXPIRED => {
                return Err(disconnects::EXPIRED.into());
            }
            claims => claims?,
        };
        if *claims.user != *known.token_user {
            return Err(disconnects::INVALID_TOKEN.into());
        }
        let channels: BTreeSet<String> = claims.subs.into_keys().collect();
        if channels != known.token_channels {
            return Err(disconnects::INSUFFICIENT_STATE.into());
        }
        let refreshed = Known {
            identity: self.shared.access.identity_of(&known.user, &roles),
            capabilities: claims.capabilities,
            meta: claims
                .meta
                .filter(|_| !known.meta_of_plugin)
                .or_else(|| known.meta.clone()),
            expire_at: claims.expire_at,
            ..known.clone()
        };
        self.goes_on(known, refreshed)
    }

    /// Asks a plugin what it makes of another token.
    async fn refresh_by(
        &self,
        plugin: &str,
        known: &Known,
        token: &str,
    ) -> Result<Answer, Refused> {
        let hooks = &self.shared.hooks;
        let asked = hooks.refresh(plugin, self.about(known), Some(token));
        let answer = in_time(asked, errors::INTERNAL).await?;
        let answer = answer.ok_or(errors::NOT_AVAILABLE)?;
        self.goes_on(
            known,
            Known {
                expire_at: answer.expire_at,
                info: answer.info.or_else(|| known.info.clone()),
                ..known.clone()
            },
        )
    }

    /// The session goes on as that, which it was not before.
    fn goes_on(&self, known: &Known, refreshed: Known) -> Result<Answer, Refused> {
        let ttl = self.shared.ttl(refreshed.expire_at)?;
        let hears_other = refreshed.identity.rights() != known.identity.rights();
        let watched = {
            let mut state = self.connection.lock();
            if state.known.is_none() {
                return Err(disconnects::CONNECTION_CLOSED.into());
            }
            state.known = Some(Arc::new(refreshed));
            state.timers.expiry = ttl.map(|ttl| self.shared.after(ttl));
            if hears_other {
                state.watched()
            } else {
                Vec::new()
            }
        };
        // It comes back with the rights that it has now.
        if watched.iter().any(|(_, is_server_side)| *is_server_side) {
            return Err(disconnects::INSUFFICIENT_STATE.into());
        }
        for (name, _) in &watched {
            let why = unsubscribes::EXPIRED;
            self.shared.unsubscribe(&self.connection, name, None, &why);
        }
        self.shared.remind(&self.connection);
        Ok(Answer::Refresh(RefreshResult {
            client: (*self.connection.client).to_owned(),
            version: VERSION.to_owned(),
            expires: ttl.is_some(),
            ttl: ttl.unwrap_or(0),
        }))
    }

    /// Takes another subscription token.
    pub(in crate::session) async fn sub_refresh(
        &self,
        known: &Known,
        request: SubRefreshRequest,
    ) -> Result<Answer, Refused> {
        let name = self.channel(&request.channel)?;
        if request.kind != 0 {
            return Err(errors::NOT_AVAILABLE.into());
        }
        if self.connection.lock().active(&name).is_none() {
            return Err(errors::PERMISSION_DENIED.into());
        }
        let claims = match self.subscription_claims(&request.token).await {
            Err(Refused::Error(error)) if error == errors::TOKEN_EXPIRED => {
                let why = unsubscribes::EXPIRED;
                self.shared.unsubscribe(&self.connection, &name, None, &why);
                return Err(errors::EXPIRED.into());
            }
            claims => claims?,
        };
        let checked = claims.check(name.as_str(), &known.user, &self.connection.client);
        checked.map_err(|_| disconnects::INVALID_TOKEN)?;
        let renewed = RefreshAnswer {
            expire_at: claims.expire_at,
            info: None,
        };
        let renewed = self.narrowed(known, &name, renewed).await?;
        let ttl = self.shared.ttl(renewed.expire_at)?;
        {
            let mut state = self.connection.lock();
            let subscription = state.subscriptions.get_mut(&name);
            let active = subscription.and_then(|subscription| subscription.active.as_mut());
            let Some(active) = active else {
                return Err(errors::PERMISSION_DENIED.into());
            };
            active.expire_at = renewed.expire_at;
            active.show(renewed.info);
            active.allow = claims.allow;
            if let Some(ttl) = ttl {
                state.subscription_expires(self.shared.after(ttl));
            }
        }
        self.shared.remind(&self.connection);
        Ok(Answer::SubRefresh(SubRefreshResult {
            expires: ttl.is_some(),
            ttl: ttl.unwrap_or(0),
        }))
    }

    /// For how long a subscription goes on by another token, if the plugin that narrows what is
    /// allowed in the namespace has nothing against that.
    async fn narrowed(
        &self,
        known: &Known,
        name: &ChannelName,
        by_token: RefreshAnswer,
    ) -> Result<RefreshAnswer, Refused> {
        let in_use = self.shared.in_use();
        let Resolved::Namespace(namespace) = self.shared.resolve(&in_use, name) else {
            return Ok(by_token);
        };
        let Some(plugin) = namespace.hooks.as_deref() else {
            return Ok(by_token);
        };
        let about = self.about(known);
        let asked = self.shared.hooks.sub_refresh(plugin, about, name);
        let answer = in_time(asked, errors::INTERNAL).await?;
        Ok(match answer {
            Some(answer) => by_token.narrowed(answer),
            None => by_token,
        })
    }
}
