//! Commands within a room.

use std::collections::BTreeMap;

use hearken_sdk::sessions::{self, HistoryAsked, SessionsError};

use crate::Message;

/// Messages that are looked at for who spoke last.
const LAST: u32 = 10;

/// Most names that an answer has.
const MAX_NAMES: usize = 20;

/// What somebody wants to know.
pub enum Command {
    Who,
    Last,
    Help,
    Unknown(String),
}

impl Command {
    /// The command of this name, without its `/`.
    pub fn of(text: &str) -> Self {
        match text.split_whitespace().next().unwrap_or_default() {
            "who" => Self::Who,
            "last" => Self::Last,
            "help" => Self::Help,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// What is said to it in a room.
    pub fn answer(&self, channel: &str) -> String {
        let answer = match self {
            Self::Who => who(channel),
            Self::Last => last(channel),
            Self::Help => Ok("/who says who is here, /last who spoke last".to_owned()),
            Self::Unknown(name) => Ok(format!("there is no command /{name}; /help has them all")),
        };
        answer.unwrap_or_else(|error| error.to_string())
    }
}

fn who(channel: &str) -> Result<String, SessionsError> {
    let present = sessions::presence(channel)?;
    let mut users: BTreeMap<&str, usize> = BTreeMap::new();
    for client in &present {
        *users.entry(&client.user).or_default() += 1;
    }
    let guests = users.remove("").unwrap_or_default();
    let others = users.len().saturating_sub(MAX_NAMES);
    let mut names: Vec<String> = users
        .keys()
        .take(MAX_NAMES)
        .map(|user| (*user).to_owned())
        .collect();
    if others > 0 {
        names.push(format!("{others} more"));
    }
    match guests {
        0 => {}
        1 => names.push("a guest".to_owned()),
        guests => names.push(format!("{guests} guests")),
    }
    Ok(match names.len() {
        0 => "nobody is here".to_owned(),
        _ => format!("here: {}", names.join(", ")),
    })
}

fn last(channel: &str) -> Result<String, SessionsError> {
    let asked = HistoryAsked {
        limit: LAST,
        reverse: true,
        ..HistoryAsked::default()
    };
    let page = sessions::history(channel, &asked)?;
    let mut names: Vec<String> = Vec::new();
    for publication in page.publications {
        // A server may have published something else.
        if let Ok(Message { name, .. }) = publication.json()
            && !name.is_empty()
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    Ok(match names.len() {
        0 => "nobody has spoken yet".to_owned(),
        _ => format!("last spoke: {}", names.join(", ")),
    })
}
