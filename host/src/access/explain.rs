//! Who may do what, and why.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use hearken_pattern::Glob;
use serde::Serialize;

use super::act::Act;
use super::principal::Principal;
use super::settings::{AccessSettings, Granted, KeyEntry, Role};

/// Whether somebody may do something, and what decides it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether they may.
    pub allowed: bool,
    /// Who.
    pub principal: String,
    /// The right that it needs: `publish custom.shop.paid`.
    pub right: String,
    /// The roles that were looked at.
    pub roles: Vec<String>,
    /// What says that they may: one for each alternative of what is asked for.
    pub because: Vec<Decision>,
    /// Why they may not, and what to write so that they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A value of the configuration that gives a right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The key with its table: `access.roles.shop.publish`.
    pub key: String,
    /// The value.
    pub value: String,
    /// Where it stands.
    pub place: String,
}

impl Explanation {
    /// Looks at what `settings` give to a principal at the time `now`, in milliseconds since the
    /// Unix epoch. For a user these are the roles of `claimed`, which its token would have.
    #[must_use]
    pub fn of(
        settings: &AccessSettings,
        principal: &Principal,
        claimed: &[String],
        act: &Act<'_>,
        now: u64,
    ) -> Self {
        let explanation = Self {
            allowed: false,
            principal: principal.to_string(),
            right: act.to_string(),
            roles: Vec::new(),
            because: Vec::new(),
            problem: None,
        };
        // What these may has nothing to do with credentials.
        let has_roles = !matches!(principal, Principal::Plugin(_) | Principal::Node(_));
        if has_roles && !settings.is_configured() {
            return Self {
                allowed: true,
                because: vec![Decision {
                    key: "access".to_owned(),
                    value: "no key, token, certificate or `anonymous`: everybody is admin"
                        .to_owned(),
                    place: "nowhere".to_owned(),
                }],
                ..explanation
            };
        }
        let roles = match roles_of(settings, principal, claimed, now) {
            Ok(roles) => roles,
            Err(problem) => {
                return Self {
                    problem: Some(problem),
                    ..explanation
                };
            }
        };
        let named: Vec<(&str, Role)> = roles
            .iter()
            .filter_map(|name| Some((name.as_str(), settings.role(name)?)))
            .collect();
        let decided = decide(&named, act);
        Self {
            allowed: decided.is_ok(),
            problem: decided
                .as_ref()
                .err()
                .map(|missing| problem(principal, &roles, missing, act)),
            because: decided.unwrap_or_default(),
            roles,
            ..explanation
        }
    }
}

/// The names of a principal's roles, or what is wrong with it.
fn roles_of(
    settings: &AccessSettings,
    principal: &Principal,
    claimed: &[String],
    now: u64,
) -> Result<Vec<String>, String> {
    let names = |roles: &[Granted<String>]| roles.iter().map(|role| role.value.clone()).collect();
    match principal {
        Principal::Anonymous => Ok(names(settings.anonymous.as_deref().unwrap_or_default())),
        Principal::Key(name) => match settings.keys.get(&**name) {
            Some(entry) => match entry.expires.filter(|expires| *expires <= now) {
                Some(expires) => Err(expired(entry, name, expires)),
                None => Ok(names(&entry.roles)),
            },
            None => Err(unknown("keys", name, settings.keys.keys())),
        },
        Principal::Certificate(name) => match settings.certificates.get(&**name) {
            Some(entry) => Ok(names(&entry.roles)),
            None => Err(unknown("certificates", name, settings.certificates.keys())),
        },
        Principal::User(_) => Ok(claimed.to_vec()),
        Principal::Plugin(_) => Err(
            "a plugin's manifest and the node's `[policy]` say what it may do: see \
                 `hearken plugin show`, or before it runs `hearken plugin check`"
                .to_owned(),
        ),
        Principal::Node(_) => {
            Err("a node of the cluster is known by its certificate and has no roles".to_owned())
        }
    }
}

fn expired(entry: &KeyEntry, name: &str, expires: u64) -> String {
    let place = &entry.place;
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(expires));
    let time = time.map_or_else(String::new, |time| {
        format!(" at {}", humantime::format_rfc3339_seconds(time))
    });
    format!(
        "{place}: the keys of `access.keys.{name}` have expired{time}; a later `expires` makes them \
         hold again, or `hearken access key {name}` makes another"
    )
}

fn unknown<'n>(table: &str, name: &str, known: impl Iterator<Item = &'n String>) -> String {
    let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
    let known = match known.as_slice() {
        [] => "there is none at all".to_owned(),
        known => format!("there are {}", known.join(", ")),
    };
    format!("there is no `[access.{table}.{name}]`; {known}")
}

/// What allows the act, or that which nothing allows.
fn decide(roles: &[(&str, Role)], act: &Act<'_>) -> Result<Vec<Decision>, String> {
    let missing = || act.to_string();
    let one = |found: Option<Decision>| found.map(|found| vec![found]).ok_or_else(missing);
    match act {
        Act::Publish(event_type) => one(find(roles, "publish", |role| {
            let matching =
                |own: &&Granted<_>| crate::event::Pattern::matches(&own.value, event_type);
            role.publish.iter().find(matching).map(shown)
        })),
        Act::Listen(pattern) => {
            let of_glob = |glob: &Glob| {
                let covered = |own: &&Granted<crate::event::Pattern>| {
                    own.value.globs().iter().any(|own| own.covers(glob))
                };
                find(roles, "listen", |role| {
                    role.listen.iter().find(covered).map(shown)
                })
                .ok_or_else(|| format!("listen {}", glob.as_str()))
            };
            let mut decisions = Vec::new();
            for glob in pattern.globs() {
                let decision = of_glob(glob)?;
                if !decisions.contains(&decision) {
                    decisions.push(decision);
                }
            }
            Ok(decisions)
        }
        Act::Append(name) => one(find(roles, "append", |role| named(&role.append, name))),
        Act::Read(name) => one(find(roles, "read", |role| named(&role.read, name))),
        Act::Observe => one(find(roles, "observe", |role| word(role.observe.as_ref()))),
        Act::Operate => one(find(roles, "operate", |role| word(role.operate.as_ref()))),
    }
}

/// The first role that has something, and what and where that is.
fn find(
    roles: &[(&str, Role)],
    act: &str,
    has: impl Fn(&Role) -> Option<(String, String)>,
) -> Option<Decision> {
    roles.iter().find_map(|(name, role)| {
        let (value, place) = has(role)?;
        Some(Decision {
            key: format!("access.roles.{name}.{act}"),
            value,
            place,
        })
    })
}

fn shown(granted: &Granted<crate::event::Pattern>) -> (String, String) {
    (granted.value.to_string(), granted.place.clone())
}

fn named(globs: &[Granted<Glob>], name: &str) -> Option<(String, String)> {
    let granted = globs.iter().find(|own| own.value.matches(name))?;
    Some((granted.value.as_str().to_owned(), granted.place.clone()))
}

fn word(granted: Option<&Granted<()>>) -> Option<(String, String)> {
    granted.map(|granted| ("true".to_owned(), granted.place.clone()))
}

fn problem(principal: &Principal, roles: &[String], missing: &str, act: &Act<'_>) -> String {
    let roles = match roles {
        [] if matches!(principal, Principal::User(_)) => {
            return format!(
                "without roles `{principal}` may nothing; name those of its token with `--role`"
            );
        }
        [] => return format!("`{principal}` has no roles"),
        roles => roles
            .iter()
            .map(|role| format!("`{role}`"))
            .collect::<Vec<_>>(),
    };
    let write = match act {
        Act::Observe | Act::Operate => format!("`{act} = true`"),
        _ => {
            let (act, what) = missing.split_once(' ').unwrap_or((missing, ""));
            format!("`{act} = [\"{what}\"]`, or a wider pattern,")
        }
    };
    format!(
        "none of the roles of `{principal}` ({}) has the right `{missing}`; {write} in the role gives it",
        roles.join(", ")
    )
}

/// `yes` or `no`, and then a line for each reason.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.allowed { "yes" } else { "no" })?;
        for decision in &self.because {
            let Decision { key, value, place } = decision;
            write!(f, "\n{place}: {key} has {value}")?;
        }
        match &self.problem {
            Some(problem) => write!(f, "\n{problem}"),
            None => Ok(()),
        }
    }
}
