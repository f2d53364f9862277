//! Texts of strangers, which may hold anything.

/// Most characters of a stranger's text that are shown.
const MAX_SHOWN: usize = 256;

/// A stranger's text as it may be shown: on one line, without what terminals obey, and
/// cut.
pub(in crate::cluster) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MAX_SHOWN)
        .flat_map(|c| {
            let plain = !c.is_control() && !is_unseen(c);
            let escaped = (!plain).then(|| c.escape_default());
            plain
                .then_some(c)
                .into_iter()
                .chain(escaped.into_iter().flatten())
        })
        .take(MAX_SHOWN)
        .collect();
    if shown.len() < text.len() && text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Characters that break lines or turn the direction of writing.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
