//! Which namespace a name belongs to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::name::ChannelName;
use super::namespace::{DEFAULT_NAMESPACE, Namespace};
use crate::event::{Pattern, PatternError};

/// What channels begin with that show the events about a thing.
const SUBJECT_PREFIX: &str = "subject:";

/// What channels begin with that show the events whose types match a pattern.
const EVENTS_PREFIX: &str = "events:";

/// Namespaces that the node's own configuration alone may have: they stand for channels without
/// one, and in the place of those that show events.
pub const RESERVED_NAMESPACES: [&str; 3] = [DEFAULT_NAMESPACE, "subject", "events"];

/// All namespaces of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(HashMap<String, Arc<Namespace>>);

/// What a name is the name of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved<'n> {
    /// A durable channel that was declared.
    Durable,
    /// A channel of this namespace; its name is still to be checked by
    /// [`Namespace::check_name`].
    Namespace(Arc<Namespace>),
    /// The events about this.
    Subject(&'n str),
    /// The events whose types match this.
    Events(Pattern),
    /// It should be a pattern, and is none.
    NoPattern(PatternError),
    /// Nothing.
    Unknown,
}

/// A namespace of a plugin's manifest that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The plugin.
    pub plugin: String,
    /// Name of the namespace.
    pub namespace: String,
    /// The plugin whose manifest has it already; `None` for the node's configuration.
    pub has_it: Option<String>,
}

impl Namespaces {
    /// The node's own namespaces, and of those in the manifests of `plugins` the others: the
    /// node's win, and then those of the plugin whose name comes first. Tells which are
    /// passed over.
    #[must_use]
    pub fn of<'a>(
        own: &BTreeMap<String, Namespace>,
        plugins: impl IntoIterator<Item = (&'a str, &'a BTreeMap<String, Namespace>)>,
    ) -> (Self, Vec<PassedOver>) {
        let shared = |namespace: &Namespace| Arc::new(namespace.clone());
        let named = |(name, namespace): (&String, _)| (name.clone(), shared(namespace));
        let mut all: HashMap<String, Arc<Namespace>> = own.iter().map(named).collect();
        let mut of_plugins: HashMap<&str, &str> = HashMap::new();
        let mut passed_over = Vec::new();
        let plugins: BTreeMap<&str, _> = plugins.into_iter().collect();
        for (plugin, namespaces) in plugins {
            for (name, namespace) in namespaces {
                if all.contains_key(name) {
                    passed_over.push(PassedOver {
                        plugin: plugin.to_owned(),
                        namespace: name.clone(),
                        has_it: of_plugins.get(name.as_str()).map(|has| (*has).to_owned()),
                    });
                } else {
                    all.insert(name.clone(), shared(namespace));
                    of_plugins.insert(name, plugin);
                }
            }
        }
        (Self(all), passed_over)
    }

    /// What a name is the name of: a declared durable channel before all others, then a
    /// channel of a namespace, what is reserved, and a channel without a namespace.
    #[must_use]
    pub fn resolve<'n>(
        &self,
        name: &'n ChannelName,
        is_declared_durable: impl FnOnce(&str) -> bool,
    ) -> Resolved<'n> {
        if is_declared_durable(name.as_str()) {
            return Resolved::Durable;
        }
        let Some(prefix) = name.namespace() else {
            return match self.get(DEFAULT_NAMESPACE) {
                Some(namespace) => Resolved::Namespace(Arc::clone(namespace)),
                None => Resolved::Unknown,
            };
        };
        if let Some(namespace) = self.get(prefix) {
            return Resolved::Namespace(Arc::clone(namespace));
        }
        if let Some(subject) = name.as_str().strip_prefix(SUBJECT_PREFIX) {
            return match subject {
                "" => Resolved::Unknown,
                subject => Resolved::Subject(subject),
            };
        }
        match name.as_str().strip_prefix(EVENTS_PREFIX).map(Pattern::new) {
            Some(Ok(pattern)) => Resolved::Events(pattern),
            Some(Err(error)) => Resolved::NoPattern(error),
            None => Resolved::Unknown,
        }
    }

    /// The namespace of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Namespace>> {
        self.0.get(name)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Namespace>> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str]) -> BTreeMap<String, Namespace> {
        let named = |name: &&str| ((*name).to_owned(), Namespace::new(name));
        names.iter().map(named).collect()
    }

    fn namespaces(names: &[&str]) -> Namespaces {
        Namespaces::of(&table(names), []).0
    }

    /// What a name is resolved to, in a word.
    fn resolved(namespaces: &Namespaces, name: &str) -> String {
        let name = ChannelName::new(name).unwrap();
        match namespaces.resolve(&name, |name| matches!(name, "orders" | "shop:paid")) {
            Resolved::Durable => "durable".to_owned(),
            Resolved::Namespace(namespace) => format!("of {}", namespace.name),
            Resolved::Subject(subject) => format!("about {subject}"),
            Resolved::Events(pattern) => format!("matching {pattern}"),
            Resolved::NoPattern(_) => "no pattern".to_owned(),
            Resolved::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn names_are_resolved_in_the_order_that_is_promised() {
        let all = namespaces(&["chat", "shop", "default"]);
        for (name, expected) in [
            ("orders", "durable"),
            ("shop:paid", "durable"),
            ("shop:unpaid", "of shop"),
            ("chat:42", "of chat"),
            ("$chat:42", "of chat"),
            ("chat:a:b", "of chat"),
            ("chat:#42", "of chat"),
            ("news", "of default"),
            ("$news", "of default"),
            ("#42", "of default"),
            ("dialog#42,43", "of default"),
            ("default:x", "of default"),
            ("subject:ORDER-7", "about ORDER-7"),
            ("subject:a:b", "about a:b"),
            ("subject:", "unknown"),
            ("$subject:ORDER-7", "unknown"),
            ("events:custom.order.*", "matching custom.order.*"),
            ("events:{a,b}.*", "matching {a,b}.*"),
            ("events:", "no pattern"),
            ("events:{a", "no pattern"),
            ("other:42", "unknown"),
            ("chat#1:42", "unknown"),
            (":x", "unknown"),
        ] {
            assert_eq!(resolved(&all, name), expected, "{name}");
        }
        let few = namespaces(&["subject", "events"]);
        for (name, expected) in [
            ("news", "unknown"),
            ("#42", "unknown"),
            ("subject:x", "of subject"),
            ("events:{", "of events"),
        ] {
            assert_eq!(resolved(&few, name), expected, "{name}");
        }
    }

    #[test]
    fn what_shows_events_is_reserved() {
        for prefix in [SUBJECT_PREFIX, EVENTS_PREFIX] {
            let name = prefix.trim_end_matches(':');
            assert!(RESERVED_NAMESPACES.contains(&name), "{name}");
        }
    }

    #[test]
    fn the_nodes_own_win_over_those_of_plugins() {
        let mut own = table(&["chat"]);
        own.get_mut("chat").unwrap().echo = false;
        let (b, a) = (table(&["chat", "game"]), table(&["game", "poll"]));
        let (all, passed_over) = Namespaces::of(&own, [("b", &b), ("a", &a)]);
        assert!(!all.get("chat").unwrap().echo);
        assert_eq!(all.iter().count(), 3);
        let passed = |plugin: &str, namespace: &str, has_it: Option<&str>| PassedOver {
            plugin: plugin.to_owned(),
            namespace: namespace.to_owned(),
            has_it: has_it.map(str::to_owned),
        };
        assert_eq!(
            passed_over,
            [passed("b", "chat", None), passed("b", "game", Some("a"))]
        );
    }
}
