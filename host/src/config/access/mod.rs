//! The configuration of who may do what. Roles, keys and certificates have names that
//! whoever writes the file gives them, and stand in the file alone.

#[cfg(test)]
pub(super) mod field;
pub(super) mod form;
mod issuer;
pub(super) mod placed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hearken_pattern::Glob;

use super::document::{NamedSection, Section};
use super::error::ConfigError;
use super::form::SWITCH;
use super::pattern::{FEWER_PATTERNS, PATTERN};
use super::place::Placed;
use super::setting::Setting;
use super::sources::Sources;
use super::table::{Settings, settings};
use crate::access::{
    AccessSettings, BUILT_IN_ROLES, BudgetLimits, CertificateEntry, Granted, KeyEntry, MAX_KEYS,
    Role, check_name,
};
use crate::event::Pattern;
use crate::nearest::hint;
use form::{ALT_NAME, CHANNELS, KEY_HASH, NAME_EXPECTED, ORIGIN, PLACES, RATE, ROLE, TIME};
use issuer::issuer;
use placed::{granted, wrong};

settings! {
    /// What stands in variables too.
    #[derive(Debug, PartialEq, Eq)]
    struct Plain in "access." {
        /// Roles of requests without credentials; even an empty list makes the node ask for
        /// credentials
        anonymous: Vec<String> = list(ROLE, "none");

        /// Origins of pages that browsers let talk to the node
        allowed_origins: Vec<String> = list(ORIGIN, "none");
    }
}

impl Settings for AccessSettings {
    fn settings() -> Vec<&'static Setting> {
        Plain::settings()
    }

    fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        let plain = Plain::read(sources)?;
        let places = sources.places();
        let anonymous = places.is_set(&Plain::anonymous).then(|| {
            let stand = places.all(&Plain::anonymous).iter().cloned();
            let placed = plain.anonymous.into_iter().zip(stand);
            placed
                .map(|(value, place)| Placed { value, place })
                .collect()
        });
        let roles = named(sources, "access.roles", role)?;
        let known: Vec<&str> = roles
            .keys()
            .map(String::as_str)
            .chain(BUILT_IN_ROLES)
            .collect();
        let anonymous = anonymous.map(|roles| known_roles("access.anonymous", roles, &known));
        Ok(Self {
            anonymous: anonymous.transpose()?,
            allowed_origins: plain.allowed_origins,
            keys: named(sources, "access.keys", |named| key(named, &known))?,
            tokens: named(sources, "access.tokens", issuer)?,
            certificates: named(sources, "access.certificates", |named| {
                certificate(named, &known)
            })?,
            roles,
        })
    }
}

/// Reads all tables that stand in the one of this key.
fn named<'s, T>(
    sources: &mut Sources<'s>,
    key: &'static str,
    read: impl Fn(NamedSection<'s>) -> Result<T, ConfigError>,
) -> Result<BTreeMap<String, T>, ConfigError> {
    let tables = sources.named(key)?.into_iter().map(|table| {
        if let Err(problem) = check_name(&table.name) {
            return Err(wrong(
                &table.place,
                key,
                &table.name,
                problem,
                NAME_EXPECTED,
            ));
        }
        Ok((table.name.clone(), read(table)?))
    });
    tables.collect()
}

fn role(named: NamedSection<'_>) -> Result<Role, ConfigError> {
    let NamedSection {
        name,
        place,
        mut section,
    } = named;
    if BUILT_IN_ROLES.contains(&name.as_str()) {
        let problem = "that role is built in and cannot be changed".to_owned();
        return Err(wrong(
            &place,
            "access.roles",
            &name,
            problem,
            "another name",
        ));
    }
    let role = Role {
        place: place.to_string(),
        publish: patterns(&mut section, "publish")?,
        listen: patterns(&mut section, "listen")?,
        append: globs(&mut section, "append")?,
        read: globs(&mut section, "read")?,
        observe: word(&mut section, "observe")?,
        operate: word(&mut section, "operate")?,
        limits: BudgetLimits {
            rate: section.value("rate", &RATE)?,
            connections: section.value("connections", &PLACES)?,
            streams: section.value("streams", &PLACES)?,
        },
    };
    section.finish()?;
    Ok(role)
}

fn key(named: NamedSection<'_>, roles: &[&str]) -> Result<KeyEntry, ConfigError> {
    let NamedSection {
        name,
        place,
        mut section,
    } = named;
    let keys = section.list("keys", &KEY_HASH)?.unwrap_or_default();
    let entry = KeyEntry {
        roles: roles_of(&mut section, "keys", &name, roles)?,
        expires: section.value("expires", &TIME)?,
        place: place.to_string(),
        keys,
    };
    section.finish()?;
    if (1..=MAX_KEYS).contains(&entry.keys.len()) {
        return Ok(entry);
    }
    let problem = format!("it has {} `keys`", entry.keys.len());
    let expected = "`keys` with 1 to 4 lines that `hearken access key NAME` prints";
    Err(wrong(&place, "access.keys", &name, problem, expected))
}

fn certificate(named: NamedSection<'_>, roles: &[&str]) -> Result<CertificateEntry, ConfigError> {
    let NamedSection {
        name,
        place,
        mut section,
    } = named;
    let subject_alt_name = section.value("subject_alt_name", &ALT_NAME)?;
    let roles = roles_of(&mut section, "certificates", &name, roles)?;
    section.finish()?;
    let Some(subject_alt_name) = subject_alt_name else {
        let problem = "it has no `subject_alt_name`".to_owned();
        let expected = ALT_NAME.expected;
        return Err(wrong(
            &place,
            "access.certificates",
            &name,
            problem,
            expected,
        ));
    };
    Ok(CertificateEntry {
        place: place.to_string(),
        subject_alt_name,
        roles,
    })
}

fn roles_of(
    section: &mut Section<'_>,
    table: &str,
    name: &str,
    known: &[&str],
) -> Result<Vec<Granted<String>>, ConfigError> {
    let roles = section.placed_list("roles", &ROLE)?.unwrap_or_default();
    known_roles(&format!("access.{table}.{name}.roles"), roles, known)
}

/// Checks that there are such roles.
fn known_roles(
    key: &str,
    roles: Vec<Placed<String>>,
    known: &[&str],
) -> Result<Vec<Granted<String>>, ConfigError> {
    let roles = roles.into_iter().map(|role| {
        if known.contains(&role.value.as_str()) {
            return Ok(granted(role));
        }
        let problem = format!("there is no such role; {}", hint(&role.value, known));
        Err(wrong(&role.place, key, &role.value, problem, ROLE.expected))
    });
    roles.collect()
}

fn patterns(section: &mut Section<'_>, act: &str) -> Result<Vec<Granted<Pattern>>, ConfigError> {
    let Some(entry) = section.entry(act) else {
        return Ok(Vec::new());
    };
    let patterns = entry.placed_list(&PATTERN)?;
    let globs = patterns
        .iter()
        .map(|pattern| pattern.value.globs().len())
        .sum();
    few(globs).map_err(|problem| entry.wrong_value(problem, FEWER_PATTERNS))?;
    Ok(patterns.into_iter().map(granted).collect())
}

fn globs(section: &mut Section<'_>, act: &str) -> Result<Vec<Granted<Glob>>, ConfigError> {
    let Some(entry) = section.entry(act) else {
        return Ok(Vec::new());
    };
    let globs = entry.placed_list(&CHANNELS)?;
    few(globs.len()).map_err(|problem| entry.wrong_value(problem, FEWER_PATTERNS))?;
    Ok(globs.into_iter().map(granted).collect())
}

/// Bounds what every request is compared with.
fn few(globs: usize) -> Result<(), String> {
    if globs <= MAX_RIGHTS {
        return Ok(());
    }
    Err(format!(
        "its patterns come to {globs} with their alternatives multiplied out; a role may have {MAX_RIGHTS}"
    ))
}

/// Most patterns of one kind that a role has, with their alternatives multiplied out.
const MAX_RIGHTS: usize = 256;

fn word(section: &mut Section<'_>, act: &str) -> Result<Option<Granted<()>>, ConfigError> {
    let set = section.placed(act, &SWITCH)?;
    Ok(set.filter(|set| set.value).map(|set| Granted {
        value: (),
        place: set.place.to_string(),
    }))
}
