//! Outgoing `wasi:http`, to the hosts that the manifest allows.

use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::config::Allow;
use crate::plugin::guest::{Guest, MAX_CONNECTIONS, PluginContext};

/// Decides which requests leave the node.
pub(in crate::plugin) struct OutgoingHttp {
    plugin: Arc<PluginContext>,
    allow: Arc<Allow>,
}

type Sent = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl OutgoingHttp {
    pub(in crate::plugin) fn new(plugin: Arc<PluginContext>, allow: Arc<Allow>) -> Self {
        Self { plugin, allow }
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
            self.plugin.log_refusal("wasi:http", &refusal);
            return Box::new(std::future::ready(Err(Error::HttpRequestDenied)));
        }
        let Ok(permit) = Arc::clone(&self.plugin.connections).try_acquire_owned() else {
            let why = format!("{MAX_CONNECTIONS} connections of the plugin are open already");
            self.plugin.log_refusal("wasi:http", &why);
            return Box::new(std::future::ready(Err(Error::ConnectionLimitReached)));
        };
        Box::new(async move {
            let (response, connection) =
                wasmtime_wasi_http::default_send_request(request, options).await?;
            let connection: Box<dyn Future<Output = Result<(), Error>> + Send> =
                Box::new(async move {
                    let _permit = permit;
                    connection.await
                });
            Ok((response.map(BodyExt::boxed_unsync), connection))
        })
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outgoing_http,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
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
