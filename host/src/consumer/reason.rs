//! Why a plugin could not handle an event, as it is kept: plugins write it.

/// Longest reason in bytes.
const MAX_REASON_BYTES: usize = 512;

/// The reason without control characters, cut off where it is too long.
pub(super) fn bounded(reason: &str) -> String {
    let mut text = String::new();
    for character in reason.trim().chars() {
        let character = match character {
            plain if plain.is_control() => ' ',
            // Neither are characters to whoever reads JSON strictly.
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            plain => plain,
        };
        if text.len() + character.len_utf8() > MAX_REASON_BYTES {
            break;
        }
        text.push(character);
    }
    if text.is_empty() {
        "it gave no reason".clone_into(&mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line() {
        assert_eq!(bounded("no\nsuch\u{0} thing "), "no such  thing");
        assert_eq!(bounded(" \n"), "it gave no reason");
        let long = "ä".repeat(MAX_REASON_BYTES);
        assert_eq!(bounded(&long).len(), MAX_REASON_BYTES);
    }
}
