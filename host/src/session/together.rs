//! Commands of a client that are carried out together.

use std::collections::VecDeque;

use hearken_session_protocol::{Command, Request};

/// What is carried out in one go: a command, or subscriptions that come one after the other.
pub struct Commands {
    pub(super) first: Command,
    pub(super) subscriptions: Vec<Command>,
}

impl From<Command> for Commands {
    fn from(first: Command) -> Self {
        Self {
            first,
            subscriptions: Vec::new(),
        }
    }
}

impl Commands {
    /// Takes out what is to be carried out next of commands that came, if there is anything.
    pub fn next_of(came: &mut VecDeque<Command>) -> Option<Self> {
        let mut next = Self::from(came.pop_front()?);
        let subscribes = |command: &mut Command| matches!(command.request, Request::Subscribe(_));
        if subscribes(&mut next.first) {
            while let Some(another) = came.pop_front_if(subscribes) {
                next.subscriptions.push(another);
            }
        }
        Some(next)
    }
}
