//! `hearken access token`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::error::AccessCommandError;
use super::expiry::{expiry, now, text};
use crate::access::{NewToken, TokenIssuer, TokenSource};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::config::{NodeConfig, NodeFlags};
use crate::nearest::hint;

/// Sign a token for development, with the secret that hearken.toml names
#[derive(Args, Debug)]
pub(in crate::cli) struct Token {
    /// Who it is for; the principal is `user:SUBJECT`
    #[arg(long)]
    subject: String,

    /// Role that it claims; may be given again
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,

    /// How long it is valid, or until when
    #[arg(long, value_name = "TIME", default_value = "1h")]
    expires: String,

    /// Which `[access.tokens.NAME]` signs it, if several have a secret
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,

    /// Configuration file; it must exist
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Token {
    pub(super) fn run(self, mut output: Output) -> Result<(), CliError> {
        let expires = expiry(&self.expires)?;
        let config = NodeConfig::load(&NodeFlags::of_file(self.config))?;
        let (name, issuer) = chosen(&config.access.tokens, self.issuer.as_deref())?;
        let token = NewToken {
            subject: &self.subject,
            roles: &self.roles,
            issued: now(),
            expires: u64::try_from(expires.unix_timestamp()).unwrap_or_default(),
            channel: None,
        };
        let token = token.sign(name, issuer).map_err(AccessCommandError::from)?;
        let answer = json!({ "token": token, "issuer": name, "expires": text(expires)? });
        output.answer(&answer, || token.clone())
    }
}

/// The issuer of that name, or the only one that signs.
fn chosen<'i>(
    issuers: &'i BTreeMap<String, TokenIssuer>,
    named: Option<&str>,
) -> Result<(&'i str, &'i TokenIssuer), AccessCommandError> {
    let signs =
        |issuer: &TokenIssuer| matches!(issuer.source.value, TokenSource::HmacSecretFile(_));
    let signing = issuers.iter().filter(|(_, issuer)| signs(issuer));
    let signing: Vec<_> = signing
        .map(|(name, issuer)| (name.as_str(), issuer))
        .collect();
    let names = || signing.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    match (named, signing.as_slice()) {
        (Some(name), _) => match issuers.get_key_value(name) {
            Some((name, issuer)) => Ok((name, issuer)),
            None => Err(AccessCommandError::UnknownIssuer {
                name: name.to_owned(),
                hint: hint(name, &names()),
            }),
        },
        (None, []) => Err(AccessCommandError::NoIssuer),
        (None, [only]) => Ok(*only),
        (None, _) => Err(AccessCommandError::WhichIssuer(names().join(", "))),
    }
}
