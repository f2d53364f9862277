//! Which log a position belongs to.

use std::fmt;
use std::str::FromStr;

/// Which log this is: drawn at random when it is made, so that a position is not taken for
/// one in another log of the same name. As text 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

/// A text is no epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an epoch has 16 hexadecimal digits, such as 00f1e2d3c4b5a697")]
pub struct EpochError;

const DIGITS: usize = 16;

impl Epoch {
    /// The epoch of these bits.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Epoch {
    type Err = EpochError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Which a number may have before it.
        if text.len() != DIGITS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(EpochError);
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| EpochError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_is_read_back_and_no_other() {
        let epoch = Epoch::new(0xf1e2);
        assert_eq!(epoch.to_string(), "000000000000f1e2");
        assert_eq!(epoch.to_string().parse(), Ok(epoch));
        for wrong in ["", "f1e2", "+00000000000f1e2", "000000000000f1eg"] {
            assert_eq!(wrong.parse::<Epoch>(), Err(EpochError), "{wrong}");
        }
    }
}
