//! Extension attributes: `u8` bytes of name, name, `u8` kind (0 Boolean,
//! 1 Integer, 2 String), `u16` bytes of value, value in canonical string form.

use std::iter::FusedIterator;

/// The CloudEvents type of an extension attribute's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionKind {
    /// `true` or `false`.
    Boolean,
    /// A decimal number of 32 bits.
    Integer,
    /// Everything else.
    String,
}

const BOOLEAN: u8 = 0;
const INTEGER: u8 = 1;
const STRING: u8 = 2;

pub(crate) fn encode(name: &str, kind: ExtensionKind, value: &str, out: &mut Vec<u8>) {
    let name_len = u8::try_from(name.len()).expect("names have at most 255 bytes");
    let value_len = u16::try_from(value.len()).expect("values have at most 65,535 bytes");
    out.push(name_len);
    out.extend_from_slice(name.as_bytes());
    out.push(match kind {
        ExtensionKind::Boolean => BOOLEAN,
        ExtensionKind::Integer => INTEGER,
        ExtensionKind::String => STRING,
    });
    out.extend_from_slice(&value_len.to_le_bytes());
    out.extend_from_slice(value.as_bytes());
}

/// The extension attributes of an event: names, kinds and values. Ends early where
/// the bytes are no extensions.
#[derive(Clone, Debug)]
pub struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (&'a str, ExtensionKind, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (&name_len, rest) = self.0.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(name_len))?;
        let (&kind, rest) = rest.split_first()?;
        let kind = match kind {
            BOOLEAN => ExtensionKind::Boolean,
            INTEGER => ExtensionKind::Integer,
            STRING => ExtensionKind::String,
            _ => return None,
        };
        let (&value_len, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(value_len)))?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let extension = (text(name)?, kind, text(value)?);
        // Not before all is read: behind what is no extension there is none either.
        self.0 = rest;
        Some(extension)
    }
}

impl FusedIterator for Extensions<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_ends_the_extensions_for_good() {
        let mut bytes = Vec::new();
        encode("a", ExtensionKind::String, "before", &mut bytes);
        let broken = bytes.len() + 1;
        encode("b", ExtensionKind::String, "broken", &mut bytes);
        encode("c", ExtensionKind::String, "behind", &mut bytes);
        bytes[broken] = 0xff;

        let mut extensions = Extensions::new(&bytes);
        let before = ("a", ExtensionKind::String, "before");
        assert_eq!(extensions.next(), Some(before));
        assert_eq!(extensions.next(), None);
        assert_eq!(extensions.next(), None);
    }
}
