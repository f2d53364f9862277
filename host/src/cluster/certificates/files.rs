//! The files of a cluster's certificates: `ca.crt` and `ca.key`, and for each node
//! `NODE.crt` and `NODE.key`.

use std::path::Path;

use super::{certify, is_node_name};
use crate::cluster::tls::{Contents, Credentials, TlsFiles};
use crate::tls::{Made, MakeError, authority_in, new_authority, validity_of, write};

/// Why a certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// The name cannot stand in a certificate.
    #[error(
        "`{0}` cannot be the name of a node with a certificate: that is 1 to 63 characters of \
         A-Z a-z 0-9 . _ - that begin with a letter or a digit, in which no part between dots is \
         empty or ends with a dash, and the last is not a number (`node-1`, not `1` or `node.1`)"
    )]
    Name(String),
    /// It cannot be made or written.
    #[error(transparent)]
    Make(#[from] MakeError),
}

/// Makes a certificate authority in the folder `out`, which is made if it is missing.
/// It is valid for `days` from `now_millis`, in milliseconds since the Unix epoch.
///
/// # Errors
/// [`CertificatesError`] says what is in the way. Then nothing was written.
pub fn make_ca(out: &Path, days: u32, now_millis: u64) -> Result<Made, CertificatesError> {
    Ok(new_authority(out, days, now_millis)?)
}

/// Makes the certificate of `node` in the folder `out`, which is made if it is missing,
/// signed by the authority in the folder `ca`. It is valid for `days` from `now_millis`,
/// in milliseconds since the Unix epoch.
///
/// # Errors
/// [`CertificatesError`] says what is wrong or in the way. Then nothing was written.
pub fn make_node(
    node: &str,
    ca: &Path,
    out: &Path,
    days: u32,
    now_millis: u64,
) -> Result<Made, CertificatesError> {
    if !is_node_name(node) {
        return Err(CertificatesError::Name(node.to_owned()));
    }
    let validity = validity_of(days, now_millis)?;
    let ca = authority_in(ca)?;
    let pair = certify(&ca.authority, node, validity).map_err(MakeError::Make)?;
    let files = TlsFiles {
        ca: ca.certificate.clone(),
        certificate: out.join(format!("{node}.crt")),
        key: out.join(format!("{node}.key")),
        crl: None,
    };
    let made = Contents {
        ca: ca.pem.clone().into_bytes(),
        certificate: pair.certificate.clone().into_bytes(),
        key: pair.key.clone().into_bytes(),
        crl: None,
    };
    if let Err(source) = Credentials::from_pem(&files, &made)
        .and_then(|credentials| credentials.check(&files, node, now_millis))
    {
        return Err(ca.refused(source).into());
    }
    Ok(write(out, node, &pair)?)
}
