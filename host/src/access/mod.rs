//! Who may do what: from credentials to a principal, from a principal and an act to yes or
//! no. It knows neither HTTP nor plugins.
//!
//! [`Access`] is asked; the [`Identity`] that it gives is one look at the settings, and says
//! itself when it does not hold any more.

mod act;
mod budget;
mod control;
mod current;
mod explain;
mod holder;
mod identity;
mod key;
mod key_set;
mod principal;
mod refusal;
mod rights;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod token;
mod unknown_roles;
mod verified;
mod verified_claims;
mod wrong;

pub use act::Act;
pub use budget::{Budget, Held, RetryAfter};
pub use control::{Access, Credential};
pub use explain::{Decision, Explanation};
pub use identity::Identity;
pub use key::{KEY_PREFIX, KeyHash, NewKey, NoRandomness};
pub use key_set::{FetchError, FetchKeySet, MAX_KEY_SET};
pub use principal::{NoPrincipal, Principal};
pub use refusal::{AccessError, Ended, Forbidden, Unauthenticated};
pub use rights::{Rights, ToldRights};
pub(crate) use settings::check_name;
pub use settings::{
    AccessSettings, BUILT_IN_ROLES, BudgetLimits, CertificateEntry, Granted, KeyEntry, MAX_KEYS,
    Rate, Role, TokenIssuer, TokenSource,
};
pub use token::{NewToken, SignError};
pub use verified_claims::VerifiedClaims;
