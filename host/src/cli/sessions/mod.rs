//! `hearken sessions`: sessions of clients.

mod error;
mod token;

use clap::Subcommand;

use super::error::CliError;
use super::output::Output;

pub(super) use error::SessionsCommandError;

/// Sign what clients need for a session
#[derive(Debug, Subcommand)]
pub(super) enum Sessions {
    Token(token::Token),
}

impl Sessions {
    pub(super) fn run(self, output: Output) -> Result<(), CliError> {
        match self {
            Self::Token(token) => token.run(output),
        }
    }
}
