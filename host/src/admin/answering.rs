//! What sessions may ask a plugin, as operators see it.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a plugin answers of what sessions ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswersStatus {
    /// The questions, e.g. `connect` and `subscribe`.
    pub questions: Vec<String>,
    /// The namespaces that it says it answers for; empty for all that name it.
    pub namespaces: Vec<String>,
}

impl fmt::Display for AnswersStatus {
    /// `connect, subscribe of chat`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.questions.is_empty() {
            true => f.write_str("nothing")?,
            false => f.write_str(&self.questions.join(", "))?,
        }
        match self.namespaces.is_empty() {
            true => Ok(()),
            false => write!(f, " of {}", self.namespaces.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_shown_with_the_namespaces_that_they_are_about() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let shown = |questions: &[&str], namespaces: &[&str]| {
            let answers = AnswersStatus {
                questions: texts(questions),
                namespaces: texts(namespaces),
            };
            answers.to_string()
        };
        assert_eq!(
            shown(&["connect", "subscribe"], &["chat"]),
            "connect, subscribe of chat"
        );
        assert_eq!(shown(&["rpc"], &[]), "rpc");
        assert_eq!(shown(&[], &["chat", "game"]), "nothing of chat, game");
    }
}
