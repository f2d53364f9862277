//! Numbers as they stand in deltas: 64 digits, the highest first.

/// What is worth 0 to 63.
const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";

/// What a byte is worth, or [`NO_DIGIT`].
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};

const NO_DIGIT: u8 = 255;

/// Appends a number.
pub(super) fn push(value: usize, out: &mut Vec<u8>) {
    for place in (0..digits(value)).rev() {
        out.push(DIGITS[value >> (6 * place) & 63]);
    }
}

/// How many digits a number has.
pub(super) fn digits(value: usize) -> usize {
    let bits = usize::BITS - value.leading_zeros();
    bits.div_ceil(6).max(1) as usize
}

/// The number at the beginning of `bytes`, of which it is taken; nothing if there is none,
/// or if it has more than 32 bits, as no number of a delta may.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u32> {
    let mut value: u32 = 0;
    let mut taken = 0;
    while let Some(&byte) = bytes.get(taken) {
        let digit = VALUES[usize::from(byte)];
        if digit == NO_DIGIT {
            break;
        }
        if value >> (32 - 6) != 0 {
            return None;
        }
        value = value << 6 | u32::from(digit);
        taken += 1;
    }
    *bytes = &bytes[taken..];
    (taken > 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 9, 10, 35, 36, 63, 64, 4095, 4096, 65_535, u32::MAX] {
            let mut out = Vec::new();
            push(value as usize, &mut out);
            assert_eq!(out.len(), digits(value as usize), "{value}");
            out.push(b'@');
            let mut rest = &out[..];
            assert_eq!(take(&mut rest), Some(value));
            assert_eq!(rest, b"@");
        }
    }

    #[test]
    fn digits_are_those_of_fossil() {
        for (value, text) in [(0, "0"), (36, "_"), (63, "~"), (64, "10"), (4095, "~~")] {
            let mut out = Vec::new();
            push(value, &mut out);
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_none() {
        for bytes in [&b""[..], b"@", b"\xff", b"4000000", b"~~~~~~~~~~~~"] {
            assert_eq!(take(&mut &*bytes), None, "{bytes:?}");
        }
        assert_eq!(take(&mut &b"3~~~~~"[..]), Some(u32::MAX));
    }
}
