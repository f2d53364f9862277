//! Public keys with which signatures are checked: from PEM, a secret, or a set of keys.

use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::Value;

use super::spki::{PublicKey, public_key};

/// Keys of a set that are looked at: far more than an issuer has at a time.
const MAX_SET_KEYS: usize = 256;

/// The algorithms of a shared secret.
const HMAC: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

/// The algorithms of an RSA key.
const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// A key with which signatures are checked, and by which algorithms.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    pub(super) key: DecodingKey,
    /// A key is for its own algorithms alone, or else a public key would be taken for a
    /// shared secret.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) id: Option<String>,
    fingerprint: [u8; 32],
}

impl VerifyingKey {
    pub(super) fn new(key: DecodingKey, algorithms: &[Algorithm], id: Option<String>) -> Self {
        let mut hash = blake3::Hasher::new();
        for algorithm in algorithms {
            hash.update(format!("{algorithm:?},").as_bytes());
        }
        match key.kind() {
            DecodingKeyKind::SecretOrDer(bytes) => hash.update(bytes),
            DecodingKeyKind::RsaModulusExponent { n, e } => hash.update(n).update(b"/").update(e),
        };
        Self {
            fingerprint: *hash.finalize().as_bytes(),
            key,
            algorithms: algorithms.to_vec(),
            id,
        }
    }

    /// The same for the same key, and for no other.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithms", &self.algorithms)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The shared secret of a file.
pub(super) fn from_secret(secret: &[u8]) -> VerifyingKey {
    VerifyingKey::new(DecodingKey::from_secret(secret), &HMAC, None)
}

/// The public key of a PEM file.
pub(super) fn from_pem(pem: &[u8]) -> Result<VerifyingKey, String> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem)
        .map_err(|_| "it has no `BEGIN PUBLIC KEY`, which begins a public key in PEM")?;
    let (key, algorithms) = match public_key(&der) {
        Some(PublicKey::Rsa(key)) => (DecodingKey::from_rsa_der(key), &RSA[..]),
        Some(PublicKey::P256(key)) => (DecodingKey::from_ec_der(key), &[Algorithm::ES256][..]),
        Some(PublicKey::P384(key)) => (DecodingKey::from_ec_der(key), &[Algorithm::ES384][..]),
        Some(PublicKey::Ed25519(key)) => (DecodingKey::from_ed_der(key), &[Algorithm::EdDSA][..]),
        None => {
            return Err(
                "it is of no kind that is taken: RSA, EC on P-256 or P-384, Ed25519".to_owned(),
            );
        }
    };
    Ok(VerifyingKey::new(key, algorithms, None))
}

/// The keys of a set with which signatures may be checked. Others are left out: there may be
/// some for other purposes, or of kinds to come.
pub(super) fn from_set(json: &[u8]) -> Result<Vec<VerifyingKey>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(json)
        .map_err(|_| "it is no set of keys: no JSON object with a list `keys`")?;
    let keys = set.keys.into_iter().take(MAX_SET_KEYS).filter_map(|value| {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        from_jwk(&jwk)
    });
    Ok(keys.collect())
}

/// A key of a set, unless it is for something else (RFC 7517, section 4).
fn from_jwk(jwk: &Jwk) -> Option<VerifyingKey> {
    let common = &jwk.common;
    if !matches!(common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    if let Some(operations) = &common.key_operations
        && !operations.contains(&KeyOperations::Verify)
    {
        return None;
    }
    let algorithms: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &RSA,
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        // A secret that lies at a public address is none.
        _ => return None,
    };
    let algorithms = match common.key_algorithm {
        None => algorithms.to_vec(),
        Some(only) => {
            let only = only.to_string().parse().ok()?;
            algorithms.contains(&only).then(|| vec![only])?
        }
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(VerifyingKey::new(key, &algorithms, common.key_id.clone()))
}
