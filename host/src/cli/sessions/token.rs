//! `hearken sessions token`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::error::SessionsCommandError;
use crate::access::NewToken;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::config::{NodeConfig, NodeFlags};
use crate::session::ChannelName;

/// Sign a token to connect or to subscribe, with the secret that hearken.toml names
#[derive(Args, Debug)]
pub(in crate::cli) struct Token {
    /// User whose session it is for; without it, nobody's
    #[arg(
        long,
        value_name = "USER",
        default_value = "",
        hide_default_value = true
    )]
    user: String,

    /// Channel to subscribe to; without it, the token is to connect
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,

    /// Role that it claims; may be given again
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,

    /// How long it is valid
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    ttl: String,

    /// Configuration file; it must exist
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Token {
    pub(super) fn run(self, mut output: Output) -> Result<(), CliError> {
        let issued = SystemClock.now_millis() / 1000;
        let expires = expires(&self.ttl, issued)?;
        let channel = self.channel.as_deref().map(ChannelName::new).transpose();
        let channel = channel.map_err(SessionsCommandError::from)?;
        let config = NodeConfig::load(&NodeFlags::of_file(self.config))?;
        let name = config.sessions.token.as_deref();
        let issuer = name.and_then(|name| config.access.tokens.get_key_value(name));
        let (name, issuer) = issuer.ok_or(SessionsCommandError::NoIssuer)?;
        let token = NewToken {
            subject: &self.user,
            roles: &self.roles,
            issued,
            expires,
            channel: channel.as_ref().map(ChannelName::as_str),
        };
        let token = token
            .sign(name, issuer)
            .map_err(SessionsCommandError::from)?;
        let answer = json!({ "token": token, "issuer": name, "expires": expires });
        output.answer(&answer, || token.clone())
    }
}

/// Until when it is valid, in seconds since the Unix epoch.
fn expires(ttl: &str, issued: u64) -> Result<u64, SessionsCommandError> {
    let wrong = |problem| SessionsCommandError::Ttl {
        given: ttl.to_owned(),
        problem,
    };
    let duration = humantime::parse_duration(ttl).map_err(|_| wrong("it is no duration"))?;
    match duration.as_secs() {
        0 => Err(wrong("it is less than a second")),
        seconds => (issued.checked_add(seconds)).ok_or_else(|| wrong("it is too long")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_for_some_seconds() {
        assert_eq!(expires("1h 1s", 10).unwrap(), 10 + 3601);
        for (ttl, told) in [
            ("soon", "no duration"),
            ("10ms", "less than a second"),
            ("500000000000years", "too long"),
        ] {
            let error = expires(ttl, u64::MAX / 2).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
