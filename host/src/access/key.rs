//! Keys: `hrk_PUBLIC_SECRET`, of which the node knows the public part and a hash of the
//! secret.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

/// What every key begins with, so that scanners for secrets find it.
pub const KEY_PREFIX: &str = "hrk_";

/// Characters of the public part: enough to be unique by chance.
const PUBLIC_CHARACTERS: usize = 12;

/// Characters of the secret: the least that hold 256 bits.
const SECRET_CHARACTERS: usize = 43;

/// Longest public part that is read.
const MAX_PUBLIC: usize = 32;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key that was just made, with its secret.
pub struct NewKey {
    public: String,
    secret: String,
}

/// What the node keeps of a key: `PUBLIC:sha256:HEX`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash {
    public: String,
    sha256: [u8; 32],
}

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct NoRandomness;

impl NewKey {
    /// Makes a key out of the system's randomness.
    ///
    /// # Errors
    /// [`NoRandomness`] if there is none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let random = SystemRandom::new();
        Ok(Self {
            public: characters(&random, PUBLIC_CHARACTERS)?,
            secret: characters(&random, SECRET_CHARACTERS)?,
        })
    }

    /// The key as its holder keeps it.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{KEY_PREFIX}{}_{}", self.public, self.secret)
    }

    /// What the node keeps of it.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash {
            public: self.public.clone(),
            sha256: sha256(&self.secret),
        }
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KEY_PREFIX}{}_…", self.public)
    }
}

impl KeyHash {
    /// The part of the key by which it is found.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Whether this is the hash of `secret`, in a time that tells nothing of it.
    pub(super) fn is_of(&self, secret: &str) -> bool {
        self.sha256.ct_eq(&sha256(secret)).into()
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:sha256:", self.public)?;
        self.sha256
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:sha256:…", self.public)
    }
}

impl FromStr for KeyHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with(KEY_PREFIX) {
            return Err("it is a key itself, which must not stand here".to_owned());
        }
        let mut parts = text.split(':');
        let (Some(public), Some(kind), Some(hex), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("it has not three parts with colons between".to_owned());
        };
        if !is_public(public) {
            return Err("its first part is not the public part of a key".to_owned());
        }
        if kind != "sha256" {
            return Err(format!("its second part is {kind:?}, not \"sha256\""));
        }
        let sha256 = bytes(hex).ok_or("its third part is not 64 hexadecimal digits")?;
        Ok(Self {
            public: public.to_owned(),
            sha256,
        })
    }
}

/// The public part and the secret of a key that somebody presents, if it has that shape.
pub(super) fn parts(key: &str) -> Option<(&str, &str)> {
    let (public, secret) = key.strip_prefix(KEY_PREFIX)?.split_once('_')?;
    (is_public(public) && secret.len() == SECRET_CHARACTERS).then_some((public, secret))
}

/// Takes as long as [`KeyHash::is_of`], for a key that is not known.
pub(super) fn pretend(secret: &str) {
    let nothing = KeyHash {
        public: String::new(),
        sha256: [0; 32],
    };
    std::hint::black_box(nothing.is_of(secret));
}

fn is_public(text: &str) -> bool {
    (1..=MAX_PUBLIC).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn sha256(secret: &str) -> [u8; 32] {
    let digest = digest(&SHA256, secret.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// So many characters, each of the alphabet's as likely as the others.
fn characters(random: &SystemRandom, count: usize) -> Result<String, NoRandomness> {
    /// The largest multiple of the alphabet's length that a byte holds.
    const FAIR: u8 = (256 / ALPHABET.len() * ALPHABET.len()) as u8;
    let mut text = String::with_capacity(count);
    let mut bytes = [0; 64];
    while text.len() < count {
        random.fill(&mut bytes).map_err(|_| NoRandomness)?;
        let fair = bytes.iter().filter(|byte| **byte < FAIR);
        let characters = fair.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        text.extend(characters.take(count - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_hash_alone() {
        let key = NewKey::generate().unwrap();
        let revealed = key.reveal();
        let (public, secret) = parts(&revealed).unwrap();
        assert_eq!(public, key.hash().public());
        let kept: KeyHash = key.hash().to_string().parse().unwrap();
        assert_eq!(kept, key.hash());
        assert!(kept.is_of(secret));
        assert!(!kept.is_of(&secret.to_ascii_lowercase()));
        assert!(!kept.to_string().contains(secret));
        let debugged = format!("{key:?} {kept:?}");
        assert!(!debugged.contains(secret), "{debugged}");
        assert_ne!(revealed, NewKey::generate().unwrap().reveal());
    }

    #[test]
    fn the_hash_is_of_the_secret_as_it_is_written() {
        // echo -n abc | sha256sum
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let kept: KeyHash = format!("p:sha256:{abc}").parse().unwrap();
        assert!(kept.is_of("abc"));
    }

    #[test]
    fn bad_lines_say_what_is_wrong() {
        let hex = "00".repeat(32);
        for (text, told) in [
            (NewKey::generate().unwrap().reveal(), "key itself"),
            ("abc".to_owned(), "three parts"),
            (format!("a-b:sha256:{hex}"), "public part"),
            (format!(":sha256:{hex}"), "public part"),
            (format!("ab:sha1:{hex}"), "sha256"),
            (format!("ab:sha256:{hex}0"), "64 hexadecimal"),
            (format!("ab:sha256:{}é", "0".repeat(62)), "64 hexadecimal"),
        ] {
            let error = text.parse::<KeyHash>().unwrap_err();
            assert!(error.contains(told), "{error}");
            assert!(!error.contains("hrk_"), "{error}");
        }
    }

    #[test]
    fn only_whole_keys_have_parts() {
        for text in ["", "hrk_", "hrk_a", "hrk_a_short", "hrk__x", "abc_def"] {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}
