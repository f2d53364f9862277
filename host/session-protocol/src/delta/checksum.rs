//! What a delta's result is known by.

/// The sum, without its carry, of `bytes` as numbers of 32 bits, the high byte first; of the
/// last, bytes that are missing count as 0.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    words
        .iter()
        .chain([&last])
        .fold(0, |sum, word| sum.wrapping_add(u32::from_be_bytes(*word)))
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn words_are_added_without_carry() {
        assert_eq!(checksum(b""), 0);
        assert_eq!(checksum(&[1, 2, 3, 4]), 0x0102_0304);
        assert_eq!(checksum(&[1, 2, 3, 4, 5]), 0x0602_0304);
        assert_eq!(checksum(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2]), 1);
    }
}
