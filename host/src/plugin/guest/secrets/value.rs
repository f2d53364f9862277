//! A secret as it was read.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

/// The value of a secret: shown to nobody, and overwritten when nobody needs it any more.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Arc<Wiped>);

#[derive(PartialEq, Eq)]
struct Wiped(Vec<u8>);

impl SecretValue {
    /// Takes what a file or a variable has, less one line break at the end, which editors
    /// and `echo` put there.
    pub(super) fn new(mut bytes: Vec<u8>) -> Self {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        Self(Arc::new(Wiped(bytes)))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.0
    }

    /// Whether nobody else has this value.
    pub(super) fn is_held_once(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// The text as it stands between quotes in Rust and in JSON, if that is another.
    pub(super) fn quoted(&self) -> Option<Self> {
        let mut quoted = Wiped(format!("{:?}", self.text()?).into_bytes());
        quoted.0.pop();
        quoted.0.remove(0);
        (quoted != *self.0).then(|| Self(Arc::new(quoted)))
    }

    /// The value, if it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()).ok()
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.fill(0);
        // Lest the compiler sees that nobody reads it again.
        black_box(&self.0);
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_at_the_end_is_not_part_of_it() {
        for (read, value) in [
            ("s", "s"),
            ("s\n", "s"),
            ("s\r\n", "s"),
            ("s\n\n", "s\n"),
            ("", ""),
        ] {
            assert_eq!(
                SecretValue::new(read.into()).text(),
                Some(value),
                "{read:?}"
            );
        }
        assert_eq!(SecretValue::new(vec![0xff]).text(), None);
    }

    #[test]
    fn it_is_not_shown() {
        let shown = format!("{:?}", SecretValue::new(b"hunter22".to_vec()));
        assert!(!shown.contains("hunter"), "{shown}");
    }
}
