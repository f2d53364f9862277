//! Who is let in.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[tokio::test]
async fn both_sides_learn_who_the_other_is() {
    let ca = Ca::new();
    let (a, b) = (ca.node("a"), ca.node("B.example"));
    let (near, far) = link(&a.tls, &b.tls).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    assert!(peer(&near).is_for("B.example"));
    assert_eq!(peer(&near).to_string(), "B.example");
    assert!(peer(&far).is_for("a"));
    assert_eq!(near.connection.remote, far.connection.local);

    near.connection.io.write_all(b"to b").await.unwrap();
    near.connection.io.shutdown().await.unwrap();
    let mut received = String::new();
    far.connection
        .io
        .read_to_string(&mut received)
        .await
        .unwrap();
    assert_eq!(received, "to b");
}

#[tokio::test]
async fn names_are_compared_letter_for_letter() {
    let ca = Ca::new();
    let (a, b) = (ca.node("a"), ca.node("B.example"));
    let (near, far) = link(&a.tls, &b.tls).await;
    let (near, far) = (near.unwrap(), far.unwrap());
    for other in [
        "b.example",
        "B.EXAMPLE",
        "B",
        "B.example.",
        "",
        "a",
        ANY_NODE,
    ] {
        assert!(!peer(&near).is_for(other), "{other}");
    }
    assert!(!peer(&far).is_for("A"));
}

#[tokio::test]
async fn a_node_of_another_ca_is_refused_by_both_sides() {
    let (ours, theirs) = (Ca::new(), Ca::new());
    let (a, b) = (ours.node("a"), theirs.node("b"));
    for (dialler, acceptor) in [(&a, &b), (&b, &a)] {
        let (near, far) = link(&dialler.tls, &acceptor.tls).await;
        assert_says(&near.unwrap_err(), "not of a CA that this node trusts");
        assert_says(
            &far.unwrap_err(),
            "does not trust the CA of this node's certificate",
        );
    }
}

#[tokio::test]
async fn a_dialler_is_refused_even_if_it_trusts_the_node() {
    let (ours, theirs) = (Ca::new(), Ca::new());
    let both = format!("{}{}", ours.certificate, theirs.certificate);
    let a = ours.node("a");
    let b = Node::new("b", &both, &theirs.certify("b"));
    let (near, far) = link(&b.tls, &a.tls).await;
    assert_says(&far.unwrap_err(), "not of a CA that this node trusts");
    // The refusal is on its way while the dialler takes the handshake for finished.
    let mut near = near.unwrap();
    let error = near.connection.io.read_u8().await.unwrap_err();
    assert_says(&error, "does not trust the CA of this node's certificate");
}

#[tokio::test]
async fn a_dialler_whose_certificate_is_no_nodes_is_refused() {
    let ca = Ca::new();
    let (a, b) = (ca.node("a"), ca.node("b"));
    let other = ca.authority.sign(&["b"], days(100)).unwrap();
    let client = CertificateDer::from_pem_slice(other.certificate.as_bytes()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(other.key.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca.certificate.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let time = Arc::clone(&b.tls.current().client.time_provider);
    let mut config = ClientConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![client], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (near, far) = pipe();
    let connector = TlsConnector::from(Arc::new(config));
    let (near, far) = tokio::join!(connector.connect(any_node(), near.io), a.tls.accept(far));
    assert_says(&far.unwrap_err(), "so it is no node's");
    near.unwrap().read_u8().await.unwrap_err();
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let ca = Ca::new();
    let a = ca.node("a");
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(ca.certificate.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let time = Arc::clone(&a.tls.current().client.time_provider);
    let mut config = ClientConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (near, far) = pipe();
    let connector = TlsConnector::from(Arc::new(config));
    let (near, far) = tokio::join!(connector.connect(any_node(), near.io), a.tls.accept(far));
    assert_says(&far.unwrap_err(), "the other side has shown no certificate");
    near.unwrap().read_u8().await.unwrap_err();
}

#[tokio::test]
async fn a_side_without_tls_is_told_from_one_that_hangs_up() {
    let a = Ca::new().node("a");
    for dials in [true, false] {
        let (near, mut far) = pipe();
        let (secured, _) = tokio::join!(
            async {
                if dials {
                    a.tls.connect(near).await
                } else {
                    a.tls.accept(near).await
                }
            },
            far.io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        );
        assert_says(&secured.unwrap_err(), "does not speak TLS");

        let (near, far) = pipe();
        drop(far);
        let secured = if dials {
            a.tls.connect(near).await
        } else {
            a.tls.accept(near).await
        };
        secured.unwrap_err();
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let ca = Ca::new();
    let (a, b) = (ca.node("a"), ca.node("b"));
    a.clock.advance(101 * DAY);
    let (near, far) = link(&a.tls, &b.tls).await;
    assert_says(
        &near.unwrap_err(),
        "the other side's certificate has expired",
    );
    assert_says(&far.unwrap_err(), "this node's certificate has expired");
}

#[tokio::test]
async fn every_connection_checks_the_certificate_anew() {
    let ca = Ca::new();
    let (a, b) = (ca.node("a"), ca.node("b"));
    let (near, far) = link(&a.tls, &b.tls).await;
    near.unwrap();
    far.unwrap();
    b.clock.advance(101 * DAY);
    let (_, far) = link(&a.tls, &b.tls).await;
    assert_says(
        &far.unwrap_err(),
        "the other side's certificate has expired",
    );
}
