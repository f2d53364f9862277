//! Tells which requests come from a foreign web page through a visitor's browser.
//!
//! A node without credentials trusts whoever reaches its address, and a browser
//! on the same machine does, on behalf of any page that it shows. Browsers say
//! for whom they ask: in `sec-fetch-site`, and in `origin`.

use axum::http::{HeaderMap, Uri, header};

/// The origin of the page that asks, unless it is the node's own or the client
/// is not a browser.
pub(super) fn foreign_origin(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text("origin");
    let named = || origin.unwrap_or("unknown").to_owned();
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => return None,
        Some(_) => return Some(named()),
        None => {}
    }
    let authority = |origin: &str| {
        origin
            .parse::<Uri>()
            .ok()?
            .authority()
            .map(ToString::to_string)
    };
    let host = text(header::HOST.as_str());
    match origin.map(authority) {
        None => None,
        Some(page) if page.is_some() && page.as_deref() == host => None,
        Some(_) => Some(named()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let mut map = HeaderMap::from_iter([(
            header::HOST,
            "127.0.0.1:7070".parse().expect("a header value"),
        )]);
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a header value"));
        }
        foreign_origin(&map)
    }

    #[test]
    fn pages_of_other_origins_are_told_from_the_rest() {
        assert_eq!(foreign(&[]), None, "not a browser");
        assert_eq!(foreign(&[("origin", "http://127.0.0.1:7070")]), None);
        assert_eq!(
            foreign(&[("origin", "https://evil.example")]).as_deref(),
            Some("https://evil.example")
        );
        assert!(foreign(&[("origin", "null")]).is_some());
        assert!(foreign(&[("origin", "http://127.0.0.1:8080")]).is_some());
        assert!(foreign(&[("sec-fetch-site", "cross-site")]).is_some());
        assert_eq!(foreign(&[("sec-fetch-site", "same-origin")]), None);
    }
}
