//! Who sent a request.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Version;
use axum::http::request::Parts;

use super::connection::Connection;
use super::forwarded;
use crate::gateway::caller::passed::Passed;
use crate::gateway::context::Context;

/// Who sent a request: the connection, and the address that shares are counted by.
pub(in crate::gateway) struct Client {
    pub(in crate::gateway) connection: Arc<Connection>,
    pub(in crate::gateway) address: IpAddr,
    /// Whether another node has passed the request on.
    pub(in crate::gateway) was_passed: bool,
    /// Whether it passes over interim answers, as all do but those of HTTP/1.0.
    takes_probes: bool,
}

impl Client {
    /// Waits until the client is seen to be gone, while it waits for the head of an answer.
    pub(in crate::gateway) async fn gone(&self) {
        self.connection.gone(self.takes_probes).await;
    }
}

impl FromRequestParts<Arc<Context>> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        context: &Arc<Context>,
    ) -> Result<Self, Infallible> {
        let connection = parts.extensions.get::<Arc<Connection>>().cloned();
        let connection = connection
            .unwrap_or_else(|| Arc::new(Connection::new(Ipv4Addr::LOCALHOST.into(), None)));
        let proxies = &context.limits.trusted_proxies;
        let address = forwarded::client(connection.peer(), &parts.headers, proxies);
        Ok(Self {
            connection,
            address,
            was_passed: parts.extensions.get::<Passed>().is_some(),
            takes_probes: parts.version >= Version::HTTP_11,
        })
    }
}
