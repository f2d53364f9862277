//! What a batch consists of.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::bounded::Bounded;
use super::requests::or_default;

/// What there is, beside `batch`, in the order in which Centrifugo looks for what a command is.
pub(super) const METHODS: [&str; 13] = [
    "publish",
    "broadcast",
    "subscribe",
    "unsubscribe",
    "disconnect",
    "history",
    "history_remove",
    "presence",
    "presence_stats",
    "info",
    "rpc",
    "refresh",
    "channels",
];

/// Most commands of a batch: the events of one.
const MAX_COMMANDS: usize = 1_000;

/// The commands of a batch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Commands<'r> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) commands: Bounded<Command<'r>, MAX_COMMANDS>,
}

/// A command: a method and what is sent with it, if it has a known one. Of several methods the
/// one counts that comes first in Centrifugo's order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Command<'r>(pub(super) Option<(&'static str, &'r RawValue)>);

impl<'de> Deserialize<'de> for Command<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Methods;

        impl<'de> Visitor<'de> for Methods {
            type Value = Command<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut first: Option<(usize, &'de RawValue)> = None;
                while let Some(name) = members.next_key::<String>()? {
                    let Some(at) = METHODS.iter().position(|method| *method == name) else {
                        members.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    let sent: &'de RawValue = members.next_value()?;
                    if sent.get() != "null" && first.is_none_or(|(before, _)| at <= before) {
                        first = Some((at, sent));
                    }
                }
                Ok(Command(first.map(|(at, sent)| (METHODS[at], sent))))
            }
        }

        deserializer.deserialize_map(Methods)
    }
}
