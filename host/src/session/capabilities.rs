//! What a connection token allows by itself: its claim `caps`, as Centrifugo PRO has it.

use hearken_pattern::Glob;
use serde::Deserialize;
use serde_json::Value;

use super::channel_regex::ChannelRegex;
use super::name::ChannelName;
use super::verb::{Verb, Verbs};

/// What a token allows on the channels that it names; the default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(Vec<Capability>);

/// Some channels, and what may be done with them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Capability {
    channels: Vec<Channels>,
    allow: Verbs,
}

/// Names of channels.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Channels {
    /// This one.
    Exact(String),
    /// Those that match, where `*` is any run of characters.
    Wildcard(Glob),
    /// Those that match.
    Regex(ChannelRegex),
}

/// The claim is not of its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`caps` is a list of {{\"channels\": […], \"match\": \"\", \"wildcard\" or \"regex\", \"allow\": \
     [\"sub\", \"pub\", \"hst\", \"prs\"]}}: {0}"
)]
pub struct CapabilitiesError(String);

/// An object of the claim.
#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default, rename = "match")]
    kind: String,
    #[serde(default)]
    allow: Vec<String>,
}

impl Capabilities {
    /// Reads the claim. Words for what may be done that are not known allow nothing.
    ///
    /// # Errors
    /// [`CapabilitiesError`] if it is not of its form.
    pub fn read(claim: &Value) -> Result<Self, CapabilitiesError> {
        let objects = Vec::<Object>::deserialize(claim);
        let objects = objects.map_err(|error| CapabilitiesError(error.to_string()))?;
        let capabilities = objects.into_iter().map(|object| {
            let channels = object.channels.into_iter();
            let channels = channels.map(|name| Channels::read(name, &object.kind));
            Ok(Capability {
                channels: channels.collect::<Result<_, _>>()?,
                allow: read_verbs(&object.allow),
            })
        });
        Ok(Self(capabilities.collect::<Result<_, _>>()?))
    }

    /// Whether any of them allows to do that with the channel.
    #[must_use]
    pub fn allow(&self, verb: Verb, channel: &ChannelName) -> bool {
        self.0.iter().any(|capability| {
            let mut channels = capability.channels.iter();
            capability.allow.has(verb) && channels.any(|channels| channels.have(channel))
        })
    }
}

impl Channels {
    fn read(name: String, kind: &str) -> Result<Self, CapabilitiesError> {
        match kind {
            "" => Ok(Self::Exact(name)),
            "wildcard" => Ok(Self::Wildcard(Glob::new(name))),
            "regex" => match ChannelRegex::new(&name) {
                Ok(regex) => Ok(Self::Regex(regex)),
                Err(error) => Err(CapabilitiesError(error.to_string())),
            },
            _ => Err(CapabilitiesError("there is no such `match`".to_owned())),
        }
    }

    fn have(&self, channel: &ChannelName) -> bool {
        match self {
            Self::Exact(name) => name == channel.as_str(),
            Self::Wildcard(glob) => glob.matches(channel.as_str()),
            Self::Regex(regex) => regex.matches(channel.as_str()),
        }
    }
}

/// The verbs of a list of words; those that are not known are none.
pub(super) fn read_verbs(words: &[String]) -> Verbs {
    words.iter().filter_map(|word| Verb::of(word)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allowed(capabilities: &Capabilities, channel: &str) -> Vec<&'static str> {
        let channel = ChannelName::new(channel).unwrap();
        let verbs = Verb::ALL.into_iter();
        let verbs = verbs.filter(|verb| capabilities.allow(*verb, &channel));
        verbs.map(Verb::word).collect()
    }

    #[test]
    fn what_several_allow_adds_up() {
        let capabilities = Capabilities::read(&json!([
            { "channels": ["news", "user_42"], "allow": ["sub"] },
            { "channels": ["news"], "allow": ["pub", "fly"] },
            { "channels": ["chat:*"], "match": "wildcard", "allow": ["sub", "prs"] },
            { "channels": [r"^posts_[\d]+$"], "match": "regex", "allow": ["hst"] },
            { "channels": ["x"] },
            { "allow": ["sub"] },
        ]))
        .unwrap();
        for (channel, expected) in [
            ("news", &["sub", "pub"][..]),
            ("news2", &[]),
            ("user_42", &["sub"]),
            ("chat:42", &["sub", "prs"]),
            ("chat", &[]),
            ("posts_7", &["hst"]),
            ("posts_7x", &[]),
            ("x", &[]),
        ] {
            assert_eq!(allowed(&capabilities, channel), expected, "{channel}");
        }
        assert_eq!(allowed(&Capabilities::default(), "news"), [""; 0]);
    }

    #[test]
    fn a_star_means_something_only_where_it_is_said() {
        let exact = json!([{ "channels": ["chat:*"], "allow": ["sub"] }]);
        let exact = Capabilities::read(&exact).unwrap();
        assert_eq!(allowed(&exact, "chat:42"), [""; 0]);
        assert_eq!(allowed(&exact, "chat:*"), ["sub"]);
    }

    #[test]
    fn what_is_not_of_the_form_is_refused_whole() {
        for claim in [
            json!({}),
            json!("news"),
            json!(["news"]),
            json!([{ "channels": "news" }]),
            json!([{ "channels": [1] }]),
            json!([{ "channels": ["("], "match": "regex" }]),
            json!([{ "channels": ["a"], "match": "glob" }]),
        ] {
            let error = Capabilities::read(&claim).unwrap_err().to_string();
            assert!(
                error.starts_with("`caps` is a list of {\"channels\""),
                "{error}"
            );
        }
    }
}
