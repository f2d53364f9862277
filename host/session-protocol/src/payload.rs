//! Data that travels within messages as it is.
//!
//! To clients that speak JSON a message is one line, in which data is JSON too. So it has to
//! be checked when it comes in; ends of lines, which can only stand between its tokens, are
//! left out when it goes out ([`crate::encode_push`] does that).

use serde_json::value::RawValue;

/// Deepest that data may be nested by default: of what reads JSON by recursion, the least
/// that is common stops before a thousand levels.
pub const MAX_DEPTH: usize = 512;

/// Why data is not taken as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// It is not one value of JSON in UTF-8.
    #[error("the data is not JSON near byte {at}")]
    Malformed {
        /// Byte of the data, from 1.
        at: usize,
    },
    /// It is nested too deep.
    #[error("the data is nested deeper than {limit} levels")]
    TooDeep {
        /// Deepest.
        limit: usize,
    },
}

/// Checks that `data` is one value of JSON, nested at most `depth` levels. What is in it is
/// nobody's concern here: numbers of any size, the same key twice, halves of surrogate pairs.
///
/// # Errors
///
/// When it is not.
pub fn check_json(data: &[u8], depth: usize) -> Result<(), NotJson> {
    if is_deeper(data, depth) {
        return Err(NotJson::TooDeep { limit: depth });
    }
    let malformed = |at| NotJson::Malformed { at };
    let text = std::str::from_utf8(data).map_err(|error| malformed(error.valid_up_to() + 1))?;
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let lines = text.split_inclusive('\n').take(error.line().max(1) - 1);
            let before: usize = lines.map(str::len).sum();
            Err(malformed(before + error.column().max(1)))
        }
    }
}

/// Whether JSON is nested deeper than `depth` levels of objects and arrays.
#[must_use]
pub fn is_deeper(json: &[u8], depth: usize) -> bool {
    // Each level takes a byte, and most data is short.
    if json.len() <= depth {
        return false;
    }
    let (mut level, mut deepest) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                level += 1;
                deepest = deepest.max(level);
            }
            b']' | b'}' if !quoted => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest > depth
}

/// Appends `text` as a string of JSON: data that is text, and each payload of a subscription
/// with deltas.
pub fn push_json_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("memory takes all that is written, and text is text");
}

/// Appends JSON without ends of lines.
pub(crate) fn push_json(json: &[u8], out: &mut Vec<u8>) {
    // Without leaving the loop early it takes many bytes at a time. The carriage return
    // ends a line of server-sent events.
    let broken = json.iter().fold(false, |broken, byte| {
        broken | (*byte == b'\n') | (*byte == b'\r')
    });
    if broken {
        out.extend(json.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    } else {
        out.extend_from_slice(json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_passes_whatever_it_says() {
        for json in [
            "null",
            " 1e400 ",
            "9007199254740993",
            r#"{"a":1,"a":2}"#,
            r#""\ud800""#,
            "{\n\t\"a\": [1,\r\n2]\n}",
        ] {
            assert_eq!(check_json(json.as_bytes(), 2), Ok(()), "{json}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_by_its_place() {
        for (bytes, at) in [
            (&b""[..], 1),
            (b"{", 1),
            (b"1 2", 3),
            (b"{\n\"a\": x}", 8),
            (b"\"\xff\"", 2),
            (b"\"a\nb\"", 2),
        ] {
            let refused = check_json(bytes, 10);
            assert_eq!(refused, Err(NotJson::Malformed { at }), "{bytes:?}");
        }
    }

    #[test]
    fn brackets_count_outside_of_strings() {
        assert!(is_deeper(b"[[[]]]", 2));
        assert!(!is_deeper(b"[[[]]]", 3));
        assert!(!is_deeper(b"[[],[],[]]", 2));
        assert!(!is_deeper(br#"["[[[[\"[[[["]"#, 1));
        assert!(is_deeper(br#"["\\",[[]]]"#, 2));
        assert!(!is_deeper(br#"["\\",[ ]]"#, 2));
        let limit = MAX_DEPTH;
        let deep = [vec![b'['; limit + 1], vec![b']'; limit + 1]].concat();
        assert_eq!(check_json(&deep, limit), Err(NotJson::TooDeep { limit }));
        assert_eq!(check_json(&deep[1..deep.len() - 1], limit), Ok(()));
    }

    #[test]
    fn ends_of_lines_are_left_out() {
        let mut out = Vec::new();
        push_json(b"{\r\n\"a\":\n1}\n", &mut out);
        assert_eq!(out, br#"{"a":1}"#);
    }
}
