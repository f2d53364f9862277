//! The node's `[policy]`: what plugins may do at most, whatever their manifests ask for.

use std::collections::BTreeMap;

use super::allow::Allow;
use super::document::Section;
use super::error::ConfigError;
use super::setting::Setting;
use super::sources::Sources;
use super::table::Settings;

/// What plugins may do at most. The default bounds nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `[policy.default]`.
    default: Allow,
    /// `[policy.plugin.NAME]`, by the plugin's name.
    plugins: BTreeMap<String, Allow>,
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
        let default = Allow::read(section.section("default")?)?;
        let mut plugins = BTreeMap::new();
        for plugin in section.named_sections("plugin")? {
            plugins.insert(plugin.name, Allow::read(plugin.section)?);
        }
        section.finish()?;
        Ok(Self { default, plugins })
    }

    /// What bounds a plugin: each key of its own table, or else that of the default.
    #[must_use]
    pub fn of(&self, plugin: &str) -> Allow {
        let own = self.plugins.get(plugin).cloned();
        own.unwrap_or_default().or(&self.default)
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
        let webhook = policy.of("webhook");
        assert_eq!(webhook.http.unwrap()[0].to_string(), "api.example.com");
        assert_eq!(webhook.listen.unwrap()[0].as_str(), "custom.*");
        assert_eq!(webhook.publish, None);
        assert_eq!(policy.of("other").http, Some(Vec::new()));
        assert_eq!(Policy::default().of("any"), Allow::default());
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
