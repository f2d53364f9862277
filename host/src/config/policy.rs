//! The node's `[policy]`: what plugins may do at most, whatever their manifests ask for.

use std::collections::BTreeMap;

use super::bounds::Bounds;
use super::document::{NamedSection, Section};
use super::error::{ConfigError, WrongValue};
use super::name::is_plugin_name;
use super::setting::Setting;
use super::sources::Sources;
use super::table::Settings;

/// What plugins may do at most. The default bounds nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `[policy.default]`, if it is there.
    default: Option<Bounds>,
    /// `[policy.plugin.NAME]`, by the plugin's name.
    plugins: BTreeMap<String, Bounds>,
}

impl Settings for Policy {
    /// None that stands in variables or flags too.
    fn settings() -> Vec<&'static Setting> {
        Vec::new()
    }

    fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        sources.table("policy", Self::of_table)
    }
}

impl Policy {
    /// Takes all of the table.
    fn of_table(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let default = (section.section_if_there("default")?)
            .map(Bounds::read)
            .transpose()?;
        let mut plugins = BTreeMap::new();
        for plugin in section.named_sections("plugin")? {
            let NamedSection {
                name,
                place,
                section,
            } = plugin;
            // A file `a.wasm.wasm` could have it, but that is not what is meant.
            if !is_plugin_name(&name) || name.ends_with(".wasm") {
                return Err(ConfigError::from(Box::new(WrongValue {
                    key: format!("policy.plugin.{name}"),
                    found: "a table".to_owned(),
                    problem: "that is no plugin's name".to_owned(),
                    expected: "the name of the plugin's file without `.wasm`, e.g. `[policy.plugin.webhook]`",
                    place,
                })));
            }
            plugins.insert(name, Bounds::read(section)?);
        }
        section.finish()?;
        Ok(Self { default, plugins })
    }

    /// What bounds a plugin: each key of its own table, or else that of the default. Of whom
    /// either says anything has no secrets but those that one of them names: a stranger's
    /// manifest could name any file of the node.
    #[must_use]
    pub fn of(&self, plugin: &str) -> Bounds {
        let bounds = match (self.plugins.get(plugin).cloned(), &self.default) {
            (None, None) => return Bounds::default(),
            (Some(own), Some(default)) => own.or(default),
            (Some(own), None) => own,
            (None, Some(default)) => default.clone(),
        };
        Bounds {
            secrets: Some(bounds.secrets.unwrap_or_default()),
            ..bounds
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str) -> Result<Policy, ConfigError> {
        let mut top = Section::parse(Path::new("hearken.toml"), text)?;
        let policy = Policy::of_table(top.section("policy")?)?;
        top.finish()?;
        Ok(policy)
    }

    fn error(text: &str) -> String {
        parse(text).expect_err(text).to_string()
    }

    #[test]
    fn a_plugins_own_keys_stand_in_place_of_the_defaults() {
        let policy = parse(
            r#"
            [policy.default]
            http = []
            listen = ["custom.*"]
            [policy.plugin.webhook]
            http = ["api.example.com"]
            "#,
        )
        .unwrap();
        let webhook = policy.of("webhook").allow;
        assert_eq!(webhook.http.unwrap()[0].to_string(), "api.example.com");
        assert_eq!(webhook.listen.unwrap()[0].as_str(), "custom.*");
        assert_eq!(webhook.publish, None);
        assert_eq!(policy.of("other").allow.http, Some(Vec::new()));
        assert_eq!(Policy::default().of("any"), Bounds::default());
    }

    #[test]
    fn whom_the_policy_knows_has_only_the_secrets_that_it_names() {
        let secrets = |text: &str, plugin: &str| {
            let bounds = parse(text).unwrap().of(plugin);
            bounds.secrets.map(|secrets| secrets.len())
        };
        let own = "[policy.plugin.a]\nsecrets = [\"env:TOKEN\", \"/run/a\"]";
        assert_eq!(secrets(own, "a"), Some(2));
        assert_eq!(secrets(own, "b"), None, "nothing is said of it");
        let default = "[policy.default]\nhttp = []\n[policy.plugin.a]\nsecrets = [\"token\"]";
        assert_eq!(secrets(default, "a"), Some(1));
        assert_eq!(secrets(default, "b"), Some(0));
        assert_eq!(secrets("[policy.default]", "b"), Some(0));
        assert_eq!(secrets("[policy.plugin.a]", "a"), Some(0));
        let all = "[policy.default]\nsecrets = [\"env:TOKEN\"]\n[policy.plugin.a]";
        assert_eq!(secrets(all, "a"), Some(1));
    }

    #[test]
    fn what_is_wrong_is_placed_and_the_nearest_is_named() {
        for (text, parts) in [
            (
                "[policy.default]\nhtpp = []",
                &[
                    "hearken.toml:2:1: unknown key `policy.default.htpp`",
                    "did you mean `policy.default.http`?",
                ][..],
            ),
            (
                "[policy.plugin.a]\nlisten = []\nkeyvalues = []",
                &[
                    "hearken.toml:3:1",
                    "did you mean `policy.plugin.a.keyvalue`?",
                ],
            ),
            (
                "[policy.plugins.a]\n",
                &[
                    "hearken.toml:1:9: unknown key `policy.plugins`",
                    "`policy.plugin`?",
                ],
            ),
            (
                "[policy.plugin]\na = 1",
                &["hearken.toml:2:5", "`policy.plugin.a`", "a table"],
            ),
            (
                "[policy.default]\nlisten = [\"a\", \"b c\"]",
                &["hearken.toml:2:16", "`policy.default.listen`", "' '"],
            ),
            (
                "[policy.plugin.\"a.wasm\"]\n",
                &[
                    "hearken.toml:1:",
                    "`policy.plugin.a.wasm`",
                    "without `.wasm`",
                ],
            ),
            (
                "[policy.plugin.\"ä\"]\n",
                &["hearken.toml:1:", "no plugin's name"],
            ),
            (
                "[policy.default]\nsecrets = [\"a\", \"/run/../etc\"]",
                &["hearken.toml:2:17", "`policy.default.secrets`", "`..`"],
            ),
            (
                "[policy.default]\npublish = [\"cart.*\"]",
                &["hearken.toml:2:11", "under `custom.`", "custom.cart.*"],
            ),
        ] {
            let message = error(text);
            for part in parts {
                assert!(message.contains(part), "{part:?} is not in: {message}");
            }
        }
    }
}
