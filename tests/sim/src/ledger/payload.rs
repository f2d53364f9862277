//! What the events of a simulation carry: who published them, as the how manieth.

use super::LifeId;

/// Which of a node's receivers want an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Those that are there all the time, on every node.
    Main,
    /// Those that come and go, on every node.
    Side,
    /// Only those of the node itself: it is not distributed.
    Private,
}

impl Kind {
    /// The type of such an event.
    #[must_use]
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Main => "custom.main.event",
            Self::Side => "custom.side.event",
            // Would be wanted elsewhere, if it went there.
            Self::Private => "custom.main.private",
        }
    }
}

/// The data of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Who published it.
    pub life: LifeId,
    /// Which publisher of that start of the node.
    pub publisher: usize,
    /// How many events this publisher has published with it.
    pub of_publisher: u64,
    /// How many events of this kind the start of the node has published with it.
    pub of_kind: u64,
}

impl Payload {
    /// As text of at least so many bytes.
    #[must_use]
    pub fn encode(&self, bytes: usize) -> Vec<u8> {
        let Self {
            life,
            publisher,
            of_publisher,
            of_kind,
        } = self;
        let text = format!("{} {publisher} {of_publisher} {of_kind} ", life.0);
        let mut text = text.into_bytes();
        text.resize(text.len().max(bytes), b'x');
        text
    }

    /// From the text of it; nothing when it is none.
    #[must_use]
    pub fn decode(data: &[u8]) -> Option<Self> {
        let mut numbers = std::str::from_utf8(data).ok()?.split(' ');
        let mut number = || numbers.next()?.parse::<u64>().ok();
        Some(Self {
            life: LifeId(usize::try_from(number()?).ok()?),
            publisher: usize::try_from(number()?).ok()?,
            of_publisher: number()?,
            of_kind: number()?,
        })
    }
}
