//! Connections with TLS: secures them, and serves what was agreed on.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use webpki::EndEntityCert;

use super::admitted::Admitted;
use super::connection::Connection;
use super::requests::{Ended, Requests};
use super::socket::Socket;
use super::tls::{HTTP2, HttpTls};
use super::{http1, http2};
use crate::gateway::rejection::Rejection;

/// What the first message of TLS begins with: a record that carries a handshake.
const HANDSHAKE: u8 = 0x16;

/// Serves one connection; one that comes late, when the gateway drains, has one request.
pub(super) async fn serve(
    requests: &Requests,
    tls: &HttpTls,
    socket: Socket,
    connection: Arc<Connection>,
    admitted: Admitted,
    late: bool,
) -> Ended {
    let time = requests.context.limits.handshake_time;
    let secured = tokio::select! {
        biased;
        secured = timeout(time, secure(tls, socket)) => secured,
        () = requests.context.draining.cancelled(), if !late => return Ended::Done,
    };
    let stream = match secured {
        Ok(Some(stream)) => stream,
        Ok(None) | Err(_) => return Ended::Done,
    };
    let (_, session) = stream.get_ref();
    let speaks_http2 = session.alpn_protocol() == Some(HTTP2);
    let chain = session.peer_certificates().map(<[_]>::to_vec);
    if let Some(names) = chain.as_deref().and_then(<[_]>::first).map(names) {
        connection.identify(names);
    }
    let serving = async {
        if speaks_http2 {
            let serving = http2::serve(requests, stream, Arc::clone(&connection), late);
            let ended = Box::pin(serving).await;
            drop(admitted);
            ended
        } else {
            http1::serve(requests, stream, Arc::clone(&connection), admitted, late).await
        }
    };
    tokio::select! {
        biased;
        ended = serving => ended,
        () = distrusted(tls, chain) => Ended::Done,
    }
}

/// The names of who has a certificate: those of the DNS, and URIs.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    let hosts = certificate.valid_dns_names();
    let uris = certificate.valid_uri_names();
    hosts.chain(uris).map(str::to_owned).collect()
}

/// Waits until the certificate that the client has shown is no longer good, if it has.
async fn distrusted(tls: &HttpTls, chain: Option<Vec<CertificateDer<'static>>>) {
    match chain {
        Some(chain) => tls.distrusted(&chain).await,
        None => std::future::pending().await,
    }
}

/// The connection, secured; a client that does not try is told.
async fn secure(tls: &HttpTls, socket: Socket) -> Option<TlsStream<Socket>> {
    let mut first = [0];
    match socket.peek(&mut first).await {
        Ok(1) if first[0] == HANDSHAKE => {}
        Ok(1) => {
            http1::refuse(socket, || Rejection::Unencrypted).await;
            return None;
        }
        _ => return None,
    }
    tls.accept(socket)
        .await
        .inspect_err(|error| tracing::debug!(%error, "an HTTP client did not agree on TLS"))
        .ok()
}
