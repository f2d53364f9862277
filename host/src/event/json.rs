//! JSON that is safe to hand on: well-formed, and not so deep that a receiver's
//! parser runs out of stack.

use serde::de::IgnoredAny;

/// Deepest nesting. Most parsers, `serde_json` among them, stop at 128 levels or
/// more, and an event is handed on a few levels down.
pub const MAX_DEPTH: usize = 100;

/// What is wrong with a JSON text.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is not JSON; says where.
    #[error(transparent)]
    Syntax(#[from] serde_json::Error),
    /// It is nested too deeply, for the first time here (from 1, in bytes).
    #[error("nested too deeply")]
    Deep {
        /// Line, from 1.
        line: usize,
        /// Byte of the line, from 1.
        column: usize,
    },
}

/// Whether a text is JSON that is nested too deeply; what is no JSON is not.
#[must_use]
pub fn is_too_deep(text: &[u8]) -> bool {
    // `[` and `{` differ in one bit. Most texts have few of them, which a look at many
    // bytes at once shows.
    let opening = text.iter().filter(|byte| **byte | 0x20 == b'{').count();
    opening > MAX_DEPTH
        && check_depth(text).is_err()
        && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Checks a whole text.
///
/// # Errors
/// [`JsonError`] when it is no JSON or nested too deeply.
pub fn check(text: &[u8]) -> Result<(), JsonError> {
    check_depth(text)?;
    serde_json::from_slice::<IgnoredAny>(text)?;
    Ok(())
}

/// Counts the brackets outside strings; on a text that is not JSON the result
/// means nothing, and parsing it says so.
fn check_depth(text: &[u8]) -> Result<(), JsonError> {
    let (mut depth, mut line, mut line_start) = (0_usize, 1, 0);
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(JsonError::Deep {
                        line,
                        column: at - line_start + 1,
                    });
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'\n' => {
                line += 1;
                line_start = at + 1;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<i64>().prop_map(Into::into),
            "[a\\[\\]{}\"\\\\\n]{0,6}".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::vec(("[\\[\\]\"\\\\]{0,3}", inner), 0..4).prop_map(
                    |members| members
                        .into_iter()
                        .collect::<serde_json::Map<_, _>>()
                        .into()
                ),
            ]
        })
    }

    proptest! {
        #[test]
        fn brackets_in_strings_do_not_count(value in any_json(), wrap in 90..110_usize) {
            fn depth(value: &serde_json::Value) -> usize {
                match value {
                    serde_json::Value::Array(items) =>
                        1 + items.iter().map(depth).max().unwrap_or(0),
                    serde_json::Value::Object(members) =>
                        1 + members.values().map(depth).max().unwrap_or(0),
                    _ => 0,
                }
            }
            let text = format!("{}{value}{}", "[".repeat(wrap), "]".repeat(wrap));
            let deep = matches!(check(text.as_bytes()), Err(JsonError::Deep { .. }));
            prop_assert_eq!(deep, wrap + depth(&value) > MAX_DEPTH);
        }
    }

    #[test]
    fn places_are_told() {
        assert!(check(nested(MAX_DEPTH).as_bytes()).is_ok());
        let text = format!("{{\n \"a\": {}}}", nested(MAX_DEPTH));
        match check(text.as_bytes()) {
            Err(JsonError::Deep { line, column }) => assert_eq!((line, column), (2, 106)),
            other => panic!("{other:?}"),
        }
        match check(b"[1,\n 2,]") {
            Err(JsonError::Syntax(error)) => assert_eq!((error.line(), error.column()), (2, 4)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_json_is_too_deep() {
        assert!(!is_too_deep(nested(MAX_DEPTH).as_bytes()));
        assert!(is_too_deep(nested(MAX_DEPTH + 1).as_bytes()));
        let objects = format!("{}1{}", "{\"a\":".repeat(101), "}".repeat(101));
        assert!(is_too_deep(objects.as_bytes()));
        let wide = format!("[{}1]", "[],".repeat(1_000));
        assert!(!is_too_deep(wide.as_bytes()));
        assert!(!is_too_deep(&b"[".repeat(1 << 20)));
        assert!(is_too_deep(nested(1 << 19).as_bytes()), "without recursion");
    }

    #[test]
    fn a_body_of_nothing_but_brackets_is_refused() {
        let text = vec![b'['; 1 << 20];
        assert!(matches!(
            check(&text),
            Err(JsonError::Deep {
                line: 1,
                column: 101
            })
        ));
    }
}
