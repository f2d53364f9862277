//! What is wrong with files is said before anybody is dialled.

use super::*;

/// A folder with good files of the node `a`, changed by `spoil`.
fn error_of(spoil: impl FnOnce(&Path, &Ca)) -> String {
    let ca = Ca::new();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &ca.certificate, &ca.certify("a"));
    load(folder.path(), "a", Arc::default()).unwrap();
    spoil(folder.path(), &ca);
    load(folder.path(), "a", Arc::default())
        .expect_err("the files are spoilt")
        .to_string()
}

#[test]
fn a_missing_file_is_named() {
    for file in ["ca.crt", "tls.crt", "tls.key"] {
        let error = error_of(|folder, _| fs::remove_file(folder.join(file)).unwrap());
        assert_says(&error, file);
        assert_says(&error, "cannot read");
        assert_says(&error, "`hearken cluster ca`");
    }
}

#[test]
fn a_file_without_what_it_is_for_is_named() {
    for file in ["ca.crt", "tls.crt", "tls.key"] {
        for contents in ["", "not PEM at all\n"] {
            let error = error_of(|folder, _| fs::write(folder.join(file), contents).unwrap());
            assert_says(&error, file);
            assert_says(&error, "-----BEGIN ");
        }
    }
    let error = error_of(|folder, _| {
        fs::copy(folder.join("tls.key"), folder.join("tls.crt")).unwrap();
    });
    assert_says(&error, "there is no certificate in");
}

#[test]
fn a_damaged_file_is_named() {
    for file in ["ca.crt", "tls.crt", "tls.key"] {
        let error = error_of(|folder, _| {
            let contents = fs::read(folder.join(file)).unwrap();
            fs::write(folder.join(file), &contents[..contents.len() / 2]).unwrap();
        });
        assert_says(&error, file);
        assert_says(&error, "is damaged: the end of a section is missing");

        let rubbish = ["CERTIFICATE", "PRIVATE KEY"]
            .map(|label| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n"))
            .concat();
        let error = error_of(|folder, _| fs::write(folder.join(file), rubbish).unwrap());
        assert_says(&error, file);
        assert_says(&error, "cannot use");
    }
}

#[test]
fn a_file_without_end_is_not_read_to_it() {
    let error = error_of(|folder, _| {
        fs::write(folder.join("ca.crt"), vec![b'\n'; (1 << 20) + 1]).unwrap();
    });
    assert_says(&error, "more than 1048576 bytes");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let error = error_of(|folder, ca| {
        fs::write(folder.join("tls.key"), ca.certify("a").key).unwrap();
    });
    assert_says(&error, "does not belong to the certificate");
}

#[test]
fn a_certificate_of_another_ca_is_refused() {
    let error = error_of(|folder, _| {
        fs::write(folder.join("ca.crt"), Ca::new().certificate).unwrap();
    });
    assert_says(&error, "is not signed by the CA in");
}

#[test]
fn a_certificate_of_another_node_is_refused() {
    for other in ["b", "A"] {
        let error = error_of(|folder, ca| write(folder, &ca.certificate, &ca.certify(other)));
        assert_says(
            &error,
            &format!("is for `{other}`, but this node's name is `a`"),
        );
        assert_says(&error, "`hearken cluster cert a`");
    }
}

#[test]
fn a_wildcard_is_no_nodes_name() {
    let ca = Ca::new();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &ca.certificate, &ca.certify("*.example"));
    let error = load(folder.path(), "a.example", Arc::default()).unwrap_err();
    assert_says(
        &error,
        "is for no node, but this node's name is `a.example`",
    );
}

#[test]
fn a_certificate_at_another_time_is_refused() {
    let ca = Ca::new();
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    write(folder.path(), &ca.certificate, &ca.certify("a"));
    clock.advance(101 * DAY);
    let error = load(folder.path(), "a", Arc::clone(&clock)).unwrap_err();
    assert_says(&error, "expired at 2027-04-25T08:00:00Z");

    let later = Validity::starting(NOW + 200 * DAY, 100).unwrap();
    let pair = certify(&ca.authority, "a", later).unwrap();
    write(folder.path(), &ca.certificate, &pair);
    let error = load(folder.path(), "a", clock).unwrap_err();
    assert_says(&error, "is valid only from 2027-08-03T07:00:00Z on");
}

#[test]
fn certificates_of_other_tools_must_be_fit_for_links() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(params, key);
    let error_with = |names: &[&str], purpose: Option<rcgen::ExtendedKeyUsagePurpose>| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.extended_key_usages.extend(purpose);
        let key = rcgen::KeyPair::generate().unwrap();
        let pair = Pair {
            certificate: params.signed_by(&key, &issuer).unwrap().pem(),
            key: key.serialize_pem(),
            expires: params.not_after,
        };
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &ca, &pair);
        load(folder.path(), "a", Arc::default()).err()
    };
    assert!(error_with(&["a", ANY_NODE], None).is_none());
    assert!(error_with(&["b", ANY_NODE, "a"], None).is_none());
    assert_says(
        &error_with(&["a"], None).unwrap(),
        "lacks the DNS name `node.hearken.internal`",
    );
    for purpose in [
        rcgen::ExtendedKeyUsagePurpose::ServerAuth,
        rcgen::ExtendedKeyUsagePurpose::ClientAuth,
    ] {
        let error = error_with(&["a", ANY_NODE], Some(purpose)).unwrap();
        assert_says(&error, "is not for both server and client authentication");
    }
}
