//! What holds between the settings of sessions and those around them.

use super::Plain;
use crate::access::AccessSettings;
use crate::config::channels::ChannelsSettings;
use crate::config::error::ConfigError;
use crate::config::place::{Place, Places};
use crate::config::setting::Setting;
use crate::nearest::hint;
use crate::session::SessionsSettings;

/// Checks what holds between values.
pub(in crate::config) fn check(
    sessions: &SessionsSettings,
    access: &AccessSettings,
    channels: &ChannelsSettings,
    places: &Places,
) -> Result<(), ConfigError> {
    if sessions.pong_timeout >= sessions.ping_interval {
        // Whichever of both was set is the one that is wrong.
        let (setting, found, problem) = match places.is_set(&Plain::pong_timeout) {
            true => (
                &Plain::pong_timeout,
                sessions.pong_timeout,
                "it is not shorter than `sessions.ping_interval`",
            ),
            false => (
                &Plain::ping_interval,
                sessions.ping_interval,
                "it is not longer than `sessions.pong_timeout`",
            ),
        };
        let found = humantime::format_duration(found).to_string();
        return Err(wrong(places, setting, &found, problem.to_owned()));
    }
    if let Some(token) = &sessions.token
        && !access.tokens.contains_key(token)
    {
        let known: Vec<&str> = access.tokens.keys().map(String::as_str).collect();
        let problem = format!("there is no such table; {}", hint(token, &known));
        return Err(wrong(places, &Plain::token, token, problem));
    }
    for (name, channel) in &channels.declared {
        let namespace = name
            .as_str()
            .split_once(':')
            .map(|(namespace, _)| namespace);
        let namespace = namespace.filter(|name| sessions.namespaces.contains_key(*name));
        if let Some(namespace) = namespace {
            return Err(ConfigError::ChannelInNamespace {
                place: channel.place.clone(),
                channel: name.to_string(),
                namespace: namespace.to_owned(),
            });
        }
    }
    Ok(())
}

fn wrong(places: &Places, setting: &Setting, found: &str, problem: String) -> ConfigError {
    let place = places.of(setting).cloned().unwrap_or(Place::Default);
    ConfigError::wrong(place, setting, found, problem)
}
