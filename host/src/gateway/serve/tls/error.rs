//! What can be wrong with the certificates for HTTP.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::tls::PemError;
use crate::tls::validity::date;

/// Why HTTP's certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HttpTlsError {
    /// A file is not there, or not what it should be.
    #[error(transparent)]
    File(#[from] PemError),
    /// What is in them does not go together.
    #[error("cannot use the certificates for HTTP: {0}")]
    Unusable(rustls::Error),
    /// The certificate's time is over.
    #[error(
        "HTTP's certificate {} expired at {}; make a new one (`hearken access certificate`)",
        certificate.display(), date(*until)
    )]
    Expired {
        /// The certificate's file.
        certificate: PathBuf,
        /// When it ceased to be valid, since the Unix epoch.
        until: Duration,
    },
    /// The certificate's time is nearly over.
    #[error(
        "HTTP's certificate {} expires at {}; make a new one (`hearken access certificate`) and \
         put it in its place, which needs no restart",
        certificate.display(), date(*until)
    )]
    ExpiresSoon {
        /// The certificate's file.
        certificate: PathBuf,
        /// When it ceases to be valid, since the Unix epoch.
        until: Duration,
    },
    /// The certificate's time is yet to come.
    #[error(
        "HTTP's certificate {} is valid only from {} on; is this machine's clock right?",
        certificate.display(), date(*from)
    )]
    NotYetValid {
        /// The certificate's file.
        certificate: PathBuf,
        /// When it becomes valid, since the Unix epoch.
        from: Duration,
    },
    /// New files are not fit to replace what is in use.
    #[error("{0} (what was read before stays in use)")]
    NotTaken(Box<HttpTlsError>),
    /// The thread for handshakes cannot be started.
    #[error("the thread that secures HTTP's connections cannot be started: {0}")]
    Thread(io::Error),
}
