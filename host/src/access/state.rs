//! The settings, made ready to be asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::budget::{Budget, Budgets};
use super::key::KeyHash;
use super::principal::Principal;
use super::refusal::{AccessError, Ended};
use super::rights::Rights;
use super::settings::{AccessSettings, BudgetLimits, CertificateEntry, Granted, KeyEntry};

/// What holds until the settings change.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: AccessSettings,
    /// Of who has no credentials.
    anonymous: Holder,
    keys: HashMap<String, Key>,
    /// By name in the certificate, in lower case.
    certificates: HashMap<String, Holder>,
}

/// A key that is known.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) hash: KeyHash,
    pub(super) expires: Option<u64>,
    pub(super) holder: Holder,
}

/// A principal, what it may and what it has left.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) principal: Principal,
    pub(super) rights: Arc<Rights>,
    pub(super) roles: Arc<[String]>,
    pub(super) budget: Arc<Budget>,
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
    /// By a certificate with this name, in lower case.
    Certificate(String),
}

impl State {
    pub(super) fn new(settings: AccessSettings, budgets: &Budgets) -> Result<Self, AccessError> {
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
            keys: keys(&settings.keys, holder)?,
            certificates: certificates(&settings.certificates, holder)?,
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

    /// What holds now for who once showed this proof and had these rights then.
    pub(super) fn holds(&self, proof: &Proof, rights: &Rights) -> Result<(), Ended> {
        let now = match proof {
            Proof::Open if self.is_configured() => return Err(Ended::CredentialsAsked),
            Proof::Open | Proof::Nothing => &self.anonymous,
            Proof::Key(hash) => match self.key(hash.public()) {
                Some(key) if key.hash == *hash => &key.holder,
                _ => return Err(Ended::KeyRemoved),
            },
            Proof::Certificate(name) => self.certificate(name).ok_or(Ended::CertificateRemoved)?,
        };
        if now.rights.cover(rights) {
            Ok(())
        } else {
            Err(Ended::Narrowed)
        }
    }

    /// When the proof is not taken any more, in milliseconds since the Unix epoch.
    pub(super) fn expires(&self, proof: &Proof) -> Option<u64> {
        match proof {
            Proof::Key(hash) => self.key(hash.public())?.expires,
            Proof::Open | Proof::Nothing | Proof::Certificate(_) => None,
        }
    }
}

/// The keys by their public parts.
fn keys(
    entries: &BTreeMap<String, KeyEntry>,
    holder: impl Fn(Principal, &[Granted<String>]) -> Holder,
) -> Result<HashMap<String, Key>, AccessError> {
    let mut keys: HashMap<String, Key> = HashMap::new();
    for (name, entry) in entries {
        let holder = holder(Principal::Key(name.as_str().into()), &entry.roles);
        for hash in &entry.keys {
            let key = Key {
                hash: hash.clone(),
                expires: entry.expires,
                holder: holder.clone(),
            };
            if let Some(other) = keys.insert(hash.public().to_owned(), key) {
                return Err(AccessError::SameKey {
                    place: entry.place.clone(),
                    public: hash.public().to_owned(),
                    name: name.clone(),
                    other: other.holder.principal.name().to_owned(),
                });
            }
        }
    }
    Ok(keys)
}

/// Who has certificates, by the names in them.
fn certificates(
    entries: &BTreeMap<String, CertificateEntry>,
    holder: impl Fn(Principal, &[Granted<String>]) -> Holder,
) -> Result<HashMap<String, Holder>, AccessError> {
    let mut certificates: HashMap<String, Holder> = HashMap::new();
    for (name, entry) in entries {
        let holder = holder(Principal::Certificate(name.as_str().into()), &entry.roles);
        let known_by = entry.subject_alt_name.to_ascii_lowercase();
        if let Some(other) = certificates.insert(known_by, holder) {
            return Err(AccessError::SameCertificate {
                place: entry.place.clone(),
                subject_alt_name: entry.subject_alt_name.clone(),
                name: name.clone(),
                other: other.principal.name().to_owned(),
            });
        }
    }
    Ok(certificates)
}

impl Holder {
    /// A principal with the roles of these names; those that do not exist give nothing.
    fn new(
        settings: &AccessSettings,
        budgets: &Budgets,
        principal: Principal,
        names: Arc<[String]>,
    ) -> Self {
        let roles: Vec<_> = names
            .iter()
            .filter_map(|name| settings.role(name))
            .collect();
        let limits = roles.iter().map(|role| role.limits);
        let limits = limits.fold(BudgetLimits::default(), BudgetLimits::or_larger);
        Self {
            rights: Arc::new(Rights::of(&roles)),
            budget: budgets.of(&principal, limits),
            roles: names,
            principal,
        }
    }

    /// Everybody, on a node that asks nobody.
    pub(super) fn of_an_open_node() -> Self {
        Self {
            principal: Principal::Anonymous,
            rights: Arc::new(Rights::all()),
            roles: ["admin".to_owned()].into(),
            budget: Budget::unlimited(),
        }
    }
}
