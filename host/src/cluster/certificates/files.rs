//! The files of a cluster's certificates: `ca.crt` and `ca.key`, and for each node
//! `NODE.crt` and `NODE.key`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use time::OffsetDateTime;

use super::{Authority, Pair, Validity, is_node_name};
use crate::cluster::tls::{Contents, Credentials, TlsError, TlsFiles};

/// What was made, and where.
#[derive(Debug)]
pub struct Made {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key, which only the owner of the file may read.
    pub key: PathBuf,
    /// When the certificate ceases to be valid.
    pub expires: OffsetDateTime,
}

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
    /// The calendar of certificates ends before.
    #[error("{0} days from now are after the year 9999, where certificates end; give fewer --days")]
    Validity(u32),
    /// A file is there already.
    #[error(
        "{} exists, and nothing is overwritten: move it away, or name another folder with --out",
        .0.display()
    )]
    Exists(PathBuf),
    /// The authority's files are not there, or cannot be read.
    #[error(
        "cannot read {}: {source}; name the folder of the cluster's CA with --ca, or make a CA \
         with `hearken cluster ca`",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The authority's key is none.
    #[error(
        "cannot sign with {}: {source}; it must be the unencrypted private key that \
         `hearken cluster ca` made",
        path.display()
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rcgen::Error,
    },
    /// What was signed does not hold before the authority's certificate.
    #[error(
        "what {} signs does not hold with {}: {source}; both must be as one `hearken cluster ca` \
         made them. For a CA made with other tools, use those to sign too",
        key.display(),
        certificate.display()
    )]
    OtherAuthority {
        /// The authority's key.
        key: PathBuf,
        /// The authority's certificate.
        certificate: PathBuf,
        /// What is wrong.
        source: Box<TlsError>,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cryptography failed.
    #[error("cannot make a key and a certificate: {0}")]
    Make(rcgen::Error),
}

/// Makes a certificate authority in the folder `out`, which is made if it is missing.
/// It is valid for `days` from `now_millis`, in milliseconds since the Unix epoch.
///
/// # Errors
/// [`CertificatesError`] says what is in the way. Then nothing was written.
pub fn make_ca(out: &Path, days: u32, now_millis: u64) -> Result<Made, CertificatesError> {
    let validity = validity(days, now_millis)?;
    let (_, pair) = Authority::create(validity).map_err(CertificatesError::Make)?;
    write(out, "ca", &pair)
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
    let validity = validity(days, now_millis)?;
    let (certificate, key) = (ca.join("ca.crt"), ca.join("ca.key"));
    let ca_pem = read(&certificate)?;
    let authority = match Authority::of_key(&read(&key)?) {
        Ok(authority) => authority,
        Err(source) => return Err(CertificatesError::Key { path: key, source }),
    };
    let pair = authority
        .certify(node, validity)
        .map_err(CertificatesError::Make)?;
    let files = TlsFiles {
        ca: certificate.clone(),
        certificate: out.join(format!("{node}.crt")),
        key: out.join(format!("{node}.key")),
        crl: None,
    };
    let made = Contents {
        ca: ca_pem.into_bytes(),
        certificate: pair.certificate.clone().into_bytes(),
        key: pair.key.clone().into_bytes(),
        crl: None,
    };
    if let Err(source) = Credentials::from_pem(&files, &made)
        .and_then(|credentials| credentials.check(&files, node, now_millis))
    {
        return Err(CertificatesError::OtherAuthority {
            key,
            certificate,
            source: Box::new(source),
        });
    }
    write(out, node, &pair)
}

fn validity(days: u32, now_millis: u64) -> Result<Validity, CertificatesError> {
    Validity::starting(now_millis, days).ok_or(CertificatesError::Validity(days))
}

fn read(path: &Path) -> Result<String, CertificatesError> {
    fs::read_to_string(path).map_err(|source| CertificatesError::Read {
        path: path.to_owned(),
        source,
    })
}

fn write(out: &Path, stem: &str, pair: &Pair) -> Result<Made, CertificatesError> {
    let failed = |path: &Path, source| CertificatesError::Write {
        path: path.to_owned(),
        source,
    };
    let certificate = out.join(format!("{stem}.crt"));
    let key = out.join(format!("{stem}.key"));
    fs::create_dir_all(out).map_err(|source| failed(out, source))?;
    // Looked at first, so that not one of the two is written where the other exists.
    for path in [&certificate, &key] {
        if path.symlink_metadata().is_ok() {
            return Err(CertificatesError::Exists(path.clone()));
        }
    }
    let key_file = fill(out, &pair.key).map_err(|source| failed(&key, source))?;
    let certificate_file = fill(out, &pair.certificate)
        .and_then(open_to_all)
        .map_err(|source| failed(&certificate, source))?;
    place(key_file, &key)?;
    place(certificate_file, &certificate).inspect_err(|_| {
        // A key without its certificate is of no use, and would be in the way.
        let _ = fs::remove_file(&key);
    })?;
    Ok(Made {
        certificate,
        key,
        expires: pair.expires,
    })
}

/// A new file in `folder`, which only its owner may read.
fn fill(folder: &Path, contents: &str) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(contents.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(unix)]
fn open_to_all(file: NamedTempFile) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o644))?;
    Ok(file)
}

#[cfg(not(unix))]
fn open_to_all(file: NamedTempFile) -> io::Result<NamedTempFile> {
    Ok(file)
}

fn place(file: NamedTempFile, path: &Path) -> Result<(), CertificatesError> {
    file.persist_noclobber(path).map_err(|error| {
        if error.error.kind() == io::ErrorKind::AlreadyExists {
            CertificatesError::Exists(path.to_owned())
        } else {
            CertificatesError::Write {
                path: path.to_owned(),
                source: error.error,
            }
        }
    })?;
    Ok(())
}
