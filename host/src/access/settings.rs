//! What is configured of access, with the place of everything that decides something.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use hearken_pattern::Glob;

use super::key::KeyHash;
use crate::event::Pattern;

/// Names of the roles that are always there.
pub const BUILT_IN_ROLES: [&str; 2] = ["admin", "observer"];

/// Keys that one name may have at a time: more than two only while several are replaced.
pub const MAX_KEYS: usize = 4;

/// What `[access]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessSettings {
    /// Roles of requests without credentials; `None` if nothing is said of them.
    pub anonymous: Option<Vec<Granted<String>>>,
    /// Origins of the pages that browsers may let talk to the node.
    pub allowed_origins: Vec<String>,
    /// Roles by name, without those that are built in.
    pub roles: BTreeMap<String, Role>,
    /// Keys by name.
    pub keys: BTreeMap<String, KeyEntry>,
    /// Who signs tokens, by name.
    pub tokens: BTreeMap<String, TokenIssuer>,
    /// Client certificates by name.
    pub certificates: BTreeMap<String, CertificateEntry>,
}

/// What a role allows and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Where the role stands.
    pub place: String,
    /// Types of events that may be published.
    pub publish: Vec<Granted<Pattern>>,
    /// Types of events that may be heard.
    pub listen: Vec<Granted<Pattern>>,
    /// Names of channels that may be appended to.
    pub append: Vec<Granted<Glob>>,
    /// Names of channels that may be read.
    pub read: Vec<Granted<Glob>>,
    /// Whether plugins, nodes, metrics and lists may be seen.
    pub observe: Option<Granted<()>>,
    /// Whether the node may be commanded.
    pub operate: Option<Granted<()>>,
    /// How much may be done.
    pub limits: BudgetLimits,
}

/// A value and where it stands, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted<T> {
    /// The value.
    pub value: T,
    /// `FILE:LINE:COLUMN`, or a variable.
    pub place: String,
}

/// Bounds for all who are the same principal together; `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Events in a time.
    pub rate: Option<Rate>,
    /// Connections at a time.
    pub connections: Option<usize>,
    /// Streams and waits at a time.
    pub streams: Option<usize>,
}

/// So many events in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    events: NonZeroU32,
    per: Duration,
}

/// Keys that have the same name, and so are the same principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// Where the entry stands.
    pub place: String,
    /// 1 to [`MAX_KEYS`].
    pub keys: Vec<KeyHash>,
    /// What they may, by name.
    pub roles: Vec<Granted<String>>,
    /// When they expire, in milliseconds since the Unix epoch.
    pub expires: Option<u64>,
}

/// Who signs tokens that the node takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIssuer {
    /// Where the entry stands.
    pub place: String,
    /// With what signatures are checked.
    pub source: Granted<TokenSource>,
    /// What its tokens claim as `iss`; without it, those of whom no other entry is.
    pub issuer: Option<String>,
    /// What its tokens claim as `aud`; without it, nothing.
    pub audience: Option<String>,
    /// The claim that has the roles.
    pub roles_claim: String,
}

/// With what the signatures of tokens are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The secret in this file, by HS256, HS384 and HS512.
    HmacSecretFile(PathBuf),
    /// The public key in this PEM file, by the algorithms of its kind.
    PublicKeyFile(PathBuf),
    /// The public keys at this URL.
    JwksUrl(String),
}

/// Client certificates that are the same principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateEntry {
    /// Where the entry stands.
    pub place: String,
    /// The name in the certificate by which it is known; of DNS in lower case.
    pub subject_alt_name: String,
    /// What its holder may do, by name.
    pub roles: Vec<Granted<String>>,
}

impl AccessSettings {
    /// Whether anybody is asked who they are.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.anonymous.is_some()
            || !self.keys.is_empty()
            || !self.tokens.is_empty()
            || !self.certificates.is_empty()
    }

    /// The files of secrets and public keys.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.tokens
            .values()
            .filter_map(|issuer| match &issuer.source.value {
                TokenSource::HmacSecretFile(file) | TokenSource::PublicKeyFile(file) => Some(file),
                TokenSource::JwksUrl(_) => None,
            })
    }

    /// The role of this name.
    pub(super) fn role(&self, name: &str) -> Option<Role> {
        match name {
            "admin" => Some(Role::admin()),
            "observer" => Some(Role::observer()),
            name => self.roles.get(name).cloned(),
        }
    }
}

impl Role {
    /// May everything.
    pub(super) fn admin() -> Self {
        Self {
            publish: vec![Granted::built_in(Pattern::any())],
            append: vec![Granted::built_in(Glob::new("*".to_owned()))],
            operate: Some(Granted::built_in(())),
            ..Self::observer()
        }
    }

    /// May see everything and change nothing.
    pub(super) fn observer() -> Self {
        Self {
            place: BUILT_IN.to_owned(),
            listen: vec![Granted::built_in(Pattern::any())],
            read: vec![Granted::built_in(Glob::new("*".to_owned()))],
            observe: Some(Granted::built_in(())),
            ..Self::default()
        }
    }
}

/// Where the roles stand that are always there.
const BUILT_IN: &str = "built in";

impl<T> Granted<T> {
    fn built_in(value: T) -> Self {
        Self {
            value,
            place: BUILT_IN.to_owned(),
        }
    }
}

impl BudgetLimits {
    /// The larger of each bound; one that says nothing leaves it to the other.
    pub(super) fn or_larger(self, other: Self) -> Self {
        let faster = |one: Rate, other: Rate| {
            if one.interval() <= other.interval() {
                one
            } else {
                other
            }
        };
        Self {
            rate: either(self.rate, other.rate, faster),
            connections: either(self.connections, other.connections, usize::max),
            streams: either(self.streams, other.streams, usize::max),
        }
    }
}

fn either<T>(one: Option<T>, other: Option<T>, larger: impl FnOnce(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(larger(one, other)),
        (one, other) => one.or(other),
    }
}

impl Rate {
    /// Time between two events when they come evenly.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.per / self.events.get()
    }

    /// Time for as many events as may come at once.
    #[must_use]
    pub fn period(self) -> Duration {
        self.per
    }
}

/// Reads `NUMBER/UNIT`, where the unit is `s`, `m` or `h`.
impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (events, unit) = text.split_once('/').ok_or("it has no `/` and unit")?;
        let per = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err("its unit is not `s`, `m` or `h`".to_owned()),
        };
        let events = events
            .trim()
            .parse()
            .ok()
            .filter(|events| *events <= MAX_RATE);
        Ok(Self {
            events: events.and_then(NonZeroU32::new).ok_or_else(|| {
                format!("it is not a whole number of events from 1 to {MAX_RATE}")
            })?,
            per: Duration::from_secs(per),
        })
    }
}

/// Largest number of a [`Rate`]: beyond it the time between events would be rounded away.
const MAX_RATE: u32 = 10_000_000;

/// Reads the name of a role, a key, an issuer of tokens or a certificate.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name.chars().find(|c| !allowed(*c)) {
        _ if name.is_empty() => Err("it is empty".to_owned()),
        Some(character) => Err(format!("it has {character:?}")),
        None if name.len() > MAX_NAME => Err(format!("it has {} characters", name.len())),
        None => Ok(()),
    }
}

/// Longest name in characters.
const MAX_NAME: usize = 63;
