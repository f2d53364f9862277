//! The settings of the API of ganomede-events as the gateway, which knows no configuration,
//! calls them.

use super::error::NodeError;
use super::secret_file::{SHORT, read};
use crate::clock::Clock;
use crate::config::{GanomedeSecret, GanomedeSettings};
use crate::gateway::{GanomedeConfig, SharedSecret};

/// What that API is on this node, if it has it. Reads the file of the secret.
pub(super) fn config(
    settings: &GanomedeSettings,
    clock: &dyn Clock,
) -> Result<Option<GanomedeConfig>, NodeError> {
    let secret = match &settings.secret {
        None => return Ok(None),
        Some(GanomedeSecret::Text(text)) => secret(text.reveal()),
        Some(GanomedeSecret::File(path)) => {
            let read = read(path).map_err(|problem| NodeError::GanomedeSecret {
                path: path.clone(),
                problem,
            })?;
            secret(&read)
        }
    };
    Ok(Some(GanomedeConfig {
        secret,
        create: settings.create,
        poll_timeout: settings.poll_timeout,
        started: clock.now_millis(),
    }))
}

fn secret(text: &str) -> SharedSecret {
    if text.len() < SHORT {
        tracing::warn!(
            "the secret of `[ganomede]` has fewer than {SHORT} bytes, and can be guessed: it \
             opens all channels of the node"
        );
    }
    SharedSecret::new(text)
}
