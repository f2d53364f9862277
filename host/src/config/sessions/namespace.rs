//! The tables `[sessions.namespaces.NAME]`, of the node and of manifests.

use std::collections::{BTreeMap, BTreeSet};

use super::form::{
    CHANNELS, DATA_FORMAT, DELTA, EVENT_TYPE, HISTORY_SIZE, HISTORY_TTL, META_TTL, NAMESPACE,
    PLUGIN, RECOVERY_MODE, REGEX, TAG,
};
use crate::config::access::placed::wrong;
use crate::config::document::{NamedSection, Section};
use crate::config::error::ConfigError;
use crate::config::form::{Form, SWITCH};
use crate::config::place::Place;
use crate::session::{DEFAULT_DURABLE_CHANNELS, DEFAULT_TAGS, Namespace, RESERVED_NAMESPACES};

/// The table in which they stand.
pub(super) const NAMESPACES: &str = "sessions.namespaces";

/// Most attributes of an event that a namespace names as tags of its publication: each is sent
/// to every subscriber.
const MAX_TAGS: usize = 16;

/// Reads all of them, by name.
pub(super) fn namespaces(
    tables: Vec<NamedSection<'_>>,
) -> Result<BTreeMap<String, Namespace>, ConfigError> {
    let named = tables.into_iter().map(|table| {
        let name = table.name.clone();
        Ok((name, namespace(table)?))
    });
    named.collect()
}

/// The same of a plugin's manifest, which takes none of the names that are reserved.
pub(in crate::config) fn namespaces_of_manifest(
    tables: Vec<NamedSection<'_>>,
) -> Result<BTreeMap<String, Namespace>, ConfigError> {
    let reserved = tables
        .iter()
        .find(|table| RESERVED_NAMESPACES.contains(&&*table.name));
    if let Some(NamedSection { name, place, .. }) = reserved {
        let problem = "that name is reserved: only the node's own configuration may have it";
        let expected = "another name, e.g. \"chat\"";
        return Err(wrong(place, NAMESPACES, name, problem.to_owned(), expected));
    }
    namespaces(tables)
}

fn namespace(named: NamedSection<'_>) -> Result<Namespace, ConfigError> {
    let NamedSection {
        name,
        place,
        mut section,
    } = named;
    (NAMESPACE.parse)(&name)
        .map_err(|problem| wrong(&place, NAMESPACES, &name, problem, NAMESPACE.expected))?;
    let mut read = Namespace::new(&name);
    switches(&mut section, &mut read)?;
    let table = &mut section;
    set(table, "history_size", &HISTORY_SIZE, &mut read.history_size)?;
    set(table, "history_ttl", &HISTORY_TTL, &mut read.history_ttl)?;
    let meta_ttl = table.value("history_meta_ttl", &META_TTL)?;
    // A longer time that stands alone is not cut to the default.
    read.history_meta_ttl = meta_ttl.unwrap_or(read.history_meta_ttl.max(read.history_ttl));
    let mode = &mut read.force_recovery_mode;
    set(table, "force_recovery_mode", &RECOVERY_MODE, mode)?;
    if let Some(deltas) = table.list("allowed_delta_types", &DELTA)? {
        read.allowed_delta_types = deltas;
    }
    read.channel_regex = table.value("channel_regex", &REGEX)?;
    read.publication_data_format = table.value("publication_data_format", &DATA_FORMAT)?;
    if read.durable {
        read.max_channels = DEFAULT_DURABLE_CHANNELS;
    }
    set(table, "max_channels", &CHANNELS, &mut read.max_channels)?;
    set(table, "event_type", &EVENT_TYPE, &mut read.event_type)?;
    if let Some(tags) = tags(table)? {
        read.tags = tags;
    }
    read.hooks = table.value("hooks", &PLUGIN)?;
    read.authorize = table.value("authorize", &PLUGIN)?;
    section.finish()?;
    check(&read, &place)?;
    Ok(read)
}

/// All that is yes or no.
fn switches(section: &mut Section<'_>, read: &mut Namespace) -> Result<(), ConfigError> {
    for (key, target) in [
        ("presence", &mut read.presence),
        ("join_leave", &mut read.join_leave),
        ("force_push_join_leave", &mut read.force_push_join_leave),
        ("allow_positioning", &mut read.allow_positioning),
        ("force_positioning", &mut read.force_positioning),
        ("allow_recovery", &mut read.allow_recovery),
        ("force_recovery", &mut read.force_recovery),
        ("auto_cache_recover", &mut read.auto_cache_recover),
        ("delta_publish", &mut read.delta_publish),
        ("allow_tags_filter", &mut read.allow_tags_filter),
        (
            "allow_user_limited_channels",
            &mut read.allow_user_limited_channels,
        ),
        ("allow_subscribe_for_client", &mut read.subscribe.client),
        (
            "allow_subscribe_for_anonymous",
            &mut read.subscribe.anonymous,
        ),
        ("allow_publish_for_client", &mut read.publish.client),
        ("allow_publish_for_subscriber", &mut read.publish.subscriber),
        ("allow_publish_for_anonymous", &mut read.publish.anonymous),
        ("allow_history_for_client", &mut read.history.client),
        ("allow_history_for_subscriber", &mut read.history.subscriber),
        ("allow_history_for_anonymous", &mut read.history.anonymous),
        ("allow_presence_for_client", &mut read.see_presence.client),
        (
            "allow_presence_for_subscriber",
            &mut read.see_presence.subscriber,
        ),
        (
            "allow_presence_for_anonymous",
            &mut read.see_presence.anonymous,
        ),
        ("durable", &mut read.durable),
        ("echo", &mut read.echo),
    ] {
        set(section, key, &SWITCH, target)?;
    }
    Ok(())
}

fn set<T>(
    section: &mut Section<'_>,
    key: &str,
    form: &Form<T>,
    target: &mut T,
) -> Result<(), ConfigError> {
    if let Some(value) = section.value(key, form)? {
        *target = value;
    }
    Ok(())
}

/// The attributes that are tags: those that always are and those that are named, or none where
/// an empty list is.
fn tags(section: &mut Section<'_>) -> Result<Option<Vec<String>>, ConfigError> {
    let Some(entry) = section.entry("tags") else {
        return Ok(None);
    };
    let named = entry.list(&TAG)?;
    if named.is_empty() {
        return Ok(Some(named));
    }
    if named.len() > MAX_TAGS {
        let problem = format!(
            "it names {} attributes; at most {MAX_TAGS} are sent",
            named.len()
        );
        return Err(entry.wrong_value(problem, TAG.expected));
    }
    let mut tags = DEFAULT_TAGS.map(str::to_owned).to_vec();
    let mut seen: BTreeSet<String> = tags.iter().cloned().collect();
    tags.extend(named.into_iter().filter(|tag| seen.insert(tag.clone())));
    Ok(Some(tags))
}

/// Checks what holds between the values.
fn check(namespace: &Namespace, place: &Place) -> Result<(), ConfigError> {
    let refuse = |problem: &str, expected| {
        let (name, problem) = (&namespace.name, problem.to_owned());
        Err(wrong(place, NAMESPACES, name, problem, expected))
    };
    let (size, ttl) = (namespace.history_size, namespace.history_ttl);
    // What a durable channel keeps may be bounded by one, or by none.
    if !namespace.durable && (size == 0) != ttl.is_zero() {
        return refuse(
            "it has one of `history_size` and `history_ttl`, and a history needs both",
            "both or neither, e.g. `history_size = 100` and `history_ttl = \"300s\"`",
        );
    }
    if namespace.history_meta_ttl < ttl {
        return refuse(
            "its `history_meta_ttl` is shorter than its `history_ttl`",
            "a `history_meta_ttl` that is not shorter, or none",
        );
    }
    if namespace.force_recovery && !namespace.has_history() {
        return refuse(
            "its `force_recovery` has no history to recover from",
            "`history_size` and `history_ttl` as well, or `durable = true`",
        );
    }
    Ok(())
}
