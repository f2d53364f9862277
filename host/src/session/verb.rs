//! What a session wants to do with a channel.

/// What a session wants to do with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// To subscribe to it.
    Subscribe,
    /// To publish to it.
    Publish,
    /// To read its history.
    History,
    /// To see who is subscribed.
    Presence,
}

/// Some of the verbs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verbs(u8);

impl Verb {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Subscribe,
        Self::Publish,
        Self::History,
        Self::Presence,
    ];

    /// The word for it in capabilities.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Subscribe => "sub",
            Self::Publish => "pub",
            Self::History => "hst",
            Self::Presence => "prs",
        }
    }

    /// Reads that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.word() == word)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Verbs {
    /// Whether the verb is among them.
    #[must_use]
    pub const fn has(self, verb: Verb) -> bool {
        self.0 & verb.bit() != 0
    }
}

impl FromIterator<Verb> for Verbs {
    fn from_iter<I: IntoIterator<Item = Verb>>(verbs: I) -> Self {
        let bits = verbs.into_iter().map(Verb::bit);
        Self(bits.fold(0, |all, bit| all | bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_verbs_told_apart() {
        for verb in Verb::ALL {
            assert_eq!(Verb::of(verb.word()), Some(verb));
            let one: Verbs = [verb].into_iter().collect();
            for other in Verb::ALL {
                assert_eq!(one.has(other), other == verb);
            }
            assert!(!Verbs::default().has(verb));
        }
        assert_eq!(Verb::of("read"), None);
    }
}
