//! What the log says of commands: each is a line, also of one whose client does not wait for
//! the answer.

use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::{Method, StatusCode};

use crate::access::Identity;

/// Where the log says who has commanded the node.
const AUDIT: &str = "hearken::audit";

/// A command to the node, until it is answered.
pub(super) struct Command {
    identity: Identity,
    address: IpAddr,
    method: Method,
    path: String,
    status: Option<u16>,
}

/// Somebody has commanded the node by a method of the API for servers of applications. `error`
/// is the code of what it was refused with.
pub(in crate::gateway) fn called(
    identity: &Identity,
    address: IpAddr,
    method: &'static str,
    error: Option<u32>,
) {
    let principal = identity.principal();
    tracing::info!(target: AUDIT, %principal, %address, method, error, "commanded as a server");
}

impl Command {
    /// The command of somebody at `address`.
    pub(super) fn of(identity: Identity, address: IpAddr, parts: &Parts) -> Self {
        Self {
            identity,
            address,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            status: None,
        }
    }

    /// It was answered.
    pub(super) fn answered(mut self, status: StatusCode) {
        self.status = Some(status.as_u16());
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        let Self {
            identity,
            address,
            method,
            path,
            status,
        } = self;
        let principal = identity.principal();
        match status {
            Some(status) => {
                tracing::info!(target: AUDIT, %principal, %address, %method, path, status, "commanded");
            }
            None => {
                tracing::info!(target: AUDIT, %principal, %address, %method, path, "commanded, without waiting for the answer");
            }
        }
    }
}
