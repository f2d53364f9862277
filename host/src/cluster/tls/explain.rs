//! Why two nodes do not trust each other, in words for operators.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::{AlertDescription, CertificateError, Error};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::any_node::ANY_NODE;

/// Why a link is not secure.
#[derive(Debug, thiserror::Error)]
#[error("{meaning} ({source})")]
struct Distrust {
    meaning: String,
    source: io::Error,
}

/// A stream whose errors say what they mean: that of a refused certificate is found
/// only when reading.
#[derive(Debug)]
pub(super) struct Explained<S>(pub(super) S);

/// What an error of a handshake means.
pub(super) fn handshake(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return distrust(
            "the other side ended the connection before it was secure; is it a node, with \
             certificates of its own?"
                .to_owned(),
            error,
        );
    }
    explain(error)
}

/// What it means that a certificate which was good is so no more.
pub(super) fn distrusted(error: Error) -> String {
    meaning(&error).unwrap_or_else(|| error.to_string())
}

fn explain(error: io::Error) -> io::Error {
    let meaning = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
        .and_then(meaning);
    match meaning {
        Some(meaning) => distrust(meaning, error),
        None => error,
    }
}

fn distrust(meaning: String, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), Distrust { meaning, source })
}

fn meaning(error: &Error) -> Option<String> {
    let text = match error {
        Error::InvalidCertificate(reason) => return Some(theirs(reason)),
        Error::AlertReceived(alert) => return ours(*alert).map(str::to_owned),
        Error::NoCertificatesPresented => {
            "the other side has shown no certificate; give it one with `hearken cluster cert`"
        }
        Error::InvalidMessage(_) => {
            "the other side does not speak TLS; give it certificates as this node has them \
             (`hearken cluster cert`)"
        }
        Error::NoApplicationProtocol | Error::PeerIncompatible(_) => {
            "the other side speaks TLS, but not as a node does; is it a node's cluster address?"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// What is wrong with the other side's certificate.
fn theirs(reason: &CertificateError) -> String {
    match reason {
        // A bad signature is that of an authority with the name of a trusted one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the other side's certificate is not of a CA that this node trusts; give all nodes \
             certificates of one CA (`hearken cluster cert`), and that CA's certificate"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the other side's certificate has expired, or this machine's clock is wrong; make a \
             new certificate there (`hearken cluster cert`)"
                .to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the other side's certificate is not valid yet; are the clocks right?".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "the other side's certificate lacks the DNS name `{ANY_NODE}`, so it is no node's; \
                 make one with `hearken cluster cert`"
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the other side's certificate is not for both server and client authentication; make \
             one that is with `hearken cluster cert`"
                .to_owned()
        }
        CertificateError::Revoked => {
            "the other side's certificate was revoked; if that was a mistake, make it a new one \
             (`hearken cluster cert`)"
                .to_owned()
        }
        _ => "the other side's certificate cannot be used; make another with \
              `hearken cluster cert`"
            .to_owned(),
    }
}

/// What the other side has against this node.
fn ours(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "the other side does not trust the CA of this node's certificate; give all nodes \
             certificates of one CA (`hearken cluster cert`), and that CA's certificate"
        }
        AlertDescription::CertificateExpired => {
            "the other side says that this node's certificate has expired, or is not valid yet; \
             make a new one (`hearken cluster cert`), or look at the clocks"
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRevoked
        | AlertDescription::AccessDenied => {
            "the other side refuses this node's certificate; its log says why"
        }
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::NoApplicationProtocol
        | AlertDescription::UnrecognisedName => {
            "the other side speaks TLS, but not as a node does; is it a node's cluster address?"
        }
        _ => return None,
    })
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf).map_err(explain)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf).map_err(explain)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0)
            .poll_write_vectored(cx, bufs)
            .map_err(explain)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx).map_err(explain)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx).map_err(explain)
    }
}
