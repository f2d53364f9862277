//! When certificates hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::Clock;

/// A certificate is to be renewed when less than this part of its life is left.
/// Automatic renewal comes well before that.
const RENEWAL: u32 = 10;

/// Since when and until when a certificate is good, since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Valid {
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

impl Valid {
    /// What a verifier says of a certificate. It does not say so but where a certificate is
    /// not valid, so it is asked for both ends of time.
    pub(crate) fn of(verify: impl Fn(UnixTime) -> Result<(), rustls::Error>) -> Option<Self> {
        let Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        })) = verify(UnixTime::since_unix_epoch(Duration::ZERO))
        else {
            return None;
        };
        Some(Self {
            from: since_epoch(&not_before),
            until: until(verify)?,
        })
    }

    /// Whether it is about to be good no more.
    pub(crate) fn is_nearly_over(self, now_millis: u64) -> bool {
        let left = self.until.saturating_sub(Duration::from_millis(now_millis));
        left < self.until.saturating_sub(self.from) / RENEWAL
    }
}

/// Until when what a verifier looks at is good, since the Unix epoch.
pub(crate) fn until(verify: impl Fn(UnixTime) -> Result<(), rustls::Error>) -> Option<Duration> {
    let the_end = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
    match verify(the_end) {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after,
            ..
        })) => Some(since_epoch(&not_after)),
        _ => None,
    }
}

/// A time as a duration.
pub(crate) fn since_epoch(time: &UnixTime) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// A time as people write it.
pub(crate) fn date(since_epoch: Duration) -> String {
    i64::try_from(since_epoch.as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|date| date.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("second {} of the epoch", since_epoch.as_secs()))
}

/// The node's clock, as rustls asks for it.
pub(crate) struct Time(pub(crate) Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.0.now_millis()))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

/// A time of the clock, as rustls calls it.
pub(crate) fn unix_time(millis: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(millis))
}
