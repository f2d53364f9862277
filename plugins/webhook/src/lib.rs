//! Posts events to an HTTP endpoint in the binary mode of CloudEvents, and tries
//! again when that may help.

mod delivery;
#[cfg(target_family = "wasm")]
mod http;
mod request;

use hearken_sdk::{Event, config};

use delivery::{DeliveryError, Retries};
use request::Request;

/// Attempts for one event unless `attempts` says otherwise.
const DEFAULT_ATTEMPTS: usize = 4;

/// Most attempts that can be configured: they must fit into the manifest's
/// `deadline`.
const MAX_ATTEMPTS: usize = 10;

#[derive(Debug, thiserror::Error)]
enum WebhookError {
    #[error("`url` is missing in `[config]` of the manifest; say where to post to")]
    NoUrl,
    #[error("the configuration value `attempts` is {0}; it may be 1 to {MAX_ATTEMPTS}")]
    Attempts(usize),
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
}

#[hearken_sdk::listener("custom.webhook.*")]
fn post(event: &Event) -> Result<(), WebhookError> {
    let (request, retries) = prepare(event)?;
    #[cfg(target_family = "wasm")]
    delivery::deliver(&mut http::Http, &request, retries)?;
    #[cfg(not(target_family = "wasm"))]
    let _ = (request, retries);
    Ok(())
}

fn prepare(event: &Event) -> Result<(Request, Retries), WebhookError> {
    let url = config::get("url")?.ok_or(WebhookError::NoUrl)?;
    let attempts = config::parse("attempts")?.unwrap_or(DEFAULT_ATTEMPTS);
    if !(1..=MAX_ATTEMPTS).contains(&attempts) {
        return Err(WebhookError::Attempts(attempts));
    }
    Ok((Request::new(url, event), Retries::new(attempts - 1)))
}
