//! Finding things in what servers send, without reading all of it.

/// Where the needle begins, if it is there.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// Whether the needle is there.
pub(super) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    find(haystack, needle).is_some()
}

/// What stands between this, which ends with a quote, and the next quote.
pub(super) fn quoted(text: &[u8], before: &[u8]) -> Option<String> {
    let begin = find(text, before)? + before.len();
    let length = text[begin..].iter().position(|byte| *byte == b'"')?;
    String::from_utf8(text[begin..begin + length].to_vec()).ok()
}

/// The numbers that stand behind each `"n":`, in their order.
pub(super) fn numbers(text: &[u8]) -> impl Iterator<Item = u64> {
    const NAME: &[u8] = b"\"n\":";
    let mut rest = text;
    std::iter::from_fn(move || {
        let begin = find(rest, NAME)? + NAME.len();
        rest = &rest[begin..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_wherever_they_stand() {
        let text =
            br#"{"id":2,"x":{"publications":[{"data":{"n":7},"offset":7},{"data":{"n":18}}]}}"#;
        assert_eq!(numbers(text).collect::<Vec<_>>(), [7, 18]);
        assert_eq!(numbers(b"{\"session\":3}").next(), None);
        assert_eq!(
            quoted(br#"{"epoch":"aB","offset":3}"#, b"\"epoch\":\"").unwrap(),
            "aB"
        );
    }
}
