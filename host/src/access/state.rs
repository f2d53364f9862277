//! The settings, made ready to be asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::budget::Budgets;
use super::holder::Holder;
use super::key::KeyHash;
use super::principal::Principal;
use super::refusal::{AccessError, Ended};
use super::rights::Rights;
use super::settings::{AccessSettings, CertificateEntry, Granted, KeyEntry, TokenIssuer};
use super::token::{Issuer, KeySets, Verified};
use super::verified::VerifiedTokens;

/// What holds until the settings change.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: AccessSettings,
    /// Of who has no credentials.
    anonymous: Holder,
    keys: HashMap<String, Key>,
    /// By name in the certificate, in lower case.
    certificates: HashMap<String, Holder>,
    pub(super) issuers: Vec<Arc<Issuer>>,
    pub(super) verified: VerifiedTokens,
}

/// A key that is known.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) hash: KeyHash,
    pub(super) expires: Option<u64>,
    pub(super) holder: Holder,
}

/// How somebody showed who they are.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// Not at all, and the node asks nobody.
    Open,
    /// Not at all.
    Nothing,
    /// By a key.
    Key(KeyHash),
    /// By a token.
    Token(Arc<Verified>),
    /// By a certificate with this name, in lower case.
    Certificate(String),
    /// By a token that is looked after elsewhere, with these roles.
    Roles(Arc<[String]>),
}

impl State {
    pub(super) fn new(
        settings: AccessSettings,
        budgets: &Budgets,
        key_sets: &KeySets,
    ) -> Result<Self, AccessError> {
        // First all that may be wrong: budgets are shared with what holds until then.
        check(&settings)?;
        let issuers = issuers(&settings.tokens, key_sets)?;
        let holder = |principal, roles: &[Granted<String>]| {
            let names = roles.iter().map(|role| role.value.clone()).collect();
            Holder::new(&settings, budgets, principal, names)
        };
        let anonymous = match &settings.anonymous {
            _ if !settings.is_configured() => Holder::of_an_open_node(),
            roles => holder(Principal::Anonymous, roles.as_deref().unwrap_or_default()),
        };
        Ok(Self {
            anonymous,
            keys: keys(&settings.keys, holder),
            certificates: certificates(&settings.certificates, holder),
            issuers,
            verified: VerifiedTokens::new(),
            settings,
        })
    }

    /// Whether anybody is asked who they are.
    pub(super) fn is_configured(&self) -> bool {
        self.settings.is_configured()
    }

    /// Who has no credentials.
    pub(super) fn anonymous(&self) -> &Holder {
        &self.anonymous
    }

    /// How it is shown that somebody has no credentials.
    pub(super) fn no_proof(&self) -> Proof {
        if self.is_configured() {
            Proof::Nothing
        } else {
            Proof::Open
        }
    }

    /// The key with this public part.
    pub(super) fn key(&self, public: &str) -> Option<&Key> {
        self.keys.get(public)
    }

    /// Who has a certificate with this name, in lower case.
    pub(super) fn certificate(&self, name: &str) -> Option<&Holder> {
        self.certificates.get(name)
    }

    /// Who has shown this token.
    pub(super) fn user(&self, token: &Verified, budgets: &Budgets) -> Holder {
        let roles = token.roles.iter().cloned().collect();
        self.claimed(&token.subject, roles, budgets)
    }

    /// The user of whom a token claims these roles; empty for nobody.
    pub(super) fn claimed(&self, user: &str, roles: Arc<[String]>, budgets: &Budgets) -> Holder {
        let principal = match user {
            "" => Principal::Anonymous,
            user => Principal::User(user.into()),
        };
        Holder::new(&self.settings, budgets, principal, roles)
    }

    /// What holds now for who once showed this proof and had these rights then.
    pub(super) fn holds(&self, proof: &Proof, rights: &Rights) -> Result<(), Ended> {
        let now = match proof {
            Proof::Token(token) => {
                let issuer = self
                    .issuers
                    .iter()
                    .find(|now| now.name() == token.issuer.name());
                if !issuer.is_some_and(|now| now.takes_what(&token.issuer)) {
                    return Err(Ended::IssuerRemoved);
                }
                if !token.key_is_there() {
                    return Err(Ended::IssuersKeyRemoved);
                }
                return covered(&self.rights_of(&token.roles), rights);
            }
            Proof::Roles(roles) => return covered(&self.rights_of(roles), rights),
            Proof::Open if self.is_configured() => return Err(Ended::CredentialsAsked),
            Proof::Open | Proof::Nothing => &self.anonymous,
            Proof::Key(hash) => match self.key(hash.public()) {
                Some(key) if key.hash == *hash => &key.holder,
                _ => return Err(Ended::KeyRemoved),
            },
            Proof::Certificate(name) => self.certificate(name).ok_or(Ended::CertificateRemoved)?,
        };
        covered(&now.rights, rights)
    }

    /// When what the proof began ends, in milliseconds since the Unix epoch, and how that is
    /// called.
    pub(super) fn expires(&self, proof: &Proof) -> Option<(u64, Ended)> {
        match proof {
            Proof::Key(hash) => Some((self.key(hash.public())?.expires?, Ended::KeyExpired)),
            Proof::Token(token) => Some((token.expires, Ended::TokenExpired)),
            Proof::Open | Proof::Nothing | Proof::Certificate(_) | Proof::Roles(_) => None,
        }
    }

    /// What the roles of these names allow together.
    fn rights_of(&self, roles: &[String]) -> Rights {
        let roles: Vec<_> = roles
            .iter()
            .filter_map(|role| self.settings.role(role))
            .collect();
        Rights::of(&roles)
    }
}

/// Whether all that was allowed is allowed now.
fn covered(now: &Rights, then: &Rights) -> Result<(), Ended> {
    if now.cover(then) {
        Ok(())
    } else {
        Err(Ended::Narrowed)
    }
}

/// Who signs tokens. No two are of the same issuer.
fn issuers(
    entries: &BTreeMap<String, TokenIssuer>,
    key_sets: &KeySets,
) -> Result<Vec<Arc<Issuer>>, AccessError> {
    let mut names: HashMap<Option<&str>, &str> = HashMap::new();
    let issuers = entries.iter().map(|(name, entry)| {
        if let Some(other) = names.insert(entry.issuer.as_deref(), name) {
            return Err(AccessError::SameIssuer {
                place: entry.place.clone(),
                name: name.clone(),
                other: other.to_owned(),
            });
        }
        Issuer::load(name, entry, key_sets).map(Arc::new)
    });
    issuers.collect()
}

/// Checks that no key and no certificate is of two.
fn check(settings: &AccessSettings) -> Result<(), AccessError> {
    let mut known: HashMap<&str, &str> = HashMap::new();
    for (name, entry) in &settings.keys {
        for public in entry.keys.iter().map(KeyHash::public) {
            if let Some(other) = known.insert(public, name) {
                return Err(AccessError::SameKey {
                    place: entry.place.clone(),
                    public: public.to_owned(),
                    name: name.clone(),
                    other: other.to_owned(),
                });
            }
        }
    }
    let mut known: HashMap<String, &str> = HashMap::new();
    for (name, entry) in &settings.certificates {
        if let Some(other) = known.insert(entry.subject_alt_name.to_ascii_lowercase(), name) {
            return Err(AccessError::SameCertificate {
                place: entry.place.clone(),
                subject_alt_name: entry.subject_alt_name.clone(),
                name: name.clone(),
                other: other.to_owned(),
            });
        }
    }
    Ok(())
}

/// The keys by their public parts.
fn keys(
    entries: &BTreeMap<String, KeyEntry>,
    holder: impl Fn(Principal, &[Granted<String>]) -> Holder,
) -> HashMap<String, Key> {
    let mut keys = HashMap::new();
    for (name, entry) in entries {
        let holder = holder(Principal::Key(name.as_str().into()), &entry.roles);
        for hash in &entry.keys {
            let key = Key {
                hash: hash.clone(),
                expires: entry.expires,
                holder: holder.clone(),
            };
            keys.insert(hash.public().to_owned(), key);
        }
    }
    keys
}

/// Who has certificates, by the names in them.
fn certificates(
    entries: &BTreeMap<String, CertificateEntry>,
    holder: impl Fn(Principal, &[Granted<String>]) -> Holder,
) -> HashMap<String, Holder> {
    let certificate = |(name, entry): (&String, &CertificateEntry)| {
        let principal = Principal::Certificate(name.as_str().into());
        let known_by = entry.subject_alt_name.to_ascii_lowercase();
        (known_by, holder(principal, &entry.roles))
    };
    entries.iter().map(certificate).collect()
}
