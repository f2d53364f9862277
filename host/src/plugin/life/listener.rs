//! What a plugin listens to.

use hearken_channel_log::ChannelName;

use crate::admin::{DeliveryStatus, ListenerStatus, WithheldStatus};
use crate::bus::Filter;
use crate::config::{MAX_GLOBS, Rights, Withheld};
use crate::consumer::From as StartAt;

/// A listener: its name, what it wants, and how that comes to it.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) name: String,
    pub(crate) filter: Filter,
    pub(crate) delivery: Delivery,
}

/// How events come to a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As they are published, each at most once.
    Live,
    /// From a channel's log, each at least once.
    Channel {
        name: ChannelName,
        /// Where it begins, if the listener says so.
        from: Option<StartAt>,
    },
}

impl Listener {
    /// The channel that it consumes.
    pub(crate) fn consumed(&self) -> Option<(&ChannelName, Option<StartAt>)> {
        match &self.delivery {
            Delivery::Live => None,
            Delivery::Channel { name, from } => Some((name, *from)),
        }
    }

    /// As operators see it.
    pub(crate) fn status(&self) -> ListenerStatus {
        let filter = &self.filter;
        ListenerStatus {
            name: self.name.clone(),
            pattern: filter.pattern.as_str().to_owned(),
            subject: filter.subject.as_deref().map(str::to_owned),
            channel: filter.channel.as_deref().map(str::to_owned),
            local_only: filter.local_only,
            delivery: match &self.delivery {
                Delivery::Live => DeliveryStatus::Live,
                Delivery::Channel { .. } => DeliveryStatus::Channel,
            },
        }
    }
}

/// What is left of the listeners within what the plugin may hear, and what is missing. One
/// that is not wholly within becomes one for each pattern that is left of it; of one on a
/// channel that the policy does not let it read nothing is.
pub(crate) fn narrow(
    listeners: Vec<Listener>,
    rights: &Rights,
) -> (Vec<Listener>, Vec<WithheldStatus>) {
    let mut heard: Vec<Listener> = Vec::new();
    let mut unheard = Vec::new();
    let mut globs = 0;
    for listener in listeners {
        let consumed = listener.consumed().map(|(name, _)| name);
        if let Some(name) = consumed.filter(|name| !rights.may_consume(name.as_str())) {
            let withheld = Withheld {
                right: "read",
                asked: name.as_str().to_owned(),
                granted: Vec::new(),
            };
            unheard.push(withheld_status(&withheld, Some(&listener.name)));
            continue;
        }
        let (mut patterns, mut withheld) = rights.heard(&listener.filter.pattern);
        globs += (patterns.iter().map(|left| left.globs().len())).sum::<usize>();
        if globs > MAX_GLOBS {
            patterns.clear();
            withheld = Some(Withheld {
                right: "listen",
                asked: listener.filter.pattern.to_string(),
                granted: Vec::new(),
            });
        }
        unheard.extend(withheld.map(|withheld| withheld_status(&withheld, Some(&listener.name))));
        heard.extend(patterns.into_iter().map(|pattern| Listener {
            name: listener.name.clone(),
            filter: Filter {
                pattern,
                ..listener.filter.clone()
            },
            delivery: listener.delivery.clone(),
        }));
    }
    (heard, unheard)
}

/// As operators see what is missing.
pub(crate) fn withheld_status(withheld: &Withheld, listener: Option<&str>) -> WithheldStatus {
    WithheldStatus {
        right: withheld.right.to_owned(),
        asked: withheld.asked.clone(),
        granted: withheld.granted.clone(),
        listener: listener.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hearken_pattern::Glob;

    use super::*;
    use crate::config::{Bounds, Manifest};
    use crate::event::Pattern;

    fn rights(listen: &str) -> Rights {
        let text = format!("[allow]\nlisten = {listen}");
        let manifest = Manifest::parse(Path::new("a.toml"), &text).unwrap();
        Rights::of(&manifest, &Bounds::default())
    }

    fn listener(name: &str, pattern: &str) -> Listener {
        Listener {
            name: name.to_owned(),
            filter: Filter {
                subject: Some("s".into()),
                ..Filter::new(Pattern::new(pattern).unwrap())
            },
            delivery: Delivery::Live,
        }
    }

    #[test]
    fn listeners_keep_what_they_may_hear_and_the_rest_is_told() {
        let rights = rights(r#"["custom.a.*", "custom.{b,c}"]"#);
        let asked = vec![
            listener("all", "custom.*"),
            listener("some", "custom.{b,x}"),
            listener("within", "custom.a.{x,y}"),
            listener("outside", "plugin.*"),
        ];
        let (heard, unheard) = narrow(asked, &rights);
        let heard: Vec<_> = heard
            .iter()
            .map(|listener| (&*listener.name, listener.filter.pattern.as_str()))
            .collect();
        assert_eq!(
            heard,
            [
                ("all", "custom.a.*"),
                ("all", "custom.b"),
                ("all", "custom.c"),
                ("some", "custom.b"),
                ("within", "custom.a.{x,y}"),
            ]
        );
        let unheard: Vec<_> = unheard.iter().map(ToString::to_string).collect();
        assert_eq!(
            unheard,
            [
                "listen custom.* (all), but for custom.a.*, custom.b, custom.c",
                "listen custom.{b,x} (some), but for custom.b",
                "listen plugin.* (outside)",
            ]
        );
    }

    #[test]
    fn the_policy_says_which_channels_may_be_listened_to() {
        let on = |name: &str| Listener {
            delivery: Delivery::Channel {
                name: ChannelName::new(name).unwrap(),
                from: None,
            },
            ..listener(name, "custom.*")
        };
        let asked = || vec![on("orders"), on("secrets"), listener("live", "custom.*")];
        // Which the manifest need not ask for.
        let manifest = Manifest::parse(Path::new("a.toml"), "").unwrap();
        let unbounded = Rights::of(&manifest, &Bounds::default());
        assert_eq!(narrow(asked(), &unbounded).0.len(), 3);
        let mut bounds = Bounds::default();
        bounds.allow.read = Some(vec![Glob::new("ord*".to_owned())]);
        let (heard, unheard) = narrow(asked(), &Rights::of(&manifest, &bounds));
        let heard: Vec<_> = heard.iter().map(|listener| &*listener.name).collect();
        assert_eq!(heard, ["orders", "live"]);
        let unheard: Vec<_> = unheard.iter().map(ToString::to_string).collect();
        assert_eq!(unheard, ["read secrets (secrets)"]);
        bounds.allow.read = Some(Vec::new());
        let (heard, _) = narrow(asked(), &Rights::of(&manifest, &bounds));
        assert_eq!(heard.len(), 1, "the live one");
    }

    #[test]
    fn what_would_be_too_many_patterns_is_not_heard() {
        let each: Vec<String> = (0..64).map(|at| format!("\"custom.{at}.x\"")).collect();
        let rights = rights(&format!("[{}]", each.join(",")));
        let asked = (0..5).map(|at| listener(&at.to_string(), "custom.*"));
        let (heard, unheard) = narrow(asked.collect(), &rights);
        assert_eq!(heard.len(), 256);
        let last = unheard.last().map(ToString::to_string);
        assert_eq!(last.as_deref(), Some("listen custom.* (4)"));
    }
}
