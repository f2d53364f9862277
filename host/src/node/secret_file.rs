//! Secrets that programs share with the node, in files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::config::MAX_GANOMEDE_SECRET;

/// Bytes from which on a secret is not guessed.
pub(super) const SHORT: usize = 16;

/// Most bytes that one has.
const MAX_BYTES: usize = MAX_GANOMEDE_SECRET;

/// The secret of a file; a line's end after it is not part of it.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let limit = MAX_BYTES + "\r\n".len();
    let mut secret = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(limit as u64 + 1)
        .read_to_string(&mut secret)
        .map_err(|error| error.to_string())?;
    let line = secret.strip_suffix('\n').unwrap_or(&secret);
    let line = match line.len() < secret.len() {
        true => line.strip_suffix('\r').unwrap_or(line),
        false => line,
    };
    secret.truncate(line.len());
    match secret.len() {
        0 => Err("it is empty".to_owned()),
        1..=MAX_BYTES => Ok(secret),
        _ => Err(format!(
            "it has more than the {MAX_BYTES} bytes that a secret may have"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_a_file_ends_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let long = "x".repeat(MAX_BYTES);
        for (text, secret) in [
            ("hunter22", Some("hunter22")),
            ("hunter22\n", Some("hunter22")),
            ("hunter22\r\n", Some("hunter22")),
            ("a b\n\n", Some("a b\n")),
            (&*format!("{long}\r\n"), Some(&*long)),
            (&*format!("{long}x"), None),
            (&*format!("{long}{long}{long}"), None),
            ("", None),
            ("\n", None),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).ok().as_deref(), secret, "{text:?}");
        }
        assert!(read(&folder.path().join("none")).is_err());
    }
}
