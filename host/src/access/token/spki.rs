//! Public keys as files have them: a `SubjectPublicKeyInfo` (RFC 5280, section 4.1).

/// A public key of a kind that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PublicKey<'d> {
    /// An `RSAPublicKey` of PKCS#1.
    Rsa(&'d [u8]),
    /// An uncompressed point.
    P256(&'d [u8]),
    /// An uncompressed point.
    P384(&'d [u8]),
    /// 32 bytes.
    Ed25519(&'d [u8]),
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// The contents of the `AlgorithmIdentifier`s: object ids, and for RSA a null.
const RSA_ENCRYPTION: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const EC_P256: &[u8] =
    b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const EC_P384: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";

/// The key in `der`, if it is of a kind that is taken.
pub(super) fn public_key(der: &[u8]) -> Option<PublicKey<'_>> {
    let (info, b"") = element(der, SEQUENCE)? else {
        return None;
    };
    let (algorithm, rest) = element(info, SEQUENCE)?;
    let (key, b"") = element(rest, BIT_STRING)? else {
        return None;
    };
    // Before the bits stands how many of the last byte are none.
    let key = key.strip_prefix(b"\0")?;
    match algorithm {
        RSA_ENCRYPTION => Some(PublicKey::Rsa(key)),
        EC_P256 if key.len() == 65 => Some(PublicKey::P256(key)),
        EC_P384 if key.len() == 97 => Some(PublicKey::P384(key)),
        ED25519 if key.len() == 32 => Some(PublicKey::Ed25519(key)),
        _ => None,
    }
}

/// The content of the element of this tag with which `der` begins, and what is after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 3))?;
            let digit = |length: usize, byte: &u8| length << 8 | usize::from(*byte);
            (length.iter().fold(0, digit), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_cut_off_or_of_another_kind_is_no_key() {
        let ed25519 = [b"\x30\x2a\x30\x05", ED25519, b"\x03\x21\x00", &[7; 32]].concat();
        assert_eq!(public_key(&ed25519), Some(PublicKey::Ed25519(&[7; 32])));
        for length in 0..ed25519.len() {
            assert_eq!(public_key(&ed25519[..length]), None);
        }
        assert_eq!(public_key(&[ed25519.as_slice(), b"\0"].concat()), None);
        for at in 0..ed25519.len() - 32 {
            let mut changed = ed25519.clone();
            changed[at] ^= 0x81;
            assert_eq!(public_key(&changed), None, "{at}");
        }
    }
}
