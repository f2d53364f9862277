//! `hearken access`: what it takes to say who may do what.

mod certificate;
mod error;
mod expiry;
mod explain;
mod key;
mod token;

use clap::Subcommand;

use super::error::CliError;
use super::output::Output;

pub(super) use error::AccessCommandError;

/// Make keys, tokens and certificates, and explain who may do what
#[derive(Debug, Subcommand)]
pub(super) enum Access {
    Key(key::Key),
    Token(token::Token),
    Explain(explain::Explain),
    Certificate(certificate::Certificate),
}

impl Access {
    pub(super) fn run(self, output: Output) -> Result<(), CliError> {
        match self {
            Self::Key(key) => key.run(output),
            Self::Token(token) => token.run(output),
            Self::Explain(explain) => explain.run(output),
            Self::Certificate(certificate) => certificate.run(output),
        }
    }
}
