//! Keeps secrets out of what a guest says: of its log lines, its errors and its last words.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use super::value::SecretValue;

/// What stands in the place of a secret.
const REDACTED: &str = "[secret]";

/// Shortest text in bytes that is looked for: shorter ones stand in ordinary words.
const MIN_BYTES: usize = 8;

/// Values that are remembered though they were replaced: a guest may go on using them for a
/// while. Those that are in use are remembered however many they are.
const MAX_REPLACED: usize = 64;

/// The secrets that a plugin has been given.
#[derive(Debug, Default)]
pub(crate) struct Redaction(RwLock<Vec<Known>>);

#[derive(Debug)]
struct Known {
    value: SecretValue,
    /// The text as it stands between quotes in Rust and in JSON, where that is another.
    quoted: Option<SecretValue>,
}

impl Redaction {
    /// From now on this one is not said. What is to be used is what is returned: it is
    /// remembered for as long as somebody has it.
    pub(super) fn add(&self, value: SecretValue) -> SecretValue {
        // Plain moves in here; nothing panics half-way.
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.iter().find(|known| known.value == value) {
            return known.value.clone();
        }
        let is_replaced = |known: &Known| known.value.is_held_once();
        if all.iter().filter(|known| is_replaced(known)).count() > MAX_REPLACED
            && let Some(oldest) = all.iter().position(is_replaced)
        {
            all.remove(oldest);
        }
        all.push(Known {
            quoted: value.quoted(),
            value: value.clone(),
        });
        value
    }

    /// The text without the secrets. Of one with several lines, each line is one: so a
    /// guest prints it.
    pub(crate) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let secrets = all.iter().flat_map(Known::texts);
        let secrets = secrets.filter(|secret| secret.len() >= MIN_BYTES);
        let found = |secret: &'_ str| -> Vec<Range<usize>> {
            let found = text.match_indices(secret);
            found.map(|(at, secret)| at..at + secret.len()).collect()
        };
        let mut found: Vec<_> = secrets.flat_map(found).collect();
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        // All are found first: one that is part of another, or begins in it, must not leave
        // the rest of that behind.
        found.sort_by_key(|range| range.start);
        let mut redacted = String::with_capacity(text.len());
        let mut done = 0;
        for range in found {
            if range.start >= done {
                redacted.push_str(&text[done..range.start]);
                redacted.push_str(REDACTED);
            }
            done = done.max(range.end);
        }
        redacted.push_str(&text[done..]);
        Cow::Owned(redacted)
    }
}

impl Known {
    fn texts(&self) -> impl Iterator<Item = &str> {
        let whole = self.value.text();
        let quoted = self.quoted.as_ref().and_then(SecretValue::text);
        let lines = whole.into_iter().flat_map(str::lines);
        whole.into_iter().chain(quoted).chain(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretValue {
        SecretValue::new(text.as_bytes().to_vec())
    }

    /// With these secrets, all of which are in use.
    fn redaction(secrets: &[&str]) -> (Redaction, Vec<SecretValue>) {
        let redaction = Redaction::default();
        let used = secrets.iter().map(|text| redaction.add(secret(text)));
        let used = used.collect();
        (redaction, used)
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        let (redaction, _used) = redaction(&["hunter22", "short"]);
        assert_eq!(
            redaction.redact("a hunter22 and hunter22, too short"),
            "a [secret] and [secret], too short"
        );
        assert_eq!(redaction.redact("hunter22hunter22"), "[secret][secret]");
        assert!(matches!(redaction.redact("nothing"), Cow::Borrowed(_)));
    }

    #[test]
    fn of_a_secret_with_several_lines_each_is_one() {
        let (redaction, _used) = redaction(&["-----BEGIN KEY-----\nabcdefgh\nxyz\n"]);
        assert_eq!(redaction.redact("abcdefgh"), "[secret]");
        let whole = "-----BEGIN KEY-----\nabcdefgh\nxyz";
        assert_eq!(redaction.redact(whole), "[secret]");
    }

    #[test]
    fn nothing_is_left_of_secrets_that_overlap() {
        for order in [["token-1", "x"], ["x", "token-1"]] {
            let long = "token-1-and-the-rest";
            let texts = order.map(|text| if text == "x" { long } else { "token-1-" });
            let (redaction, _used) = redaction(&texts);
            assert_eq!(
                redaction.redact("it is token-1-and-the-rest!"),
                "it is [secret]!"
            );
        }
        let (redaction, _used) = redaction(&["abcdefgh", "efghijkl"]);
        assert_eq!(redaction.redact("abcdefghijkl"), "[secret]");
    }

    #[test]
    fn a_secret_between_quotes_is_one() {
        let json = r#"{"key": "a\nb", "id": 7}"#;
        let (redaction, _used) = redaction(&[json]);
        assert_eq!(redaction.redact(&format!("{json:?}")), "\"[secret]\"");
        let in_json = serde_json::json!({ "value": json }).to_string();
        assert_eq!(redaction.redact(&in_json), r#"{"value":"[secret]"}"#);
    }

    #[test]
    fn of_those_that_were_replaced_only_so_many_are_remembered() {
        let (redaction, _used) = redaction(&["static-secret"]);
        for at in 0..=2 * MAX_REPLACED {
            // Nobody keeps it.
            redaction.add(secret(&format!("secret-{at:04}")));
        }
        assert_eq!(
            redaction.redact("static-secret secret-0000 secret-0128"),
            "[secret] secret-0000 [secret]"
        );
        assert!(redaction.0.read().unwrap().len() <= MAX_REPLACED + 3);
    }

    #[test]
    fn what_is_read_again_is_the_same() {
        let (redaction, used) = redaction(&["the-very-one"]);
        let again = redaction.add(secret("the-very-one"));
        drop(used);
        assert!(
            !again.is_held_once(),
            "it is remembered with whoever has it"
        );
    }
}
