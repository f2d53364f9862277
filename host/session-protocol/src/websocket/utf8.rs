//! Whether text that comes in pieces is UTF-8, as soon as it can be known.

/// Most bytes of a character.
const CHARACTER: usize = 4;

/// The beginning of a character whose end did not come yet.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Utf8 {
    begun: [u8; CHARACTER],
    length: u8,
}

impl Utf8 {
    /// Whether the text can be UTF-8 with this piece too.
    pub fn piece(&mut self, mut piece: &[u8]) -> bool {
        while self.length > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return true;
            };
            piece = rest;
            self.begun[usize::from(self.length)] = byte;
            self.length += 1;
            match std::str::from_utf8(&self.begun[..self.length.into()]) {
                Ok(_) => self.length = 0,
                // With a fourth byte it is a character, or never will be.
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        let Err(error) = std::str::from_utf8(piece) else {
            return true;
        };
        let begun = &piece[error.valid_up_to()..];
        if error.error_len().is_some() {
            return false;
        }
        self.begun[..begun.len()].copy_from_slice(begun);
        self.length = begun.len() as u8;
        true
    }

    /// Whether the text may end here.
    pub fn is_whole(self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_utf8(pieces: &[&[u8]]) -> bool {
        let mut utf8 = Utf8::default();
        pieces.iter().all(|piece| utf8.piece(piece)) && utf8.is_whole()
    }

    #[test]
    fn a_text_may_be_cut_anywhere() {
        let text = "aé中😀z";
        for one in 0..=text.len() {
            for other in one..=text.len() {
                let bytes = text.as_bytes();
                let pieces = [&bytes[..one], &bytes[one..other], &bytes[other..]];
                assert!(is_utf8(&pieces), "{pieces:?}");
            }
        }
    }

    #[test]
    fn what_can_never_be_utf8_is_told_at_its_byte() {
        // Beyond the last code point, a surrogate, overlong, a stray byte.
        for (fine, wrong) in [
            (&b"\xf4"[..], 0x90),
            (b"\xed", 0xa0),
            (b"\xe0", 0x80),
            (b"\xf0\x9f\x98", b'a'),
            (b"", 0x80),
            (b"ok", 0xff),
            (b"", 0xc0),
        ] {
            let mut utf8 = Utf8::default();
            assert!(utf8.piece(fine), "{fine:x?}");
            assert!(!utf8.piece(&[wrong]), "{fine:x?} {wrong:x}");
        }
        assert!(!is_utf8(&[b"\xe4\xb8"]));
    }
}
