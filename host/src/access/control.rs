//! The room's front: who is asked whenever somebody wants something.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::act::Act;
use super::budget::Budgets;
use super::current::Current;
use super::explain::Explanation;
use super::identity::Identity;
use super::key;
use super::key_set::{FetchKeySet, NoKeySets};
use super::principal::Principal;
use super::refusal::{AccessError, MAX_TOKEN_BYTES, Unauthenticated};
use super::settings::AccessSettings;
use super::state::{Proof, State};
use super::token::{KeySets, verify, verify_session};
use super::unknown_roles::UnknownRoles;
use super::verified::{Known, VerifiedTokens};
use super::verified_claims::VerifiedClaims;
use super::wrong::WrongCredentials;
use crate::clock::Clock;

/// Knows who may do what; cheap to clone, and asked for each request.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    current: Arc<Current>,
    budgets: Budgets,
    wrong: WrongCredentials,
    key_sets: KeySets,
    unknown_roles: UnknownRoles,
}

/// What somebody shows to say who they are.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// Nothing.
    None,
    /// A key (`hrk_…`) or a token.
    Bearer(&'a str),
    /// A certificate that an authority has signed that the node trusts.
    Certificate {
        /// The names that it has.
        names: &'a [String],
    },
}

impl Access {
    /// Begins to decide by `settings`.
    ///
    /// # Errors
    /// [`AccessError`] says what in them cannot hold.
    pub fn new(
        settings: AccessSettings,
        clock: Arc<dyn Clock>,
        key_sets: Arc<dyn FetchKeySet>,
    ) -> Result<Self, AccessError> {
        let budgets = Budgets::default();
        let key_sets = KeySets::new(key_sets);
        let state = State::new(settings, &budgets, &key_sets)?;
        Ok(Self(Arc::new(Inner {
            current: Arc::new(Current::new(state, clock)),
            budgets,
            wrong: WrongCredentials::default(),
            key_sets,
            unknown_roles: UnknownRoles::default(),
        })))
    }

    /// Of a node that asks nobody who they are.
    #[must_use]
    pub fn open(clock: Arc<dyn Clock>) -> Self {
        let settings = AccessSettings::default();
        Self::new(settings, clock, Arc::new(NoKeySets)).expect("no settings always hold")
    }

    /// Whether anybody is asked who they are: whether there is any key, token, certificate
    /// or `anonymous`. Otherwise everybody is admin.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.0.current.state().is_configured()
    }

    /// Whether browsers may let pages of this origin talk to the node.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        let state = self.0.current.state();
        let mut allowed = state.settings.allowed_origins.iter();
        allowed.any(|allowed| allowed == origin)
    }

    /// Whether there is any origin whose pages may.
    #[must_use]
    pub fn allows_origins(&self) -> bool {
        !self.0.current.state().settings.allowed_origins.is_empty()
    }

    /// Decides by other `settings` from now on. Identities that do not hold any more end.
    ///
    /// # Errors
    /// [`AccessError`] says what in them cannot hold; then nothing has changed.
    pub fn replace(&self, settings: AccessSettings) -> Result<(), AccessError> {
        let state = State::new(settings, &self.0.budgets, &self.0.key_sets)?;
        self.0.current.replace(state);
        Ok(())
    }

    /// Who it is that comes `from` there and shows this.
    ///
    /// # Errors
    /// [`Unauthenticated`] when that is nobody whom the node knows. Without credentials it
    /// is, where `anonymous` has no roles.
    pub async fn authenticate(
        &self,
        credential: Credential<'_>,
        from: IpAddr,
    ) -> Result<Identity, Unauthenticated> {
        let state = self.0.current.state();
        if !state.is_configured() {
            return Ok(self.anonymous());
        }
        let known = match credential {
            Credential::None if state.anonymous().roles.is_empty() => Err(Unauthenticated::Missing),
            Credential::None => Ok(self.anonymous()),
            Credential::Certificate { names } => self.certificate(&state, names),
            Credential::Bearer(text) if text.starts_with(key::KEY_PREFIX) => self.key(&state, text),
            Credential::Bearer(text) => self.token(&state, text).await,
        };
        known.map_err(|refused| {
            let waits = refused.is_wrong().then(|| self.0.wrong.count(from));
            match waits.flatten() {
                Some(retry_after) => Unauthenticated::TooManyWrong { retry_after },
                None => refused,
            }
        })
    }

    /// What a session's token claims that the issuer of the table `access.tokens.ISSUER` has
    /// signed. Unlike the token of a request it need not expire, and may be nobody's; once its
    /// time is over it is [`Unauthenticated::TokenExpired`], to the second.
    ///
    /// # Errors
    /// [`Unauthenticated`] when there is no such table, or the token is not right.
    pub async fn verify(
        &self,
        issuer: &str,
        token: &str,
    ) -> Result<VerifiedClaims, Unauthenticated> {
        let state = self.0.current.state();
        let mut issuers = state.issuers.iter();
        let issuer = issuers.find(|own| own.name() == issuer);
        let issuer = issuer.ok_or(Unauthenticated::NoTokens)?;
        let verified = verify_session(token, issuer, self.0.current.now()).await?;
        self.say_unknown(&state, issuer.name(), &verified.roles);
        Ok(verified)
    }

    /// Who has the roles of these names, as a token has shown that is not a request's: the
    /// principal `user:USER`, or `anonymous` with these roles if the user is empty. It ends
    /// when the roles allow less.
    #[must_use]
    pub fn identity_of(&self, user: &str, roles: &[String]) -> Identity {
        let state = self.0.current.state();
        let roles: Arc<[String]> = roles.into();
        let holder = state.claimed(user, Arc::clone(&roles), &self.0.budgets);
        Identity::new(&holder, Proof::Roles(roles), &self.0.current)
    }

    /// Counts a wrong secret of an interface that has one of its own, as any wrong credential
    /// that comes `from` there.
    ///
    /// # Errors
    /// [`Unauthenticated::TooManyWrong`] when there were too many.
    pub fn count_wrong(&self, from: IpAddr) -> Result<(), Unauthenticated> {
        match self.0.wrong.count(from) {
            Some(retry_after) => Err(Unauthenticated::TooManyWrong { retry_after }),
            None => Ok(()),
        }
    }

    /// Who has no credentials, even if that may do nothing.
    #[must_use]
    pub fn anonymous(&self) -> Identity {
        let state = self.0.current.state();
        Identity::new(state.anonymous(), state.no_proof(), &self.0.current)
    }

    /// Whether the principal may do this and what decides it. The roles of a user are in the
    /// token: here they are none.
    #[must_use]
    pub fn explain(&self, principal: &Principal, act: &Act<'_>) -> Explanation {
        let state = self.0.current.state();
        Explanation::of(&state.settings, principal, &[], act, self.0.current.now())
    }

    fn key(&self, state: &State, text: &str) -> Result<Identity, Unauthenticated> {
        let Some((public, secret)) = key::parts(text) else {
            return Err(Unauthenticated::WrongKey);
        };
        let Some(known) = state.key(public) else {
            key::pretend(secret);
            return Err(Unauthenticated::WrongKey);
        };
        if !known.hash.is_of(secret) {
            return Err(Unauthenticated::WrongKey);
        }
        if known
            .expires
            .is_some_and(|expires| expires <= self.0.current.now())
        {
            return Err(Unauthenticated::KeyExpired);
        }
        let proof = Proof::Key(known.hash.clone());
        Ok(Identity::new(&known.holder, proof, &self.0.current))
    }

    async fn token(&self, state: &State, text: &str) -> Result<Identity, Unauthenticated> {
        if state.issuers.is_empty() {
            return Err(Unauthenticated::NoTokens);
        }
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Unauthenticated::TokenTooLong);
        }
        let now = self.0.current.now();
        let hash = VerifiedTokens::hash(text);
        if let Some(Known { holder, token }) = state.verified.get(&hash, now) {
            token.keep_fresh();
            return Ok(Identity::new(&holder, Proof::Token(token), &self.0.current));
        }
        let token = Arc::new(verify(text, &state.issuers, now).await?);
        self.say_unknown(state, token.issuer.name(), &token.roles);
        let holder = state.user(&token, &self.0.budgets);
        let known = Known {
            holder: holder.clone(),
            token: Arc::clone(&token),
        };
        state.verified.insert(hash, known);
        Ok(Identity::new(&holder, Proof::Token(token), &self.0.current))
    }

    fn say_unknown(&self, state: &State, issuer: &str, roles: &[String]) {
        for role in roles {
            if state.settings.role(role).is_none() {
                self.0.unknown_roles.say(issuer, role);
            }
        }
    }

    fn certificate(&self, state: &State, names: &[String]) -> Result<Identity, Unauthenticated> {
        let names = names.iter().map(|name| name.to_ascii_lowercase());
        let mut known = names.filter_map(|name| Some((state.certificate(&name)?, name.clone())));
        let (holder, name) = known.next().ok_or(Unauthenticated::UnknownCertificate)?;
        Ok(Identity::new(
            holder,
            Proof::Certificate(name),
            &self.0.current,
        ))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("current", &self.0.current)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bearer(_) => f.write_str("Bearer(…)"),
            Self::Certificate { names } => write!(f, "Certificate({names:?})"),
        }
    }
}
