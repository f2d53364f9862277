//! What a plugin may do: what its manifest asks for, as far as the node's policy lets it.

use std::collections::BTreeMap;
use std::fmt;

use hearken_pattern::Glob;

use super::bounds::Bounds;
use super::http_grant::HttpGrant;
use super::manifest::Manifest;
use super::secret::{GrantedSecret, SecretBound, SecretSource};
use super::sessions::PluginNamespaces;
use crate::event::{Pattern, Within};
use crate::session::Namespace;

/// What a plugin may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Types that it may publish; `None` for all under `custom.`.
    pub publish: Option<Vec<Pattern>>,
    /// Types that it may hear; `None` for all.
    pub listen: Option<Vec<Pattern>>,
    /// Where its outgoing HTTP may go.
    pub http: Vec<HttpGrant>,
    /// Buckets of the key-value store.
    pub keyvalue: Vec<String>,
    /// Channels that it may append to.
    pub append: Vec<Glob>,
    /// Channels that it may read.
    pub read: Vec<Glob>,
    /// Channels to which it may listen, which the policy alone bounds; `None` for all.
    pub consume: Option<Vec<Glob>>,
    /// Namespaces of session channels whose hooks it may answer, and whose sessions it may
    /// address.
    pub sessions: Vec<Glob>,
    /// Namespaces of session channels that it brings, by name: those whose clients publish and
    /// append what it may itself.
    pub namespaces: PluginNamespaces,
    /// What it may read through `wasmcloud:secrets`, by its keys.
    pub secrets: BTreeMap<String, GrantedSecret>,
    /// What the manifest asks for and the policy does not grant.
    pub withheld: Vec<Withheld>,
}

/// Something that a plugin asks for and does not get, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// The key of `[policy]` that decides, which is one of `[allow]` or `secrets`.
    pub right: &'static str,
    /// What is asked for.
    pub asked: String,
    /// What of it is granted.
    pub granted: Vec<String>,
}

impl Rights {
    /// What is left of what a manifest asks for within `bounds`, the policy's.
    #[must_use]
    pub fn of(manifest: &Manifest, bounds: &Bounds) -> Self {
        let mut withheld = Vec::new();
        let secrets = secrets(&manifest.secrets, bounds.secrets.as_deref(), &mut withheld);
        let (asked, bounds) = (&manifest.allow, &bounds.allow);
        let mut rights = Self {
            publish: patterns(
                "publish",
                asked.publish.as_deref(),
                bounds.publish.as_deref(),
                &mut withheld,
            ),
            listen: patterns(
                "listen",
                asked.listen.as_deref(),
                bounds.listen.as_deref(),
                &mut withheld,
            ),
            http: narrow(
                "http",
                asked.http.as_deref(),
                bounds.http.as_deref(),
                HttpGrant::within,
                &mut withheld,
            ),
            keyvalue: narrow(
                "keyvalue",
                asked.keyvalue.as_deref(),
                bounds.keyvalue.as_deref(),
                |bucket, bounds| match bounds.contains(bucket) {
                    true => vec![bucket.clone()],
                    false => Vec::new(),
                },
                &mut withheld,
            ),
            append: narrow(
                "append",
                asked.append.as_deref(),
                bounds.append.as_deref(),
                names_within,
                &mut withheld,
            ),
            read: narrow(
                "read",
                asked.read.as_deref(),
                bounds.read.as_deref(),
                names_within,
                &mut withheld,
            ),
            sessions: narrow(
                "sessions",
                asked.sessions.as_deref(),
                bounds.sessions.as_deref(),
                names_within,
                &mut withheld,
            ),
            consume: bounds.read.clone(),
            namespaces: PluginNamespaces::default(),
            secrets,
            withheld,
        };
        rights.grant_namespaces(&manifest.namespaces, bounds.sessions.as_deref());
        rights
    }

    /// Grants namespaces that the policy's `sessions` lets it have. Nobody is asked for a right
    /// to publish what a namespace says that its clients publish, and so it may not be more than
    /// the plugin has; nor may what it has kept on the node's disk.
    fn grant_namespaces(&mut self, asked: &BTreeMap<String, Namespace>, bounds: Option<&[Glob]>) {
        let mut granted = Vec::new();
        for (name, namespace) in asked {
            let channels = Glob::new(format!("{name}:*"));
            let covers = |names: &[Glob]| names.iter().any(|it| it.matches(name));
            let (right, beyond) = if !bounds.is_none_or(covers) {
                ("sessions", name.as_str())
            } else if !self.may_publish(&namespace.event_type) {
                ("publish", namespace.event_type.as_str())
            } else if namespace.durable && !self.append.iter().any(|own| own.covers(&channels)) {
                ("append", channels.as_str())
            } else {
                granted.push((name.clone(), namespace.clone()));
                continue;
            };
            self.withheld.push(Withheld {
                right,
                asked: format!("{beyond} (sessions.namespaces.{name})"),
                granted: Vec::new(),
            });
        }
        self.namespaces = granted.into_iter().collect();
    }

    /// Whether the plugin may append to the channel of this name.
    #[must_use]
    pub fn may_append(&self, channel: &str) -> bool {
        self.append.iter().any(|names| names.matches(channel))
    }

    /// Whether the plugin may read the channel of this name.
    #[must_use]
    pub fn may_read(&self, channel: &str) -> bool {
        self.read.iter().any(|names| names.matches(channel))
    }

    /// Whether the plugin may answer the hooks of the namespace of session channels of this
    /// name, and address its sessions.
    #[must_use]
    pub fn may_serve(&self, namespace: &str) -> bool {
        self.sessions.iter().any(|names| names.matches(namespace))
    }

    /// Whether the plugin may listen to the channel of this name.
    #[must_use]
    pub fn may_consume(&self, channel: &str) -> bool {
        let covers = |names: &Vec<Glob>| names.iter().any(|names| names.matches(channel));
        self.consume.as_ref().is_none_or(covers)
    }

    /// Whether the plugin may publish events of this type.
    #[must_use]
    pub fn may_publish(&self, event_type: &str) -> bool {
        let covers = |patterns: &Vec<Pattern>| patterns.iter().any(|p| p.matches(event_type));
        self.publish.as_ref().is_none_or(covers)
    }

    /// Whether the plugin may hear events of this type.
    #[must_use]
    pub fn may_hear(&self, event_type: &str) -> bool {
        let covers = |patterns: &Vec<Pattern>| patterns.iter().any(|p| p.matches(event_type));
        self.listen.as_ref().is_none_or(covers)
    }

    /// What is left of a pattern on what the plugin wants to hear: the patterns and, unless
    /// it is all, what is missing.
    #[must_use]
    pub fn heard(&self, pattern: &Pattern) -> (Vec<Pattern>, Option<Withheld>) {
        match &self.listen {
            None => (vec![pattern.clone()], None),
            Some(listen) => narrow_pattern("listen", pattern, listen),
        }
    }
}

fn patterns(
    right: &'static str,
    asked: Option<&[Pattern]>,
    bounds: Option<&[Pattern]>,
    withheld: &mut Vec<Withheld>,
) -> Option<Vec<Pattern>> {
    let (Some(asked), Some(bounds)) = (asked, bounds) else {
        return asked.or(bounds).map(<[Pattern]>::to_vec);
    };
    let mut granted = Vec::new();
    for pattern in asked {
        let (left, missing) = narrow_pattern(right, pattern, bounds);
        granted.extend(left);
        withheld.extend(missing);
    }
    Some(granted)
}

fn narrow_pattern(
    right: &'static str,
    pattern: &Pattern,
    bounds: &[Pattern],
) -> (Vec<Pattern>, Option<Withheld>) {
    let granted = match pattern.within(bounds) {
        Within::Whole => return (vec![pattern.clone()], None),
        Within::Part(part) => part,
        // What cannot be told to lie within does not.
        Within::Nothing | Within::TooMuch => Vec::new(),
    };
    let withheld = Withheld {
        right,
        asked: pattern.to_string(),
        granted: granted.iter().map(Pattern::to_string).collect(),
    };
    (granted, Some(withheld))
}

/// What is left of what must be asked for; `within` narrows one.
fn narrow<T: Clone + PartialEq + fmt::Display>(
    right: &'static str,
    asked: Option<&[T]>,
    bounds: Option<&[T]>,
    within: impl Fn(&T, &[T]) -> Vec<T>,
    withheld: &mut Vec<Withheld>,
) -> Vec<T> {
    let asked = asked.unwrap_or_default();
    let Some(bounds) = bounds else {
        return asked.to_vec();
    };
    let mut granted = Vec::new();
    for one in asked {
        let left = within(one, bounds);
        if left != [one.clone()] {
            withheld.push(Withheld {
                right,
                asked: one.to_string(),
                granted: left.iter().map(T::to_string).collect(),
            });
        }
        granted.extend(left);
    }
    granted
}

/// What is left of names of channels or namespaces: all of them, or those of the bounds that
/// are among them.
fn names_within(asked: &Glob, bounds: &[Glob]) -> Vec<Glob> {
    if bounds.iter().any(|bound| bound.covers(asked)) {
        return vec![asked.clone()];
    }
    (bounds.iter().filter(|bound| asked.covers(bound)).cloned()).collect()
}

/// The secrets that are where the bounds let them be.
fn secrets(
    asked: &BTreeMap<String, SecretSource>,
    bounds: Option<&[SecretBound]>,
    withheld: &mut Vec<Withheld>,
) -> BTreeMap<String, GrantedSecret> {
    let mut granted = BTreeMap::new();
    for (key, source) in asked {
        let secret = match bounds {
            None => Some(GrantedSecret {
                source: source.clone(),
                within: None,
            }),
            // Of a file that is granted by itself it does not matter where it leads.
            Some(bounds) => (bounds.iter())
                .filter_map(|bound| bound.grant(source))
                .min_by_key(|granted| granted.within.is_some()),
        };
        match secret {
            Some(secret) => {
                granted.insert(key.clone(), secret);
            }
            None => withheld.push(Withheld {
                right: "secrets",
                asked: format!("{key} ({source})"),
                granted: Vec::new(),
            }),
        }
    }
    granted
}

#[cfg(test)]
mod tests;
