//! `hearken cluster`: what a cluster needs before its nodes run.

mod ca;
mod cert;

use clap::Subcommand;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::error::CliError;
use super::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::cluster::certificates::Made;

/// Folder of the certificates where none is named.
const FOLDER: &str = "certificates";

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

/// The time that it is, in milliseconds since the Unix epoch.
fn now() -> u64 {
    SystemClock.now_millis()
}

/// What was made, for a program.
fn answer(made: &Made) -> Value {
    json!({
        "certificate": made.certificate.display().to_string(),
        "key": made.key.display().to_string(),
        "expires": made
            .expires
            .format(&Rfc3339)
            .expect("the calendar of certificates has years of four digits"),
    })
}

/// What was made, for a person.
fn line(made: &Made) -> String {
    format!(
        "made {} and {}, valid until {}",
        made.certificate.display(),
        made.key.display(),
        made.expires.date()
    )
}
