//! Tells which requests come from a foreign web page through a visitor's browser.
//!
//! A node without credentials trusts whoever reaches its address, and a browser
//! on the same machine does, on behalf of any page that it shows. Browsers say
//! for whom they ask: in `sec-fetch-site`, and in `origin`.

use axum::http::request::Parts;
use axum::http::uri::Scheme;
use axum::http::{Uri, header};

/// The origin of the page that asks, unless it is the node's own or the client
/// is not a browser. `secure` says that the request came encrypted to the node itself.
pub(super) fn foreign_origin(request: &Parts, secure: bool) -> Option<String> {
    let headers = &request.headers;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text("origin");
    let named = || origin.unwrap_or("unknown").to_owned();
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => return None,
        Some(_) => return Some(named()),
        None => {}
    }
    let authority = |origin: &str| {
        let origin = origin.parse::<Uri>().ok()?;
        // An unencrypted page is no page of this node, whose name it may have.
        let forged = secure && origin.scheme() != Some(&Scheme::HTTPS);
        let authority = origin.authority().filter(|_| !forged);
        authority.map(ToString::to_string)
    };
    let target = request.uri.authority().map(|target| target.as_str());
    let host = text(header::HOST.as_str()).or(target);
    match origin.map(authority) {
        None => None,
        Some(page) if page.is_some() && page.as_deref() == host => None,
        Some(_) => Some(named()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn foreign(headers: &[(&'static str, &'static str)]) -> Option<String> {
        foreign_to("127.0.0.1:7070", headers, false)
    }

    fn foreign_to(
        host: &str,
        headers: &[(&'static str, &'static str)],
        secure: bool,
    ) -> Option<String> {
        let mut request = Request::get("/").header(header::HOST, host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        foreign_origin(&parts, secure)
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

    #[test]
    fn an_unencrypted_page_of_the_same_name_is_foreign_to_an_encrypted_node() {
        let page = |origin| foreign_to("a.example", &[("origin", origin)], true);
        assert_eq!(page("https://a.example"), None);
        assert!(page("http://a.example").is_some());
        // A proxy may have decrypted what came.
        let behind = foreign_to("a.example", &[("origin", "https://a.example")], false);
        assert_eq!(behind, None);
    }

    #[test]
    fn http2_names_the_host_in_the_target() {
        let page = |origin: &'static str| {
            let request = Request::get("https://a.example:7070/v1/events");
            let request = request
                .header("origin", origin)
                .body(())
                .expect("a request");
            foreign_origin(&request.into_parts().0, true)
        };
        assert_eq!(page("https://a.example:7070"), None);
        assert!(page("https://b.example:7070").is_some());
    }
}
