//! Clients mask what they send, so that no proxy takes it for something else.

/// Takes the mask off, or puts it on. `offset` is the place of the first byte within its
/// frame.
pub(super) fn unmask(payload: &mut [u8], mut key: [u8; 4], offset: usize) {
    key.rotate_left(offset % 4);
    // Eight bytes at a time: the key twice.
    let twice = u64::from(u32::from_ne_bytes(key));
    let twice = twice << 32 | twice;
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ twice).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(twice.to_ne_bytes()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::unmask;

    #[test]
    fn each_byte_meets_its_byte_of_the_key() {
        let key = [1, 2, 4, 8];
        for offset in 0..9 {
            for length in 0..40 {
                let mut payload = vec![0; length];
                unmask(&mut payload, key, offset);
                let expected: Vec<u8> = (offset..offset + length).map(|at| key[at % 4]).collect();
                assert_eq!(payload, expected, "{offset} {length}");
            }
        }
    }
}
