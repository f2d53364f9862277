//! Fetches the public keys of token issuers over HTTP.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};

use crate::access::{FetchError, FetchKeySet, MAX_KEY_SET};
use crate::tls;

/// For a connection: long enough for a lost packet or two.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Fetches over HTTP. Redirects are not followed: whoever may redirect could choose the
/// keys.
#[derive(Debug, Default)]
pub(super) struct KeySetClient {
    /// Made when it is first needed: it reads the authorities that the machine trusts.
    client: OnceLock<Result<Client, FetchError>>,
}

impl KeySetClient {
    pub(super) fn new() -> Self {
        Self::default()
    }

    async fn get(&self, url: &str) -> Result<Bytes, FetchError> {
        let make = || builder().build().map_err(failed);
        let client = self.client.get_or_init(make).clone()?;
        let request = client.get(url).header("accept", "application/json");
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(FetchError(format!("the answer has the status {status}")));
        }
        body(response).await
    }
}

impl FetchKeySet for KeySetClient {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Bytes, FetchError>> {
        self.get(url).boxed()
    }
}

fn builder() -> ClientBuilder {
    tls::choose_provider();
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none())
        .user_agent(concat!("hearken/", env!("CARGO_PKG_VERSION")))
}

async fn body(mut response: Response) -> Result<Bytes, FetchError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_KEY_SET {
            return Err(FetchError(format!(
                "the answer has more than {MAX_KEY_SET} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The innermost reason is the one that helps.
fn failed(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    FetchError(format!("{innermost}"))
}

#[cfg(test)]
mod tests;
