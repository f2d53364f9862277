//! The key with which servers of applications come.

use axum::http::header;
use axum::http::request::Parts;

use crate::access::{Identity, Unauthenticated};
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// The header with the key.
const HEADER: &str = "x-api-key";

/// The scheme of `Authorization` with it, in whichever case.
const SCHEME: &str = "apikey";

/// What the principal is called of who has it.
const NAME: &str = "sessions.api";

/// Who it is, if the node has such a key and the request shows it. What it shows is taken out
/// of it.
///
/// # Errors
/// [`Unauthenticated`] when it shows another, or shows none and nobody else would be asked who
/// they are.
pub(super) fn identify(
    context: &Context,
    client: &Client,
    parts: &mut Parts,
) -> Result<Option<Identity>, Rejection> {
    let shown = take(parts);
    let Some(key) = &context.server_key else {
        return Ok(None);
    };
    let unknown = match shown {
        Some(shown) if key.is(&shown) => return Ok(Some(Identity::of_admin_secret(NAME))),
        Some(_) => {
            let counted = context.access.count_wrong(client.address);
            counted.err().unwrap_or(Unauthenticated::WrongKey)
        }
        None if context.access.is_configured() => return Ok(None),
        None => Unauthenticated::Missing,
    };
    context.denials.unauthenticated(&unknown, client.address);
    Err(unknown.into())
}

fn take(parts: &mut Parts) -> Option<String> {
    let headers = &mut parts.headers;
    if let Some(key) = headers.remove(HEADER) {
        return Some(String::from_utf8_lossy(key.as_bytes()).into_owned());
    }
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = scheme
        .eq_ignore_ascii_case(SCHEME)
        .then(|| key.trim().to_owned())?;
    headers.remove(header::AUTHORIZATION);
    Some(key)
}
