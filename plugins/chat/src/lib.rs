//! Rooms in which sessions talk. What they say is looked at before others see it, and what
//! begins with `/` is a command.

mod command;

use hearken_sdk::log;
use hearken_sdk::sessions::{
    self, Published, Publishing, Refusal, Session, Subscribed, Subscribing, To,
};
use serde::{Deserialize, Serialize};

use command::Command;

/// The namespace of the rooms.
const NAMESPACE: &str = "chat:";

/// Longest name of a room, in bytes.
const MAX_ROOM: usize = 40;

/// Longest name under which somebody speaks, in characters.
const MAX_NAME: usize = 40;

/// Longest message, in characters.
const MAX_TEXT: usize = 2_000;

/// What somebody says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Message {
    #[serde(default)]
    name: String,
    text: String,
}

/// What only one session is told.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Aside {
    text: String,
}

/// What a session is told that enters.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Welcome {
    /// How many are there already.
    here: u64,
}

#[derive(Debug, Default)]
struct Chat;

#[hearken_sdk::sessions("chat")]
impl Chat {
    /// Lets everybody into any room whose name is one.
    fn subscribe(&self, _session: &Session, request: &Subscribing) -> Result<Subscribed, Refusal> {
        let channel = request.channel.trim_start_matches('$');
        let room = channel.strip_prefix(NAMESPACE).unwrap_or_default();
        let is_short = (1..=MAX_ROOM).contains(&room.len());
        if !is_short {
            return Err(Refusal::error(
                400,
                format!("the name of a room has 1 to {MAX_ROOM} characters"),
            ));
        }
        // A greeting is not worth a refusal.
        Ok(match sessions::presence_stats(&request.channel) {
            Ok(stats) => Subscribed::new().data(&Welcome {
                here: stats.clients,
            }),
            Err(error) => {
                log::warn(format_args!("{}: {error}", request.channel));
                Subscribed::new()
            }
        })
    }

    /// Tidies a message up, or carries a command out.
    fn publish(&self, session: &Session, request: &Publishing) -> Result<Published, Refusal> {
        let Message { name, text } = request.json()?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Refusal::error(401, "there is nothing in the message"));
        }
        if text.chars().count() > MAX_TEXT {
            return Err(Refusal::error(
                402,
                format!("a message has at most {MAX_TEXT} characters"),
            ));
        }
        if let Some(command) = text.strip_prefix('/') {
            let text = Command::of(command).answer(&request.channel);
            let told = sessions::send(To::session(&session.client), &Aside { text });
            return match told {
                Ok(_) => Ok(Published::Handled),
                Err(error) => {
                    log::warn(format_args!("{}: {error}", request.channel));
                    Err(Refusal::internal())
                }
            };
        }
        // Who is somebody speaks under no other name.
        let name = match &*session.user {
            "" => name.trim().chars().take(MAX_NAME).collect(),
            user => user.to_owned(),
        };
        let text = text.to_owned();
        Ok(Published::json(&Message { name, text }))
    }
}

#[cfg(test)]
mod tests;
