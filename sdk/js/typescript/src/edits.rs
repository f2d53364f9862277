//! What is to go from a text, and what is to stand in its place.

/// Changes of a text that leave each line and each column where it is.
#[derive(Default)]
pub(crate) struct Edits {
    /// From and to.
    blanks: Vec<(u32, u32)>,
    /// Single characters that stand where others have gone.
    puts: Vec<(u32, char)>,
}

impl Edits {
    /// Takes what lies between out.
    pub(crate) fn blank(&mut self, from: u32, to: u32) {
        if from < to {
            self.blanks.push((from, to));
        }
    }

    /// Puts a character where something goes.
    pub(crate) fn put(&mut self, at: u32, character: char) {
        self.puts.push((at, character));
    }

    /// The changed text.
    pub(crate) fn apply(mut self, text: &str) -> String {
        self.blanks.sort_unstable();
        self.puts.sort_unstable();
        let mut blanks = self.blanks.into_iter().peekable();
        let mut puts = self.puts.into_iter().peekable();
        let mut until = 0;
        let mut changed = String::with_capacity(text.len());
        for (at, character) in text.char_indices() {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            while let Some((_, to)) = blanks.next_if(|(from, _)| *from <= at) {
                until = until.max(to);
            }
            let mut put = None;
            while let Some((_, character)) = puts.next_if(|(place, _)| *place <= at) {
                put = Some(character);
            }
            changed.push(match put {
                Some(put) => put,
                None if at < until && !is_line_break(character) => ' ',
                None => character,
            });
        }
        changed
    }
}

/// What a line ends with.
pub(crate) fn is_line_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}
