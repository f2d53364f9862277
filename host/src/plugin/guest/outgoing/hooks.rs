//! Outgoing HTTP of one instance, to where the plugin's rights allow it.

use std::sync::Arc;

use http::HeaderValue;
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::connections::Opening;
use super::connector::Target;
use super::exchange::{Driving, Timeouts, exchange};
use super::requests::Outcome;
use super::traffic::Traffic;
use crate::config::{HttpGrant, HttpHost, Rights};
use crate::panics::observe;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::memory::{Charge, MemoryAccount};
use crate::plugin::guest::rights::GuestRights;

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
    rights: GuestRights,
    memory: Arc<MemoryAccount>,
    /// Take the bodies of requests that were refused.
    refused: JoinSet<()>,
}

/// An answer, and what drives the connection that its body comes over.
type Sent = Result<(http::Response<WasiBody>, Driving), Error>;

/// A request that does not leave the node.
struct Refusal {
    /// The host, if the plugin may ask that.
    host: Option<String>,
    why: String,
    error: Error,
}

/// What a request holds while it is on its way.
struct Held {
    opening: Opening,
    charge: Charge,
}

/// Counts a request when it is over, or when its guest has given it up.
struct Counted<'p> {
    traffic: &'p Traffic,
    host: String,
    outcome: Outcome,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.traffic.requests.count(Some(&self.host), self.outcome);
    }
}

impl OutgoingHttp {
    /// Open connections are charged to `memory`.
    pub(crate) fn new(
        plugin: Arc<PluginContext>,
        rights: GuestRights,
        memory: Arc<MemoryAccount>,
    ) -> Self {
        Self {
            plugin,
            rights,
            memory,
            refused: JoinSet::new(),
        }
    }

    /// Answers a request with an error. Its body is taken and thrown away: without a
    /// reader the guest would be told, while it writes, that the connection broke.
    fn refuse(
        &mut self,
        request: http::Request<WasiBody>,
        refusal: Refusal,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let Refusal { host, why, error } = refusal;
        self.plugin.log_refusal("wasi:http", &why);
        self.plugin
            .traffic
            .requests
            .count(host.as_deref(), Outcome::Refused);
        while let Some(ended) = self.refused.try_join_next() {
            observe(ended, "taking the body of a refused request");
        }
        self.refused.spawn(async move {
            let mut body = request.into_body();
            while let Some(Ok(_)) = body.frame().await {}
        });
        Box::new(std::future::ready(Err(error)))
    }

    /// Where a request goes, and room for it.
    fn admit(&self, uri: &http::Uri, rights: &Rights) -> Result<(Target, Held), Refusal> {
        let denied = |why| Refusal {
            host: None,
            why,
            error: Error::HttpRequestDenied,
        };
        let Some(authority) = uri.authority() else {
            return Err(denied("the request names no host".to_owned()));
        };
        let is_tls = uri.scheme() != Some(&Scheme::HTTP);
        let default_port = if is_tls { 443 } else { 80 };
        let (host, port) = host_and_port(authority).map_err(|reason| {
            // What stands before an `@` may be a password.
            let host = authority.host();
            denied(format!("no request to `{host}`: {reason}"))
        })?;
        let port = port.unwrap_or(default_port);
        let target = Target { host, port, is_tls };
        let names = |grant: &HttpGrant| grant.names(&target.host, port);
        if !rights.http.iter().any(names) {
            return Err(denied(format!(
                "no request to `{authority}`; to allow it, put \"{authority}\" under `http` in `[allow]` of \
                 {}.toml, and where the node's `[policy]` has `http`, there too",
                self.plugin.name
            )));
        }
        if self.plugin.pretends {
            return Err(denied(format!(
                "no request to `{authority}`: it is a copy that is handed events again"
            )));
        }
        let full = |why: String| Refusal {
            host: Some(target.host.to_string()),
            why,
            error: Error::ConnectionLimitReached,
        };
        let traffic = &self.plugin.traffic;
        let opening = traffic.connections.open(&target.host).map_err(|most| {
            full(format!(
                "{most} requests of the plugin are under way already (`limits.http_requests`)"
            ))
        })?;
        if !traffic.budget.is_open() {
            return Err(full(
                "the plugin has sent and received as much as it may in a minute (`limits.http_bytes`)"
                    .to_owned(),
            ));
        }
        let charge = self.memory.charge(CONNECTION_BYTES).ok_or_else(|| {
            full(format!(
                "no memory is left for the {CONNECTION_BYTES} bytes that a connection is charged at"
            ))
        })?;
        Ok((target, Held { opening, charge }))
    }
}

/// Sends a request that was admitted.
async fn send(
    mut request: http::Request<WasiBody>,
    target: &Target,
    held: Held,
    plugin: &PluginContext,
    rights: &Rights,
    timeouts: Timeouts,
) -> Sent {
    let traffic = &plugin.traffic;
    let Held {
        mut opening,
        charge,
    } = held;
    let connected = timeout(timeouts.connect, async {
        let addresses = traffic.connector.addresses(target, &rights.http).await;
        opening.looked_up();
        if let Err(Error::DestinationIpProhibited) = addresses {
            plugin.log_refusal("wasi:http", &prohibited(target, &plugin.name));
        }
        traffic.connector.connect(target, &addresses?).await
    });
    let stream = connected.await.map_err(|_| Error::ConnectionTimeout)??;
    // Scheme and authority are for proxies.
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    // Of what was checked, and not of what the guest has written: behind an address there
    // may be servers that it may not ask, and which one is asked is what this says.
    let host = host_field(target).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(HOST, host);
    let (answer, driving) = exchange(stream, request, traffic, timeouts).await?;
    let bytes = fields_bytes(answer.headers());
    if bytes > MAX_FIELDS_BYTES {
        let bytes = u32::try_from(bytes).ok();
        return Err(Error::HttpResponseHeaderSectionSize(bytes));
    }
    let driving = Box::into_pin(driving);
    let driving: Driving = Box::new(async move {
        let _held = (opening, charge);
        // The guest is told by the body. Whoever runs this would log it, as often as the
        // guest asks for what breaks.
        let _ = driving.await;
        Ok(())
    });
    Ok((answer, driving))
}

/// The host and the port that an authority names, which has nothing else.
fn host_and_port(authority: &Authority) -> Result<(HttpHost, Option<u16>), String> {
    if authority.as_str().contains('@') {
        // RFC 9110, section 4.2.4.
        return Err(
            "a user's name and password have no place in it; send `authorization`".to_owned(),
        );
    }
    let host = HttpHost::parse(authority.host())?;
    let port = &authority.as_str()[authority.host().len()..];
    match (port.strip_prefix(':'), authority.port_u16()) {
        (None | Some(""), _) => Ok((host, None)),
        (Some(_), Some(port)) => Ok((host, Some(port))),
        (Some(_), None) => Err("the port is not a number from 0 to 65535".to_owned()),
    }
}

/// The `host` of a request, without the port that goes without saying.
fn host_field(target: &Target) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let host = &target.host;
    let default_port = if target.is_tls { 443 } else { 80 };
    let field = match target.port == default_port {
        true => host.to_string(),
        false => format!("{host}:{}", target.port),
    };
    HeaderValue::try_from(field)
}

/// Why none of a host's addresses may be gone to, and what to do if it should.
fn prohibited(target: &Target, plugin: &str) -> String {
    format!(
        "no request to `{}`: it has no address on the internet, and its grant in `[allow]` of {plugin}.toml \
         is for those; if it is in a private network, write \"{} private\", or name the address or the \
         network that it is in",
        target.host, target.host
    )
}

impl WasiHttpHooks for OutgoingHttp {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let rights = Arc::clone(self.rights.now());
        let (target, held) = match self.admit(request.uri(), &rights) {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse(request, refusal),
        };
        let plugin = Arc::clone(&self.plugin);
        let timeouts = Timeouts::of(options);
        Box::new(async move {
            let mut counted = Counted {
                traffic: &plugin.traffic,
                host: target.host.to_string(),
                outcome: Outcome::Failed,
            };
            let sent = send(request, &target, held, &plugin, &rights, timeouts).await;
            counted.outcome = match &sent {
                Ok((answer, _)) => Outcome::Answered(answer.status().as_u16()),
                Err(Error::DestinationIpProhibited) => Outcome::Refused,
                Err(_) => Outcome::Failed,
            };
            sent
        })
    }

    /// It is set when it is known where a request goes.
    fn set_host_header(&mut self) -> bool {
        false
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
