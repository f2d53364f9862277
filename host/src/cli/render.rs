//! Events and tables as people read them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a line shows of an event.
#[derive(Deserialize)]
struct Shown<'a> {
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    data_base64: Option<Cow<'a, str>>,
}

/// An event on one line: time, type, subject, data. `event` is CloudEvents JSON
/// and is shown as it is if it turns out not to be.
pub(super) fn event_line(event: &str) -> String {
    let Ok(shown) = serde_json::from_str::<Shown<'_>>(event) else {
        return printable(event).into_owned();
    };
    let mut line = String::new();
    if let Some(time) = &shown.time {
        line.push_str(time);
        line.push(' ');
    }
    line.push_str(&shown.event_type);
    if let Some(subject) = &shown.subject {
        line.push_str(&format!(" subject={subject}"));
    }
    if let Some(data) = shown.data {
        line.push(' ');
        line.push_str(data.get());
    }
    if let Some(data) = &shown.data_base64 {
        line.push_str(&format!(" base64:{data}"));
    }
    printable(&line).into_owned()
}

/// `text` without what would command a terminal: an event's subject is written
/// by strangers.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    escape(text, char::is_control)
}

/// [`printable`] for texts of several lines.
pub(super) fn printable_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c.is_control() && c != '\n')
}

fn escape(text: &str, unwanted: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&unwanted) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if unwanted(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Rows with their columns aligned, two spaces apart.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        line.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        assert_eq!(
            event_line(
                r#"{"id":"1","type":"custom.a","time":"2026-01-02T03:04:05.678Z","subject":"s","data":{"b":1, "a":[2]}}"#
            ),
            r#"2026-01-02T03:04:05.678Z custom.a subject=s {"b":1, "a":[2]}"#
        );
        assert_eq!(
            event_line(r#"{"type":"custom.a","data_base64":"AQI="}"#),
            "custom.a base64:AQI="
        );
    }

    #[test]
    fn nothing_that_commands_a_terminal_is_printed() {
        let line = event_line(
            "{\"type\":\"custom.a\",\"subject\":\"\\u001b[2J\\n\",\"data\":\"\u{9b}1m\"}",
        );
        assert!(!line.contains(char::is_control), "{line:?}");
        assert_eq!(printable_lines("a\nb\u{1b}"), "a\nb\\u{1b}");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["a", "b", ""], ["ccc", "d", "e"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "a    b\nccc  d  e");
    }
}
