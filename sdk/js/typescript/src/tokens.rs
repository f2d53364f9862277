//! The words of a text: what the syntax tree does not tell the place of.

/// The words, in their order.
#[derive(Clone, Copy)]
pub(crate) struct Tokens<'t> {
    text: &'t str,
    /// Where each begins and ends.
    places: &'t [(u32, u32)],
}

/// A word and its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'t> {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) text: &'t str,
}

impl<'t> Tokens<'t> {
    pub(crate) fn new(text: &'t str, places: &'t [(u32, u32)]) -> Self {
        Self { text, places }
    }

    /// Those that begin at `from` or behind it.
    pub(crate) fn from(self, from: u32) -> impl Iterator<Item = Token<'t>> {
        let first = self.places.partition_point(|(start, _)| *start < from);
        self.places
            .get(first..)
            .unwrap_or_default()
            .iter()
            .map(move |place| self.token(*place))
    }

    /// Those that lie between.
    pub(crate) fn between(self, from: u32, to: u32) -> impl Iterator<Item = Token<'t>> {
        self.from(from).take_while(move |token| token.end <= to)
    }

    /// The last that ends at `to` or before it.
    pub(crate) fn before(self, to: u32) -> Option<Token<'t>> {
        let behind = self.places.partition_point(|(_, end)| *end <= to);
        let last = self.places.get(behind.checked_sub(1)?)?;
        Some(self.token(*last))
    }

    fn token(self, (start, end): (u32, u32)) -> Token<'t> {
        let text = self
            .text
            .get(start as usize..end as usize)
            .unwrap_or_default();
        Token { start, end, text }
    }
}
