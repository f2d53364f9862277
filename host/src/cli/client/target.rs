//! Which node a command talks to, as whom, and whom it trusts.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::header::HeaderValue;
use reqwest::{Certificate, ClientBuilder, Identity, Url};

use super::error::{ClientError, shown};
use crate::gateway::is_loopback;
use crate::tls::pem::{self, PemFile};
use crate::tls::{PemError, Role};

/// Bytes of the longest credential: a token of 8 KiB, and a line's end.
const LONGEST_KEY: u64 = (8 << 10) + 2;

const KEY_VARIABLE: &str = "HEARKEN_KEY";
const CA_VARIABLE: &str = "HEARKEN_CA";

const CA: Role = Role {
    what: "the certificate of the authority to trust",
    made_by: "name with --ca (or HEARKEN_CA) the ca.crt that `hearken access certificate` has made",
};

const CERTIFICATE: Role = Role {
    what: "the client's certificate",
    made_by: "`hearken access certificate NAME` makes one",
};

const CERTIFICATE_KEY: Role = Role {
    what: "the key of the client's certificate",
    made_by: "`hearken access certificate NAME` makes both",
};

/// Which node, as whom, and whom to trust.
#[derive(Args, Debug)]
pub(in crate::cli) struct Target {
    /// Node that the command talks to
    #[arg(
        long,
        global = true,
        env = "HEARKEN_HOST",
        hide_env_values = true,
        display_order = 100,
        value_name = "URL",
        default_value = "http://127.0.0.1:7070"
    )]
    host: String,

    /// File of the key or token to show; without it what HEARKEN_KEY holds
    #[arg(long, global = true, display_order = 100, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// The only authority to trust; without it, the one that HEARKEN_CA names
    #[arg(long, global = true, display_order = 100, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Certificate to show
    #[arg(
        long,
        global = true,
        display_order = 100,
        value_name = "FILE",
        requires = "cert_key"
    )]
    cert: Option<PathBuf>,

    /// Key of that certificate
    #[arg(
        long,
        global = true,
        display_order = 100,
        value_name = "FILE",
        requires = "cert"
    )]
    cert_key: Option<PathBuf>,

    /// Send the key over plain http too, where anybody on the way can read it
    #[arg(long, global = true, display_order = 100)]
    allow_plaintext: bool,
}

impl Target {
    /// The names of these flags, as clap calls them.
    pub(in crate::cli) const FLAGS: [&'static str; 6] = [
        "host",
        "key_file",
        "ca",
        "cert",
        "cert_key",
        "allow_plaintext",
    ];

    /// The node's URL.
    pub(super) fn base(&self) -> Result<Url, ClientError> {
        let bad = |reason: String| ClientError::BadHost {
            host: self.host.clone(),
            reason,
        };
        let base = Url::parse(&self.host).map_err(|error| bad(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(bad(format!("the scheme is `{}`", base.scheme())));
        }
        if !base.username().is_empty() || base.password().is_some() {
            // Not repeated, since it may be a secret.
            return Err(ClientError::BadHost {
                host: base.host_str().unwrap_or_default().to_owned(),
                reason: "it has a user name or a password; name a file with --key-file".to_owned(),
            });
        }
        Ok(base)
    }

    /// What is sent as `Authorization`, if anything is.
    pub(super) fn credential(&self, base: &Url) -> Result<Option<HeaderValue>, ClientError> {
        let key = match &self.key_file {
            Some(path) => read_key(path)?,
            None => match std::env::var_os(KEY_VARIABLE).filter(|key| !key.is_empty()) {
                Some(key) => key,
                None => return Ok(None),
            },
        };
        let place = match &self.key_file {
            Some(path) => path.display().to_string(),
            None => KEY_VARIABLE.to_owned(),
        };
        let key = key.to_str().map(str::trim);
        let key =
            key.filter(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()));
        let Some(key) = key else {
            return Err(ClientError::BadKey { place });
        };
        let is_here = is_loopback(base.host_str().unwrap_or_default());
        if base.scheme() == "http" && !is_here && !self.allow_plaintext {
            return Err(ClientError::Plaintext {
                host: shown(base),
                place,
            });
        }
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).expect("graphic ASCII");
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Has `builder` trust and show what is named.
    pub(super) fn secure(
        &self,
        mut builder: ClientBuilder,
        base: &Url,
    ) -> Result<ClientBuilder, ClientError> {
        if base.scheme() == "http" {
            // Also works where no certificates are installed.
            return Ok(builder.tls_certs_only([]));
        }
        let variable = std::env::var_os(CA_VARIABLE).filter(|path| !path.is_empty());
        if let Some(path) = self.ca.clone().or(variable.map(PathBuf::from)) {
            builder = builder.tls_certs_only(authorities(&path)?);
        }
        if let (Some(certificate), Some(key)) = (&self.cert, &self.cert_key) {
            builder = builder.identity(identity(certificate, key)?);
        }
        Ok(builder)
    }
}

fn read_key(path: &Path) -> Result<OsString, ClientError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_KEY).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text.into()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(ClientError::BadKey {
            place: path.display().to_string(),
        }),
        Err(source) => Err(ClientError::KeyFile {
            path: path.to_owned(),
            source,
        }),
    }
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, ClientError> {
    let contents = pem::read(CA, path)?;
    let file = PemFile {
        role: CA,
        path,
        contents: &contents,
    };
    file.roots()?;
    let unusable = |_| file.unusable(rustls::CertificateError::BadEncoding.into());
    Ok(Certificate::from_pem_bundle(&contents).map_err(unusable)?)
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, ClientError> {
    let (shown, secret) = (
        pem::read(CERTIFICATE, certificate)?,
        pem::read(CERTIFICATE_KEY, key)?,
    );
    let file = |role, path, contents| PemFile {
        role,
        path,
        contents,
    };
    let certified = file(CERTIFICATE, certificate, &shown);
    crate::tls::choose_provider();
    certified.with_key(file(CERTIFICATE_KEY, key, &secret))?;
    let both = [&shown[..], b"\n", &secret].concat();
    let unusable = |_| certified.unusable(rustls::CertificateError::BadEncoding.into());
    Ok(Identity::from_pem(&both).map_err(unusable)?)
}

impl From<PemError> for ClientError {
    fn from(error: PemError) -> Self {
        Self::Certificate(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, key: Option<&str>) -> (Target, tempfile::NamedTempFile) {
        let file = tempfile::NamedTempFile::new().unwrap();
        if let Some(key) = key {
            std::fs::write(file.path(), key).unwrap();
        }
        let target = Target {
            host: host.to_owned(),
            key_file: key.map(|_| file.path().to_owned()),
            ca: None,
            cert: None,
            cert_key: None,
            allow_plaintext: false,
        };
        (target, file)
    }

    fn credential(target: &Target) -> Result<Option<HeaderValue>, ClientError> {
        target.credential(&target.base().unwrap())
    }

    #[test]
    fn a_key_leaves_this_machine_only_encrypted_unless_told() {
        for host in [
            "https://a.example",
            "http://127.0.0.1:7070",
            "http://[::1]:1",
            "http://localhost",
        ] {
            let (target, _file) = target(host, Some("hrk_a_b\n"));
            let sent = credential(&target).unwrap().unwrap();
            assert_eq!(sent, "Bearer hrk_a_b", "{host}");
            assert!(!format!("{sent:?}").contains("hrk"), "it is not shown");
        }
        for host in [
            "http://a.example",
            "http://10.0.0.1:7070",
            "http://localhost.evil.example",
        ] {
            let (mut target, _file) = target(host, Some("hrk_a_b"));
            let error = credential(&target).unwrap_err().to_string();
            assert!(error.contains("--allow-plaintext"), "{error}");
            assert!(!error.contains("hrk_a_b"), "{error}");
            target.allow_plaintext = true;
            assert!(credential(&target).unwrap().is_some());
        }
    }

    #[test]
    fn what_is_no_key_is_told_and_not_shown() {
        for key in ["", "\n", "two words", "hrk_ä"] {
            let (target, _file) = target("https://a.example", Some(key));
            let error = credential(&target).unwrap_err().to_string();
            assert!(error.contains("holds no key"), "{error}");
            assert!(
                key.trim().is_empty() || !error.contains(key.trim()),
                "{error}"
            );
        }
    }

    #[test]
    fn a_url_carries_no_secret() {
        let (target, _file) = target("https://me:secret@a.example", None);
        let error = target.base().unwrap_err().to_string();
        assert!(
            error.contains("--key-file") && !error.contains("secret"),
            "{error}"
        );
    }
}
