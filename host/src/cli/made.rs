//! What the commands that make certificates have in common.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::clock::{Clock, SystemClock};
use crate::tls::Made;

/// Folder of the certificates where none is named.
pub(super) const FOLDER: &str = "certificates";

/// The time that it is, in milliseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    SystemClock.now_millis()
}

/// What was made, for a program.
pub(super) fn answer(made: &Made) -> Value {
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
pub(super) fn line(made: &Made) -> String {
    format!(
        "made {} and {}, valid until {}",
        made.certificate.display(),
        made.key.display(),
        made.expires.date()
    )
}
