//! The cryptography behind tokens: *ring*, as everywhere in this process.

use jsonwebtoken::crypto::{CryptoProvider, JwkUtils, JwtSigner, JwtVerifier};
use jsonwebtoken::errors::{Error, ErrorKind, new_error};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::hmac;
use ring::signature as public;
use ring::signature::{
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

static RING: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    jwk_utils: JwkUtils::new_unimplemented(),
};

/// Makes *ring* what signatures of tokens are checked with, unless something else was
/// chosen before.
pub(super) fn choose() {
    let _ = RING.install_default();
}

/// A shared secret.
struct Shared {
    key: hmac::Key,
    algorithm: Algorithm,
}

/// The public key of an issuer.
struct Public {
    key: DecodingKey,
    algorithm: Algorithm,
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    if key.family() != AlgorithmFamily::Hmac {
        return Err(new_error(ErrorKind::InvalidAlgorithm));
    }
    Ok(Box::new(shared(*algorithm, key.inner())?))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if key.family() != family(*algorithm) {
        return Err(new_error(ErrorKind::InvalidAlgorithm));
    }
    if key.family() == AlgorithmFamily::Hmac {
        return Ok(Box::new(shared(*algorithm, key.try_get_hmac_secret()?)?));
    }
    Ok(Box::new(Public {
        key: key.clone(),
        algorithm: *algorithm,
    }))
}

fn shared(algorithm: Algorithm, secret: &[u8]) -> Result<Shared, Error> {
    let hash = match algorithm {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => return Err(new_error(ErrorKind::InvalidAlgorithm)),
    };
    Ok(Shared {
        key: hmac::Key::new(hash, secret),
        algorithm,
    })
}

impl Signer<Vec<u8>> for Shared {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.key, message).as_ref().to_vec())
    }
}

impl JwtSigner for Shared {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Shared {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        hmac::verify(&self.key, message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Shared {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Public {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let checked = match (rsa(self.algorithm), self.key.kind()) {
            (Some(rsa), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(rsa, message, signature)
            }
            (Some(rsa), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(rsa, key).verify(message, signature)
            }
            (None, DecodingKeyKind::SecretOrDer(key)) => match curve(self.algorithm) {
                Some(curve) => UnparsedPublicKey::new(curve, key).verify(message, signature),
                None => return Err(signature::Error::new()),
            },
            (None, DecodingKeyKind::RsaModulusExponent { .. }) => {
                return Err(signature::Error::new());
            }
        };
        checked.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Public {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn family(algorithm: Algorithm) -> AlgorithmFamily {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => AlgorithmFamily::Hmac,
        Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        _ => AlgorithmFamily::Rsa,
    }
}

/// Of 2,048 to 8,192 bits.
fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &public::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &public::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &public::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &public::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &public::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &public::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn curve(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::ES256 => &public::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &public::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &public::ED25519,
        _ => return None,
    })
}
