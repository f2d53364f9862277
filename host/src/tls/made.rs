//! The files of certificates that are made: `NAME.crt` and `NAME.key`.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use time::OffsetDateTime;

use super::authority::{Authority, Pair, Validity};

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
pub enum MakeError {
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
        "cannot read {}: {source}; name the folder of the CA with --ca, or make a CA \
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
        "certificates that {} signs are not valid with {}: {source}; both must come from one \
         `hearken cluster ca`. For a CA made with other tools, use those to sign too",
        key.display(),
        certificate.display()
    )]
    OtherAuthority {
        /// The authority's key.
        key: PathBuf,
        /// The authority's certificate.
        certificate: PathBuf,
        /// What is wrong.
        source: Box<dyn Error + Send + Sync>,
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

/// An authority in a folder: `ca.crt` and `ca.key`.
pub(crate) struct AuthorityFiles {
    pub(crate) authority: Authority,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The certificate, in PEM.
    pub(crate) pem: String,
}

impl AuthorityFiles {
    /// Says that its key and its certificate do not go together.
    pub(crate) fn refused(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> MakeError {
        MakeError::OtherAuthority {
            key: self.key,
            certificate: self.certificate,
            source: source.into(),
        }
    }
}

/// Reads the authority in the folder `ca`.
///
/// # Errors
/// [`MakeError::Read`] and [`MakeError::Key`].
pub(crate) fn authority_in(ca: &Path) -> Result<AuthorityFiles, MakeError> {
    let (certificate, key) = (ca.join("ca.crt"), ca.join("ca.key"));
    let pem = read(&certificate)?;
    match Authority::of_key(&read(&key)?) {
        Ok(authority) => Ok(AuthorityFiles {
            authority,
            certificate,
            key,
            pem,
        }),
        Err(source) => Err(MakeError::Key { path: key, source }),
    }
}

/// Makes a certificate authority in the folder `out`, which is made if it is missing.
/// It is valid for `days` from `now_millis`, in milliseconds since the Unix epoch.
///
/// # Errors
/// [`MakeError`] says what is in the way. Then nothing was written.
pub(crate) fn new_authority(out: &Path, days: u32, now_millis: u64) -> Result<Made, MakeError> {
    let (_, pair) = Authority::create(validity_of(days, now_millis)?).map_err(MakeError::Make)?;
    write(out, "ca", &pair)
}

/// So many days from now.
///
/// # Errors
/// [`MakeError::Validity`].
pub(crate) fn validity_of(days: u32, now_millis: u64) -> Result<Validity, MakeError> {
    Validity::starting(now_millis, days).ok_or(MakeError::Validity(days))
}

fn read(path: &Path) -> Result<String, MakeError> {
    fs::read_to_string(path).map_err(|source| MakeError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Writes `STEM.crt` and `STEM.key` into the folder `out`, which is made if it is missing.
///
/// # Errors
/// [`MakeError`] says what is in the way. Then nothing was written.
pub(crate) fn write(out: &Path, stem: &str, pair: &Pair) -> Result<Made, MakeError> {
    let failed = |path: &Path, source| MakeError::Write {
        path: path.to_owned(),
        source,
    };
    let certificate = out.join(format!("{stem}.crt"));
    let key = out.join(format!("{stem}.key"));
    fs::create_dir_all(out).map_err(|source| failed(out, source))?;
    // Looked at first, so that not one of the two is written where the other exists.
    for path in [&certificate, &key] {
        if path.symlink_metadata().is_ok() {
            return Err(MakeError::Exists(path.clone()));
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

fn place(file: NamedTempFile, path: &Path) -> Result<(), MakeError> {
    file.persist_noclobber(path).map_err(|error| {
        if error.error.kind() == io::ErrorKind::AlreadyExists {
            MakeError::Exists(path.to_owned())
        } else {
            MakeError::Write {
                path: path.to_owned(),
                source: error.error,
            }
        }
    })?;
    Ok(())
}
