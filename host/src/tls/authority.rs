//! Making certificates: an authority (CA), and what it says of others.

use std::net::IpAddr;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

/// Certificates begin to be valid so long before they are made: the clocks of the
/// nodes that check them may be behind.
const CLOCK_SKEW: Duration = Duration::from_secs(60 * 60);

/// The years of certificates have four digits.
const LAST_YEAR: i32 = 9999;

/// A certificate authority: what signs the certificates of others.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key, in PEM.
pub(crate) struct Pair {
    /// The certificate.
    pub(crate) certificate: String,
    /// The private key, which is a secret.
    pub(crate) key: String,
    /// When the certificate ceases to be valid.
    pub(crate) expires: OffsetDateTime,
}

/// Since when, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    from: OffsetDateTime,
    until: OffsetDateTime,
}

impl Validity {
    /// From about now, in milliseconds since the Unix epoch, for a number of days.
    /// `None` when that is after [`LAST_YEAR`].
    pub(crate) fn starting(now_millis: u64, days: u32) -> Option<Self> {
        let seconds = i64::try_from(now_millis / 1000).ok()?;
        let now = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
        let from = now.checked_sub(CLOCK_SKEW.try_into().ok()?)?;
        let until = now.checked_add(time::Duration::days(days.into()))?;
        (until.year() <= LAST_YEAR).then_some(Self { from, until })
    }
}

impl Authority {
    /// Makes an authority with a key of its own.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(crate) fn create(validity: Validity) -> Result<(Self, Pair), rcgen::Error> {
        let key = KeyPair::generate()?;
        let params = authority_params(&key, validity);
        let pair = pair(&params.self_signed(&key)?, &key, validity);
        let issuer = Issuer::new(params, key);
        Ok((Self { issuer }, pair))
    }

    /// The authority with this private key, in PEM.
    ///
    /// # Errors
    /// When there is no private key in it, or one of an unknown kind.
    pub(crate) fn of_key(key: &str) -> Result<Self, rcgen::Error> {
        let key = KeyPair::from_pem(key)?;
        // Only the name and the key go into what an authority signs.
        let anytime = Validity {
            from: OffsetDateTime::UNIX_EPOCH,
            until: OffsetDateTime::UNIX_EPOCH,
        };
        let params = authority_params(&key, anytime);
        Ok(Self {
            issuer: Issuer::new(params, key),
        })
    }

    /// A list that names certificates, in PEM.
    #[cfg(test)]
    pub(crate) fn revoke(&self, certificates: &[&Pair], now_millis: u64) -> String {
        use rcgen::{
            CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber,
        };
        let validity = Validity::starting(now_millis, 30).expect("within the calendar");
        let revoked = certificates.iter().map(|pair| RevokedCertParams {
            serial_number: SerialNumber::from(serial(pair)),
            revocation_time: validity.from,
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: validity.from,
            next_update: validity.until,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list
            .signed_by(&self.issuer)
            .expect("a list that can be signed");
        list.pem().expect("a list that can be encoded")
    }

    /// Makes a key, and a certificate that its owner has these `names`: addresses, and names
    /// in the DNS.
    ///
    /// # Errors
    /// When the system has no randomness to give, or a name is not ASCII.
    pub(crate) fn sign(&self, names: &[&str], validity: Validity) -> Result<Pair, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.not_before = validity.from;
        params.not_after = validity.until;
        params.distinguished_name = common_name(names.first().copied().unwrap_or_default());
        for name in names {
            let name = match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(Ia5String::try_from(*name)?),
            };
            params.subject_alt_names.push(name);
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Who is dialled dials others too, with the same certificate.
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(pair(&certificate, &key, validity))
    }
}

/// The serial number of a certificate, which is what follows its version.
#[cfg(test)]
fn serial(pair: &Pair) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let der = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("PEM");
    let version_3_then_integer = [0xa0, 3, 2, 1, 2, 2];
    let at = der
        .windows(version_3_then_integer.len())
        .position(|bytes| bytes == version_3_then_integer)
        .expect("a certificate of version 3");
    let (length, rest) = der[at + version_3_then_integer.len()..]
        .split_first()
        .expect("an integer has a length");
    rest[..usize::from(*length)].to_vec()
}

/// What an authority's certificate says. All but the validity follows from the key, so
/// that the key is enough to sign with; and as authorities with different keys have
/// different names, they are told apart when one is mistaken for another.
fn authority_params(key: &KeyPair, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    let id: String = params
        .key_identifier(key)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    params.not_before = validity.from;
    params.not_after = validity.until;
    params.distinguished_name = common_name(&format!("Hearken cluster {id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn pair(certificate: &Certificate, key: &KeyPair, validity: Validity) -> Pair {
    Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        expires: validity.until,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_ends_with_the_calendar() {
        let now = 1_800_000_000_000;
        let year = Validity::starting(now, 365).unwrap();
        assert_eq!(year.until.unix_timestamp(), 1_800_000_000 + 365 * 86_400);
        assert!(year.from.unix_timestamp() < 1_800_000_000);
        assert!(Validity::starting(now, 10_000 * 366).is_none());
        assert!(Validity::starting(u64::MAX, 1).is_none());
    }
}
