//! What a plugin asks to listen to: what it declares, unless its manifest has other live
//! events come.

use std::path::Path;

use hearken_channel_log::ChannelName;

use super::consumption;
use super::listener::{Delivery, Listener};
use super::load_error::LoadError;
use crate::bus::Filter;
use crate::config::{MAX_GLOBS, within_max_globs};
use crate::consumer::From as StartAt;
use crate::interfaces::Handler;
use crate::plugin::guest::bindings::plugin::hearken::plugin::types::{self, Description};
use crate::plugin::guest::imports::events::filter_of;
use crate::plugin::guest::script::GuestScript;
use crate::plugin::run::instance::Version;

/// Most listeners of one plugin: each has one glob at least.
const MAX_LISTENERS: usize = MAX_GLOBS;

/// Longest version and listener name shown, in bytes.
const MAX_LABEL_BYTES: usize = 128;

/// What the plugin asks to listen to: what it declares, unless the manifest has other live
/// events come. What it consumes of channels is its own to say. `answers` says whether it
/// answers questions of sessions, and so need not listen; `manifest` is where it could say
/// what it listens to.
///
/// # Errors
/// [`LoadError`] says which listener is in the way, or that there is none.
pub(super) fn listeners(
    version: &Version,
    description: Option<Description>,
    answers: bool,
    manifest: &Path,
) -> Result<Vec<Listener>, LoadError> {
    let declared = declared(description, version.script())?;
    consumption::check(&declared)
        .map_err(|(listener, reason)| LoadError::Listener { listener, reason })?;
    let called = version.called();
    let Some(patterns) = &version.manifest.subscribe else {
        if declared.is_empty() && !answers {
            let who = match called.handler {
                Some(Handler::Messaging) => "a component for wasmCloud does not say what it wants",
                _ if version.script().is_some() => {
                    return Err(LoadError::NoListener(
                        "the text calls neither `listen` nor `sessionHooks`, e.g. \
                         `listen(\"custom.cart.*\", (event) => console.log(event.type))`"
                            .to_owned(),
                    ));
                }
                _ => "the component declares no listener",
            };
            return Err(LoadError::NoListener(format!(
                "{who}; put `subscribe = [\"custom.example.*\"]` into {}",
                manifest.display()
            )));
        }
        return Ok(declared);
    };
    if called.handler.is_none() {
        return Err(LoadError::NoListener(
            "the component exports no listener; leave `subscribe` out of its manifest".to_owned(),
        ));
    }
    let (live, mut listeners): (Vec<_>, Vec<_>) = declared
        .into_iter()
        .partition(|listener| listener.delivery == Delivery::Live);
    let local_only = !live.is_empty() && live.iter().all(|listener| listener.filter.local_only);
    listeners.extend(patterns.iter().map(|pattern| Listener {
        name: "subscribe".to_owned(),
        filter: Filter {
            local_only,
            ..Filter::new(pattern.clone())
        },
        delivery: Delivery::Live,
    }));
    Ok(listeners)
}

fn declared(
    description: Option<Description>,
    script: Option<&GuestScript>,
) -> Result<Vec<Listener>, LoadError> {
    let listeners = description
        .map(|description| description.listeners)
        .unwrap_or_default();
    if listeners.len() > MAX_LISTENERS {
        return Err(LoadError::Listener {
            listener: format!("{} of them", listeners.len()),
            reason: format!("a plugin may declare {MAX_LISTENERS} listeners"),
        });
    }
    let mut globs = 0;
    listeners
        .into_iter()
        .map(|listener| {
            let name = listener.name;
            let name = match script {
                Some(script) => cut(&script.listener(name)),
                None => cut(&name),
            };
            let filter = filter_of(listener.filter).and_then(|filter| {
                globs += filter.pattern.globs().len();
                within_max_globs(globs).map(|()| filter)
            });
            let delivered = filter.and_then(|filter| deliver(filter, listener.delivery));
            match delivered {
                Ok((filter, delivery)) => Ok(Listener {
                    name,
                    filter,
                    delivery,
                }),
                Err(reason) => Err(LoadError::Listener {
                    listener: name,
                    reason,
                }),
            }
        })
        .collect()
}

/// How a listener's events come to it, and its filter, which names a consumed channel too.
fn deliver(filter: Filter, delivery: types::Delivery) -> Result<(Filter, Delivery), String> {
    let channel = match delivery {
        types::Delivery::Live => return Ok((filter, Delivery::Live)),
        types::Delivery::Channel(channel) => channel,
    };
    if channel.name.contains('*') {
        return Err(format!(
            "`{}` may be several channels, whose events only come live: deliver them so",
            cut(&channel.name)
        ));
    }
    let name = ChannelName::new(&channel.name)
        .map_err(|error| format!("the channel `{}`: {error}", cut(&channel.name)))?;
    if let Some(other) = filter
        .channel
        .as_deref()
        .filter(|other| *other != name.as_str())
    {
        return Err(format!(
            "it is on the channel `{name}`, and its filter wants only events of `{}`",
            cut(other)
        ));
    }
    let from = channel.from.map(|from| match from {
        types::StartingPoint::First => StartAt::First,
        types::StartingPoint::New => StartAt::New,
        types::StartingPoint::After(number) => StartAt::After(number),
    });
    let filter = Filter {
        channel: Some(name.as_str().into()),
        ..filter
    };
    Ok((filter, Delivery::Channel { name, from }))
}

/// As much of a name that a plugin has chosen as is shown.
pub(super) fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_LABEL_BYTES)].to_owned()
}
