//! Keeps secrets out of what a guest says: of its log lines, its errors and its last words.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use super::value::SecretValue;

/// What stands in the place of a secret.
const REDACTED: &str = "[secret]";

/// Shortest text in bytes that is looked for: shorter ones stand in ordinary words.
const MIN_BYTES: usize = 8;

/// Values that are remembered, those that were replaced too: a guest may go on using them
/// for a while.
const MAX_VALUES: usize = 64;

/// The secrets that a plugin has been given.
#[derive(Debug, Default)]
pub(crate) struct Redaction(RwLock<Vec<SecretValue>>);

impl Redaction {
    /// From now on this one is not said.
    pub(super) fn add(&self, value: &SecretValue) {
        // Plain moves in here; nothing panics half-way.
        let mut values = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !values.contains(value) {
            if values.len() == MAX_VALUES {
                values.remove(0);
            }
            values.push(value.clone());
        }
    }

    /// The text without the secrets. Of one with several lines, each line is one: so a
    /// guest prints it.
    pub(crate) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let values = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = Cow::Borrowed(text);
        let whole = values.iter().filter_map(SecretValue::text);
        let lines = whole.clone().flat_map(str::lines);
        for secret in whole
            .chain(lines)
            .filter(|secret| secret.len() >= MIN_BYTES)
        {
            if text.contains(secret) {
                text = Cow::Owned(text.replace(secret, REDACTED));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(secrets: &[&str]) -> Redaction {
        let redaction = Redaction::default();
        for secret in secrets {
            redaction.add(&SecretValue::new(secret.as_bytes().to_vec()));
        }
        redaction
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        let redaction = redaction(&["hunter22", "short"]);
        assert_eq!(
            redaction.redact("a hunter22 and hunter22, too short"),
            "a [secret] and [secret], too short"
        );
        assert!(matches!(redaction.redact("nothing"), Cow::Borrowed(_)));
    }

    #[test]
    fn of_a_secret_with_several_lines_each_is_one() {
        let redaction = redaction(&["-----BEGIN KEY-----\nabcdefgh\nxyz\n"]);
        assert_eq!(redaction.redact("abcdefgh"), "[secret]");
        let whole = "-----BEGIN KEY-----\nabcdefgh\nxyz";
        assert!(!redaction.redact(whole).contains("abcdefgh"));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let all: Vec<String> = (0..=MAX_VALUES)
            .map(|at| format!("secret-{at:04}"))
            .collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let redaction = redaction(&all);
        assert_eq!(
            redaction.redact("secret-0000 secret-0064"),
            "secret-0000 [secret]"
        );
    }
}
