//! What a request shows to say who sends it.

use axum::http::request::Parts;
use axum::http::{Uri, header};
use percent_encoding::percent_decode_str;

use crate::access::{Credential, Unauthenticated};
use crate::gateway::rejection::Rejection;

/// The parameter of the query, for what cannot give its requests headers (RFC 6750, section
/// 2.3).
const ACCESS_TOKEN: &str = "access_token";

/// The scheme of `Authorization`, in whichever case.
const BEARER: &str = "bearer";

/// A key or a token, if there is one. It is never shown.
pub(super) struct Shown(Option<String>);

impl Shown {
    /// Takes it out of a request: who answers that has no use for it, and cannot show it.
    ///
    /// # Errors
    /// [`Rejection`] when there is more than one, it stands where it may not, or is none.
    pub(super) fn take(parts: &mut Parts, in_query: bool) -> Result<Self, Rejection> {
        let mut headers = parts.headers.get_all(header::AUTHORIZATION).into_iter();
        let header = headers.next().cloned();
        if headers.next().is_some() {
            return Err(Rejection::TwoCredentials);
        }
        parts.headers.remove(header::AUTHORIZATION);
        let mut tokens = take_tokens(&mut parts.uri);
        let token = tokens.pop();
        if !tokens.is_empty() || (token.is_some() && header.is_some()) {
            return Err(Rejection::TwoCredentials);
        }
        if token.is_some() && !in_query {
            return Err(Rejection::TokenNotHere);
        }
        let Some(header) = header else {
            return Ok(Self(token));
        };
        let bearer = header.to_str().ok().and_then(|text| text.split_once(' '));
        match bearer {
            Some((scheme, credential)) if scheme.eq_ignore_ascii_case(BEARER) => {
                Ok(Self(Some(credential.trim().to_owned())))
            }
            _ => Err(Unauthenticated::Malformed.into()),
        }
    }

    /// No credential.
    pub(super) fn nothing() -> Self {
        Self(None)
    }

    /// What is shown, by the request or else by its connection.
    pub(super) fn credential<'s>(&'s self, names: Option<&'s [String]>) -> Credential<'s> {
        match (&self.0, names) {
            (Some(bearer), _) => Credential::Bearer(bearer),
            (None, Some(names)) => Credential::Certificate { names },
            (None, None) => Credential::None,
        }
    }
}

/// Takes all tokens out of the query.
fn take_tokens(uri: &mut Uri) -> Vec<String> {
    let Some(query) = uri.query() else {
        return Vec::new();
    };
    let is_token = |pair: &&str| name(pair) == ACCESS_TOKEN;
    if !query.split('&').any(|pair| is_token(&pair)) {
        return Vec::new();
    }
    let tokens = query.split('&').filter(is_token).map(value).collect();
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_token(pair)).collect();
    let path = uri.path();
    let target = if rest.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", rest.join("&"))
    };
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = target.parse().ok();
    *uri = Uri::from_parts(parts).unwrap_or_default();
    tokens
}

fn name(pair: &str) -> String {
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    decoded(name)
}

fn value(pair: &str) -> String {
    decoded(pair.split_once('=').map_or("", |(_, value)| value))
}

/// Undoes what forms do (the URL standard, section 5.1).
fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn shown(uri: &str, headers: &[&str], in_query: bool) -> (Result<Shown, Rejection>, Parts) {
        let mut request = Request::get(uri);
        for value in headers {
            request = request.header("authorization", *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        (Shown::take(&mut parts, in_query), parts)
    }

    fn text(uri: &str, headers: &[&str]) -> Option<String> {
        let (shown, _) = shown(uri, headers, true);
        shown.expect("it is one or none").0
    }

    #[test]
    fn a_credential_is_taken_out_of_the_request() {
        assert_eq!(text("/", &["Bearer hrk_a_b"]).as_deref(), Some("hrk_a_b"));
        assert_eq!(text("/", &["bearer  a.b.c "]).as_deref(), Some("a.b.c"));
        assert_eq!(text("/?type=a", &[]), None);
        let uri = "https://h:1/v1/events?type=a%26b&access_token=a%2Eb+c&subject=x";
        let (token, parts) = shown(uri, &[], true);
        assert_eq!(token.ok().unwrap().0.as_deref(), Some("a.b c"));
        let left = "https://h:1/v1/events?type=a%26b&subject=x";
        assert_eq!(parts.uri.to_string(), left);
        let (_, parts) = shown("/a?access%5Ftoken=secret", &["Bearer x"], true);
        assert_eq!(parts.uri.to_string(), "/a");
        assert!(parts.headers.is_empty());
    }

    #[test]
    fn there_is_one_and_where_it_may_be() {
        for (uri, headers) in [
            ("/?access_token=a", &["Bearer a"][..]),
            ("/?access_token=a&access_token=a", &[]),
            ("/", &["Bearer a", "Bearer a"]),
        ] {
            let (two, _) = shown(uri, headers, true);
            assert!(matches!(two, Err(Rejection::TwoCredentials)), "{uri}");
        }
        let (elsewhere, _) = shown("/?access_token=a", &[], false);
        assert!(matches!(elsewhere, Err(Rejection::TokenNotHere)));
        for header in ["Basic dTpw", "hrk_a_b", "Bearer", ""] {
            let (malformed, _) = shown("/", &[header], true);
            assert!(
                matches!(malformed, Err(Rejection::Unauthenticated(_))),
                "{header}"
            );
        }
    }
}
