//! How deeply components lie in each other, found out before anything is built for
//! them: a compiler needs memory in the square of the depth.

use wasmparser::{Parser, Payload};

/// Deepest nesting of components and modules; tools that put components together nest
/// a few.
const MAX_DEPTH: usize = 100;

/// Checks the nesting of a component. What is not valid otherwise is left to the
/// validator, which has better words for it.
///
/// # Errors
/// A text for the component's author.
pub(super) fn check_nesting(component: &[u8]) -> Result<(), String> {
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(_) => {}
            Err(_) => return Ok(()),
        }
        if depth > MAX_DEPTH {
            return Err(format!(
                "components are nested in it more than {MAX_DEPTH} deep"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Components in each other, so many below the outermost.
    fn nested(depth: usize) -> Vec<u8> {
        const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";
        (0..depth).fold(PREAMBLE.to_vec(), |inner, _| {
            let mut length = Vec::new();
            let mut left = inner.len();
            while left > 127 {
                length.push(u8::try_from(left & 127).expect("seven bits") | 128);
                left >>= 7;
            }
            length.push(u8::try_from(left).expect("seven bits"));
            [PREAMBLE, &[4], &length, &inner].concat()
        })
    }

    #[test]
    fn what_is_nested_deeper_than_any_tool_does_is_refused() {
        assert_eq!(check_nesting(&nested(MAX_DEPTH)), Ok(()));
        assert!(check_nesting(&nested(MAX_DEPTH + 1)).is_err());
        assert!(check_nesting(&nested(20_000)).is_err());
    }

    #[test]
    fn siblings_are_not_nested() {
        let many = format!("(component {})", "(component) (core module)".repeat(300));
        assert_eq!(check_nesting(&wat::parse_str(many).unwrap()), Ok(()));
    }
}
