//! What a version's listeners are handed, by how it comes to them: live events through the
//! plugin's mailbox, those of channels through its consumers.

use std::collections::BTreeMap;

use hearken_channel_log::ChannelName;

use super::listener::{Delivery, Listener};
use crate::bus::Filter;
use crate::config::{MAX_CONSUMED, Manifest};
use crate::consumer::{ConsumeSettings, From as StartAt};

/// What is wanted of one channel, and how it is consumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consumed {
    pub(crate) filters: Vec<Filter>,
    pub(crate) settings: ConsumeSettings,
}

/// The filters of the mailbox.
pub(crate) fn live(listeners: &[Listener]) -> Vec<Filter> {
    let live = listeners
        .iter()
        .filter(|listener| listener.delivery == Delivery::Live);
    live.map(|listener| listener.filter.clone()).collect()
}

/// The channels of which anything may be heard.
pub(crate) fn consumed(
    listeners: &[Listener],
    manifest: &Manifest,
) -> BTreeMap<ChannelName, Consumed> {
    let mut channels: BTreeMap<ChannelName, Consumed> = BTreeMap::new();
    for listener in listeners {
        let Some((name, from)) = listener.consumed() else {
            continue;
        };
        let settings = || {
            let manifest = manifest.consume.get(name).cloned().unwrap_or_default();
            manifest.settings(from)
        };
        let consumed = channels.entry(name.clone()).or_insert_with(|| Consumed {
            filters: Vec::new(),
            settings: settings(),
        });
        if from.is_some() {
            consumed.settings = settings();
        }
        consumed.filters.push(listener.filter.clone());
    }
    channels
}

/// Checks that there is one place in each channel to begin at, and that they are not too
/// many.
///
/// # Errors
/// Which listener is wrong, and why.
pub(crate) fn check(listeners: &[Listener]) -> Result<(), (String, String)> {
    let mut places: BTreeMap<&ChannelName, Option<(&str, StartAt)>> = BTreeMap::new();
    for listener in listeners {
        let Some((channel, from)) = listener.consumed() else {
            continue;
        };
        let wrong = |reason| Err((listener.name.clone(), reason));
        if !places.contains_key(channel) && places.len() == MAX_CONSUMED {
            return wrong(format!("a plugin may consume {MAX_CONSUMED} channels"));
        }
        let place = places.entry(channel).or_default();
        match (&place, from) {
            (Some((other, before)), Some(from)) if *before != from => {
                return wrong(format!(
                    "it begins elsewhere in the channel `{channel}` than the listener `{other}`; \
                     a plugin has one place in a channel"
                ));
            }
            (None, Some(from)) => *place = Some((&listener.name, from)),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::event::Pattern;

    fn listener(name: &str, channel: Option<&str>, from: Option<StartAt>) -> Listener {
        Listener {
            name: name.to_owned(),
            filter: Filter::new(Pattern::new(&format!("custom.{name}")).unwrap()),
            delivery: match channel {
                None => Delivery::Live,
                Some(channel) => Delivery::Channel {
                    name: ChannelName::new(channel).unwrap(),
                    from,
                },
            },
        }
    }

    fn patterns(filters: &[Filter]) -> Vec<&str> {
        let patterns = filters.iter().map(|filter| filter.pattern.as_str());
        patterns.collect()
    }

    #[test]
    fn listeners_are_handed_events_by_their_delivery() {
        let listeners = [
            listener("a", None, None),
            listener("b", Some("orders"), None),
            listener("c", Some("orders"), Some(StartAt::New)),
            listener("d", Some("bills"), Some(StartAt::After(3))),
        ];
        assert_eq!(patterns(&live(&listeners)), ["custom.a"]);
        let manifest = "[consume.bills]\nfrom = \"first\"\nattempts = 2\n[consume.other]";
        let manifest = Manifest::parse(Path::new("a.toml"), manifest).unwrap();
        let channels = consumed(&listeners, &manifest);
        let names: Vec<_> = channels.keys().map(ChannelName::as_str).collect();
        assert_eq!(
            names,
            ["bills", "orders"],
            "what nobody listens to is not consumed"
        );
        let of = |name: &str| &channels[&ChannelName::new(name).unwrap()];
        assert_eq!(patterns(&of("orders").filters), ["custom.b", "custom.c"]);
        assert_eq!(
            of("orders").settings.from,
            StartAt::New,
            "one listener says so"
        );
        let bills = &of("bills").settings;
        assert_eq!(
            (bills.from, bills.attempts),
            (StartAt::First, 2),
            "the manifest wins"
        );
    }

    #[test]
    fn a_plugin_has_one_place_in_a_channel() {
        let at = |from| listener("a", Some("orders"), Some(StartAt::After(from)));
        assert_eq!(
            check(&[at(1), listener("b", Some("orders"), None), at(1)]),
            Ok(())
        );
        let (name, reason) = check(&[at(1), at(2)]).unwrap_err();
        assert_eq!(name, "a");
        assert!(reason.contains("`orders`"), "{reason}");
        let many = (0..=MAX_CONSUMED).map(|at| listener("a", Some(&at.to_string()), None));
        let many: Vec<_> = many.collect();
        assert_eq!(check(&many[1..]), Ok(()));
        assert!(check(&many).unwrap_err().1.contains("64"));
    }
}
