//! `hearken cluster`: what a cluster needs before its nodes run.

mod ca;
mod cert;

use clap::Subcommand;

use super::error::CliError;
use super::output::Output;

/// Make the certificates with which the nodes of a cluster trust each other
#[derive(Debug, Subcommand)]
pub(super) enum Cluster {
    Ca(ca::Ca),
    Cert(cert::Cert),
}

impl Cluster {
    pub(super) fn run(self, output: Output) -> Result<(), CliError> {
        match self {
            Self::Ca(ca) => ca.run(output),
            Self::Cert(cert) => cert.run(output),
        }
    }
}
