//! Posts events to an HTTP endpoint in the binary mode of CloudEvents, and tries
//! again when that may help.

pub mod delivery;
#[cfg(target_family = "wasm")]
mod http;
pub mod request;

use hearken_sdk::{Event, config};

use delivery::{DeliveryError, Retries};
use request::Request;

/// Attempts for one event unless `attempts` says otherwise.
const DEFAULT_ATTEMPTS: usize = 4;

/// Most attempts that can be configured: they must fit into the manifest's
/// `deadline`.
const MAX_ATTEMPTS: usize = 10;

/// Why an event was not posted.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The configuration lacks the endpoint.
    #[error("`url` is missing in `[config]` of the manifest; say where to post to")]
    NoUrl,
    /// The configured number of attempts is out of range.
    #[error("the configuration value `attempts` is {0}; it may be 1 to {MAX_ATTEMPTS}")]
    Attempts(usize),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// The endpoint did not take the event.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
}

// `wasi:http` is there only for components; the rest is tested natively.
#[cfg(target_family = "wasm")]
#[hearken_sdk::listener("custom.webhook.*")]
fn post(event: &Event) -> Result<(), WebhookError> {
    let (request, retries) = prepare(event)?;
    delivery::deliver(&mut http::Http, &request, retries)?;
    Ok(())
}

/// What is to be posted for `event`, and how often to try again.
///
/// # Errors
/// [`WebhookError`] names the configuration value that is missing or not usable.
pub fn prepare(event: &Event) -> Result<(Request, Retries), WebhookError> {
    let url = config::get("url")?.ok_or(WebhookError::NoUrl)?;
    let attempts = config::parse("attempts")?.unwrap_or(DEFAULT_ATTEMPTS);
    if !(1..=MAX_ATTEMPTS).contains(&attempts) {
        return Err(WebhookError::Attempts(attempts));
    }
    Ok((Request::new(url, event), Retries::new(attempts - 1)))
}

#[cfg(test)]
mod tests {
    use hearken_sdk::testing::{self, Host};

    use super::*;

    fn error() -> String {
        let event = testing::event("custom.webhook.test").build();
        let prepared = prepare(&event).map(|(request, _)| request.url);
        prepared.expect_err("not usable").to_string()
    }

    #[test]
    fn the_configuration_is_checked() {
        let host = Host::new();
        assert!(error().contains("`url` is missing"));
        let host = host.config("url", "http://localhost:9000/");
        let host = host.config("attempts", "11");
        assert!(error().contains("`attempts` is 11"));
        let _host = host.config("attempts", "10");
        let event = testing::event("custom.webhook.test").build();
        let (request, _) = prepare(&event).expect("usable");
        assert_eq!(request.url, "http://localhost:9000/");
    }
}
