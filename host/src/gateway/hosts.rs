//! The names under which a node answers.
//!
//! A web page can have the name of its own site lead to this machine (DNS
//! rebinding): to the visitor's browser the node is then of the page's own origin,
//! so that the page may ask it anything. But the browser says which name it was
//! given, in `host`, and a node that listens on loopback knows its names.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Context;
use super::rejection::Rejection;

/// The names that a request's `host` may have; its port does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts {
    /// In lower case; none: every name.
    names: Option<Vec<String>>,
}

impl AllowedHosts {
    /// Every name.
    #[must_use]
    pub fn any() -> Self {
        Self { names: None }
    }

    /// For a node that listens on `address` and that its operator says is called
    /// `names`, in lower case and without port: these and the names of loopback. A
    /// node that other machines reach answers to every name if it was told none.
    #[must_use]
    pub fn of(address: IpAddr, names: Vec<String>) -> Self {
        if names.is_empty() && !address.is_loopback() {
            return Self::any();
        }
        Self { names: Some(names) }
    }

    fn allow(&self, host: &str) -> bool {
        let Some(names) = &self.names else {
            return true;
        };
        let host = host.to_ascii_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || names.contains(&host)
            || address.parse().is_ok_and(|it: IpAddr| it.is_loopback())
    }

    /// The name that a request was sent to, unless it is allowed. One without any
    /// is, since no browser sends such.
    fn foreign(&self, request: &Request) -> Option<String> {
        let target = request.uri().authority().cloned().map(Ok);
        let headers = request.headers().get_all(header::HOST).into_iter();
        let headers = headers.map(|value| {
            Authority::try_from(value.as_bytes())
                .map_err(|_| String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        target
            .into_iter()
            .chain(headers)
            .find_map(|named| match named {
                Ok(named) if self.allow(named.host()) => None,
                Ok(named) => Some(named.host().to_owned()),
                Err(_) if self.names.is_none() => None,
                Err(nonsense) => Some(nonsense),
            })
    }
}

/// Answers 403 to what was sent to a name that is not the node's.
pub(super) async fn refuse_foreign_hosts(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    match context.hosts.foreign(&request) {
        Some(name) => Rejection::ForeignHost(name).into_response(),
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

    fn foreign(hosts: &AllowedHosts, uri: &str, headers: &[&str]) -> Option<String> {
        let request = headers
            .iter()
            .fold(Request::get(uri), |request, host| {
                request.header(header::HOST, *host)
            })
            .body(Body::empty())
            .expect("a request");
        hosts.foreign(&request)
    }

    #[test]
    fn on_loopback_only_its_names_and_those_told_are_answered() {
        let names = vec!["hearken.test".to_owned()];
        let hosts = AllowedHosts::of(LOOPBACK.into(), names);
        for host in [
            "127.0.0.1:7070",
            "127.0.0.1",
            "127.8.0.1:1",
            "[::1]:7070",
            "[::1]",
            "localhost:7070",
            "LocalHost",
            "hearken.test",
            "Hearken.Test:443",
        ] {
            assert_eq!(foreign(&hosts, "/", &[host]), None, "{host}");
        }
        for host in [
            "evil.example:7070",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "192.168.1.1:7070",
            "0.0.0.0:7070",
            "",
            "a b",
        ] {
            assert!(foreign(&hosts, "/", &[host]).is_some(), "{host}");
        }
        assert_eq!(foreign(&hosts, "/", &[]), None, "not a browser");
        let two = foreign(&hosts, "/", &["localhost", "evil.example"]);
        assert_eq!(two.as_deref(), Some("evil.example"));
        let target = foreign(&hosts, "http://evil.example/", &["localhost"]);
        assert_eq!(target.as_deref(), Some("evil.example"));
    }

    #[test]
    fn a_node_for_others_answers_to_every_name_unless_told_which() {
        let everywhere: IpAddr = [0, 0, 0, 0].into();
        let hosts = AllowedHosts::of(everywhere, Vec::new());
        assert_eq!(foreign(&hosts, "/", &["any.example"]), None);
        let hosts = AllowedHosts::of(everywhere, vec!["hearken.test".to_owned()]);
        assert_eq!(foreign(&hosts, "/", &["hearken.test:80"]), None);
        assert!(foreign(&hosts, "/", &["any.example"]).is_some());
    }
}
