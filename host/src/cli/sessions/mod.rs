//! `hearken sessions`: sessions of clients.

mod error;
mod operate;
mod token;

use clap::Subcommand;

use super::error::CliError;
use super::output::Output;

pub(super) use error::SessionsCommandError;

pub(super) use operate::Operate;

/// Look after the sessions of a node, and sign tokens for clients
#[derive(Debug, Subcommand)]
pub(super) enum Sessions {
    #[command(flatten)]
    Operate(Operate),
    #[command(flatten)]
    Sign(Sign),
}

/// What needs no node.
#[derive(Debug, Subcommand)]
pub(super) enum Sign {
    Token(token::Token),
}

impl Sign {
    pub(super) fn run(self, output: Output) -> Result<(), CliError> {
        match self {
            Self::Token(token) => token.run(output),
        }
    }
}
