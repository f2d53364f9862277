//! Whether somebody is still writing a component: its sections say how long they are.

/// Highest number of a section of a component.
const LAST_SECTION: u8 = 12;

/// Bytes of the preamble, which is checked elsewhere.
const PREAMBLE_BYTES: usize = 8;

/// Whether the file ends within a section. Sections within sections need no look:
/// the outer ones say how long they are.
pub(crate) fn is_cut_off(component: &[u8]) -> bool {
    let mut rest = component.get(PREAMBLE_BYTES..).unwrap_or_default();
    while let Some((&section, after)) = rest.split_first() {
        if section > LAST_SECTION {
            // No section of a component: what this is does not become one.
            return false;
        }
        match length(after) {
            Length::Of(bytes, content) => match content.get(bytes..) {
                Some(next) => rest = next,
                None => return true,
            },
            Length::CutOff => return true,
            Length::Invalid => return false,
        }
    }
    false
}

enum Length<'a> {
    /// So many bytes of what follows.
    Of(usize, &'a [u8]),
    CutOff,
    Invalid,
}

/// A number below 2^32 in LEB128.
fn length(bytes: &[u8]) -> Length<'_> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return match u32::try_from(number) {
                Ok(number) => Length::Of(number as usize, &bytes[at + 1..]),
                Err(_) => Length::Invalid,
            };
        }
    }
    if bytes.len() < 5 {
        Length::CutOff
    } else {
        Length::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_is_cut_anywhere_within_a_section_is_cut_off() {
        let component = wat::parse_str(
            "(component
                (core module (func (export \"f\")) (data \"0123456789\"))
                (component (core module (memory 1)))
                (type (func (param \"x\" string)))
                (@custom \"name\" \"some more text, so that its length takes a few bytes\"))",
        )
        .unwrap();
        assert!(!is_cut_off(&component));
        let boundaries: Vec<_> = (PREAMBLE_BYTES..component.len())
            .filter(|cut| !is_cut_off(&component[..*cut]))
            .collect();
        // Between the sections, where nothing tells that more is to come.
        assert_eq!(boundaries.len(), 4, "{boundaries:?}");
        assert_eq!(boundaries[0], PREAMBLE_BYTES);
        // Each boundary begins a section whose first byte is its number.
        for cut in boundaries {
            assert!(component[cut] <= LAST_SECTION, "{cut}");
        }
    }

    #[test]
    fn nonsense_is_not_waited_for() {
        let with = |rest: &[u8]| [b"\0asm\x0d\0\x01\0", rest].concat();
        for nonsense in [
            &[0xff; 64][..],
            &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            &[1, 0xff, 0xff, 0xff, 0xff, 0x7f, 1],
            &[0x20, 0x50],
        ] {
            assert!(!is_cut_off(&with(nonsense)), "{nonsense:x?}");
        }
        assert!(is_cut_off(&with(&[1])));
        assert!(is_cut_off(&with(&[1, 0x80])));
        assert!(is_cut_off(&with(&[1, 2, 0])));
        assert!(!is_cut_off(&with(&[0, 1, 0])));
        assert!(!is_cut_off(&with(&[])));
    }
}
