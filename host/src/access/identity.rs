//! Who somebody is and what they may, from one look at the settings.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::act::Act;
use super::budget::Budget;
use super::current::Current;
use super::holder::Holder;
use super::principal::Principal;
use super::refusal::{Ended, Forbidden};
use super::rights::Rights;
use super::state::Proof;
use super::token::KeySetChanges;

/// The clock is looked at after so long although nothing expires sooner: it may have been
/// set.
const RECHECK: Duration = Duration::from_secs(60);

/// Who somebody is and what they may.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    holder: Holder,
    proof: Proof,
    /// `None` where nothing ever changes.
    current: Option<Arc<Current>>,
}

impl Identity {
    pub(super) fn new(holder: &Holder, proof: Proof, current: &Arc<Current>) -> Self {
        Self(Arc::new(Inner {
            holder: holder.clone(),
            proof,
            current: Some(Arc::clone(current)),
        }))
    }

    /// Everybody on a node that asks nobody who they are: `anonymous` with the role `admin`.
    #[must_use]
    pub fn admin_of_an_open_node() -> Self {
        Self(Arc::new(Inner {
            holder: Holder::of_an_open_node(),
            proof: Proof::Open,
            current: None,
        }))
    }

    /// Who has shown a secret that is not one of `[access]`: the principal `key:NAME`, which
    /// may do to channels what it likes, but for making and changing them, and has no budget.
    /// It holds for as long as the node runs.
    #[must_use]
    pub fn of_secret(name: &str) -> Self {
        Self(Arc::new(Inner {
            holder: Holder::of_secret(name),
            proof: Proof::Open,
            current: None,
        }))
    }

    /// Who has shown a secret that is not one of `[access]` and allows everything: the
    /// principal `key:NAME`, which has no budget. It holds for as long as the node runs.
    #[must_use]
    pub fn of_admin_secret(name: &str) -> Self {
        Self(Arc::new(Inner {
            holder: Holder::of_admin_secret(name),
            proof: Proof::Open,
            current: None,
        }))
    }

    /// Somebody whose request another node has passed on, which says what they may. That node
    /// sees to what they have left, and that they still may.
    #[must_use]
    pub fn told_by_a_node(principal: Principal, rights: Rights) -> Self {
        Self(Arc::new(Inner {
            holder: Holder::told(principal, rights),
            proof: Proof::Open,
            current: None,
        }))
    }

    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0.holder.principal
    }

    /// Names of the roles that it has, of which some may not exist.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.0.holder.roles
    }

    /// What it may.
    #[must_use]
    pub fn rights(&self) -> &Rights {
        &self.0.holder.rights
    }

    /// What it has left, together with all others who are the same principal.
    #[must_use]
    pub fn budget(&self) -> &Arc<Budget> {
        &self.0.holder.budget
    }

    /// Whether it may do this.
    ///
    /// # Errors
    /// [`Forbidden`] names the right that is missing.
    pub fn check(&self, act: &Act<'_>) -> Result<(), Forbidden> {
        if self.rights().allow(act) {
            return Ok(());
        }
        Err(Forbidden {
            principal: self.principal().clone(),
            right: act.to_string(),
        })
    }

    /// Checks that the identity still holds, for what has taken a while since it was found out
    /// who it is.
    ///
    /// # Errors
    /// [`Ended`] says why it does not.
    pub fn check_holds(&self) -> Result<(), Ended> {
        let Some(current) = &self.0.current else {
            return Ok(());
        };
        let state = current.state();
        state.holds(&self.0.proof, self.rights())?;
        let now = current.now();
        match (&self.0.proof, state.expires(&self.0.proof)) {
            (Proof::Token(token), Some((_, ended))) if !token.is_taken(now) => Err(ended),
            (Proof::Key(_), Some((expires, ended))) if expires <= now => Err(ended),
            _ => Ok(()),
        }
    }

    /// Waits until the identity does not hold any more: its key was removed or has expired,
    /// or not all that it might do is allowed any more. For what lasts longer than a request.
    pub async fn ended(&self) -> Ended {
        let Some(current) = &self.0.current else {
            return pending().await;
        };
        let mut changes = current.changes();
        let mut key_set = match &self.0.proof {
            Proof::Token(token) => token.issuer.key_set().map(|set| set.changes()),
            _ => None,
        };
        // What was begun with a token that was taken although it had expired, because clocks
        // differ, ends when that is over.
        let leeway = self.leeway(current.now());
        loop {
            let state = Arc::clone(&changes.borrow_and_update());
            if let Err(ended) = state.holds(&self.0.proof, self.rights()) {
                return ended;
            }
            if let Proof::Token(token) = &self.0.proof {
                token.keep_fresh();
            }
            let left = match state.expires(&self.0.proof) {
                Some((expires, ended)) => {
                    match expires.saturating_add(leeway).saturating_sub(current.now()) {
                        0 => return ended,
                        left => Duration::from_millis(left).min(RECHECK),
                    }
                }
                None => RECHECK,
            };
            tokio::select! {
                // `current` has the other end, so that it is never closed.
                _ = changes.changed() => {}
                () = changed(&mut key_set) => {}
                () = sleep(left) => {}
            }
        }
    }

    fn leeway(&self, now: u64) -> u64 {
        match &self.0.proof {
            Proof::Token(token) if token.expires <= now => token.taken_until() - token.expires,
            _ => 0,
        }
    }
}

async fn changed(key_set: &mut Option<KeySetChanges>) {
    match key_set {
        Some(key_set) => key_set.next().await,
        None => pending().await,
    }
}
