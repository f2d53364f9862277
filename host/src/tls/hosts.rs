//! The certificates of servers, which are reached by names and addresses.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{DnsName, ServerName};
use std::sync::Arc;

use super::made::{Made, MakeError, authority_in, new_authority, validity_of, write};
use super::pem::{PemError, PemFile, Role};
use super::provider::provider;
use super::validity::unix_time;

/// How long an authority is valid that is made along with the first certificate, in days.
const AUTHORITY_DAYS: u32 = 3650;

const CA: Role = Role {
    what: "the CA's certificate",
    made_by: "name the folder of the CA with --ca",
};

const CERTIFICATE: Role = Role {
    what: "the certificate",
    made_by: "it was just made",
};

/// What was made.
#[derive(Debug)]
pub struct MadeHost {
    /// The certificate.
    pub certificate: Made,
    /// The authority, where there was none.
    pub authority: Option<Made>,
    /// The authority's certificate, which clients are to trust.
    pub ca: PathBuf,
}

/// Why a certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HostCertificateError {
    /// Nobody can be reached by that.
    #[error(
        "`{0}` cannot stand in a certificate: name a host (`hearken.example.com`), all of a domain \
         (`*.example.com`) or an IP address, without scheme and port"
    )]
    Name(String),
    /// It cannot be made or written.
    #[error(transparent)]
    Make(#[from] MakeError),
}

/// Why an authority's certificate does not vouch for what its key signed.
#[derive(Debug, thiserror::Error)]
enum NotVouched {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] PemError),
    /// It is another's, or is not good any more.
    #[error(transparent)]
    Refused(#[from] rustls::Error),
}

/// Makes a key, and a certificate of the server that is reached by `names`, of which there is
/// at least one, in the folder `out`; signed by the authority in the folder `ca`, which is made
/// if there is none. It is valid for `days` from `now_millis`, in milliseconds since the Unix
/// epoch, and serves its owner as a client too.
///
/// # Errors
/// [`HostCertificateError`] says what is wrong or in the way.
pub fn make_host(
    names: &[String],
    ca: &Path,
    out: &Path,
    days: u32,
    now_millis: u64,
) -> Result<MadeHost, HostCertificateError> {
    if let Some(name) = names.iter().find(|name| !is_host(name)) {
        return Err(HostCertificateError::Name(name.clone()));
    }
    let validity = validity_of(days, now_millis)?;
    let absent = |file| ca.join(file).symlink_metadata().is_err();
    let authority = if absent("ca.crt") && absent("ca.key") {
        Some(new_authority(ca, AUTHORITY_DAYS, now_millis)?)
    } else {
        None
    };
    let files = authority_in(ca)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let pair = files.authority.sign(&names, validity);
    let pair = pair.map_err(MakeError::Make)?;
    let authorities = PemFile {
        role: CA,
        path: &files.certificate,
        contents: files.pem.as_bytes(),
    };
    let made = PemFile {
        role: CERTIFICATE,
        path: out,
        contents: pair.certificate.as_bytes(),
    };
    if let Err(source) = vouches(authorities, made, names[0], now_millis) {
        return Err(files.refused(source).into());
    }
    Ok(MadeHost {
        certificate: write(out, &stem(names[0]), &pair)?,
        authority,
        ca: files.certificate,
    })
}

/// Checks that clients which trust the authorities will believe the certificate.
fn vouches(
    authorities: PemFile<'_>,
    made: PemFile<'_>,
    name: &str,
    now_millis: u64,
) -> Result<(), NotVouched> {
    let roots = Arc::new(authorities.roots()?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    // A wildcard stands for any one name.
    let name = name.replace('*', "any");
    let name = ServerName::try_from(name).expect("is_host has looked at it");
    let chain = made.certificates()?;
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], unix_time(now_millis))?;
    Ok(())
}

/// Whether a certificate can say so: an address, or a name in the DNS, whose first part may be
/// a wildcard.
fn is_host(name: &str) -> bool {
    let below = name.strip_prefix("*.");
    let is_name = |name: &str| DnsName::try_from(name).is_ok();
    name.parse::<IpAddr>().is_ok()
        || is_name(name)
        || below.is_some_and(|below| below.contains('.') && is_name(below))
}

/// What the files are called: the name, without what is awkward in names of files.
fn stem(name: &str) -> String {
    name.replace('*', "wildcard").replace(':', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_that_no_client_looks_for_are_refused() {
        for name in [
            "localhost",
            "a.example",
            "*.example.com",
            "127.0.0.1",
            "::1",
        ] {
            assert!(is_host(name), "{name}");
        }
        for name in [
            "",
            "*",
            "*.com",
            "a.*.b",
            "https://a",
            "a:7070",
            "a b",
            "[::1]",
            "../a",
        ] {
            assert!(!is_host(name), "{name}");
        }
    }

    #[test]
    fn an_authority_is_made_once_and_then_kept() {
        let folder = tempfile::tempdir().unwrap();
        let make =
            |name: &str| make_host(&names(&[name]), folder.path(), folder.path(), 30, NOW).unwrap();
        let first = make("*.example.com");
        assert!(first.authority.is_some());
        assert!(first.certificate.key.ends_with("wildcard.example.com.key"));
        let ca = std::fs::read(&first.ca).unwrap();
        assert!(make("::1").authority.is_none());
        assert_eq!(std::fs::read(&first.ca).unwrap(), ca);
    }

    #[test]
    fn half_an_authority_and_a_wrong_one_are_told() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let make = |folder: &Path, name: &str| {
            make_host(&names(&[name]), folder, folder, 30, NOW).map(|_| ())
        };
        make(one.path(), "a.example").unwrap();
        make(other.path(), "a.example").unwrap();
        std::fs::copy(other.path().join("ca.crt"), one.path().join("ca.crt")).unwrap();
        let error = make(one.path(), "b.example").unwrap_err().to_string();
        assert!(error.contains("are not valid with"), "{error}");
        std::fs::remove_file(one.path().join("ca.crt")).unwrap();
        let error = make(one.path(), "b.example").unwrap_err().to_string();
        assert!(error.contains("cannot read"), "{error}");
        assert!(!one.path().join("b.example.crt").exists());
    }
}
