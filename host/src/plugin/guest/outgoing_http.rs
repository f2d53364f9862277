//! Outgoing HTTP of one instance, to the hosts that the manifest allows.

use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::connections::MAX_CONNECTIONS;
use super::context::PluginContext;
use super::memory::MemoryAccount;
use crate::config::Allow;

/// Most bytes of a request's or an answer's header fields, names and values; what
/// servers commonly take.
pub(crate) const MAX_FIELDS_BYTES: usize = 16 << 10;

/// Bytes of a body that a guest may hand over at once.
pub(crate) const BODY_CHUNK_BYTES: usize = 64 << 10;

/// Chunks of a body that wait while one is being sent.
pub(crate) const BODY_CHUNKS: usize = 1;

/// What an open connection is charged at: mostly the buffer that it reads into, which
/// grows so large when the other side sends faster than the guest reads.
const CONNECTION_BYTES: u64 = 512 << 10;

/// Decides which requests leave the node.
pub(crate) struct OutgoingHttp {
    plugin: Arc<PluginContext>,
    allow: Arc<Allow>,
    memory: Arc<MemoryAccount>,
    /// Take the bodies of requests that were refused.
    refused: JoinSet<()>,
}

type Sent = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl OutgoingHttp {
    /// Open connections are charged to `memory`.
    pub(crate) fn new(
        plugin: Arc<PluginContext>,
        allow: Arc<Allow>,
        memory: Arc<MemoryAccount>,
    ) -> Self {
        Self {
            plugin,
            allow,
            memory,
            refused: JoinSet::new(),
        }
    }

    /// Answers a request with an error. Its body is taken and thrown away: without a
    /// reader the guest would be told, while it writes, that the connection broke.
    fn refuse(
        &mut self,
        request: http::Request<WasiBody>,
        why: &str,
        error: Error,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        self.plugin.log_refusal("wasi:http", why);
        while self.refused.try_join_next().is_some() {}
        self.refused.spawn(async move {
            let mut body = request.into_body();
            while let Some(Ok(_)) = body.frame().await {}
        });
        Box::new(std::future::ready(Err(error)))
    }

    fn refusal(&self, uri: &http::Uri) -> Option<String> {
        let Some(authority) = uri.authority() else {
            return Some("the request names no host".to_owned());
        };
        let default_port = if uri.scheme() == Some(&Scheme::HTTP) {
            80
        } else {
            443
        };
        if allowed(&self.allow.http, authority, default_port) {
            return None;
        }
        Some(format!(
            "no request to `{authority}`; to allow it, put \"{authority}\" under `http` in `[allow]` of {}.toml",
            self.plugin.name
        ))
    }
}

/// Whether an entry of the list, `host` or `host:port`, covers the authority.
fn allowed(list: &[String], authority: &Authority, default_port: u16) -> bool {
    let host = authority.host().to_ascii_lowercase();
    let port = authority.port_u16().unwrap_or(default_port);
    let with_port = format!("{host}:{port}");
    list.iter()
        .any(|entry| *entry == host || *entry == with_port)
}

impl WasiHttpHooks for OutgoingHttp {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        if let Some(refusal) = self.refusal(request.uri()) {
            return self.refuse(request, &refusal, Error::HttpRequestDenied);
        }
        let host = request.uri().host().unwrap_or_default();
        let Some(opening) = self.plugin.connections.open(host) else {
            let why = format!("{MAX_CONNECTIONS} connections of the plugin are open already");
            return self.refuse(request, &why, Error::ConnectionLimitReached);
        };
        let Some(charge) = self.memory.charge(CONNECTION_BYTES) else {
            let why = format!(
                "no memory is left for the {CONNECTION_BYTES} bytes that a connection is charged at"
            );
            return self.refuse(request, &why, Error::ConnectionLimitReached);
        };
        Box::new(async move {
            let sent = wasmtime_wasi_http::default_send_request(request, options).await;
            let permit = match &sent {
                // Perhaps its host is still being looked up.
                Err(Error::ConnectionTimeout) => None,
                _ => opening.opened(),
            };
            let (response, connection) = sent?;
            let bytes = fields_bytes(response.headers());
            if bytes > MAX_FIELDS_BYTES {
                let bytes = u32::try_from(bytes).ok();
                return Err(Error::HttpResponseHeaderSectionSize(bytes));
            }
            let connection: Box<dyn Future<Output = Result<(), Error>> + Send> =
                Box::new(async move {
                    let _held = (permit, charge);
                    connection.await
                });
            Ok((response.map(BodyExt::boxed_unsync), connection))
        })
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        BODY_CHUNKS
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }
}

/// Bytes of names and values.
fn fields_bytes(fields: &http::HeaderMap) -> usize {
    let each = fields
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    each.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_allowed_by_name_and_by_port() {
        let list = ["api.example.com".to_owned(), "127.0.0.1:8080".to_owned()];
        let check = |authority: &str| allowed(&list, &authority.parse().unwrap(), 443);
        assert!(check("api.example.com"));
        assert!(check("API.example.com:8443"));
        assert!(check("127.0.0.1:8080"));
        assert!(!check("127.0.0.1"));
        assert!(!check("127.0.0.1:80"));
        assert!(!check("example.com"));
        assert!(!check("evil-api.example.com"));
        assert!(!check("user@evil.com"));
        assert!(
            check("evil.com@api.example.com"),
            "the host is what follows the @"
        );
    }
}
