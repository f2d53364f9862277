//! Connections that end because what was good is so no more.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;

/// Both ends of a connection between two nodes, which works.
async fn linked(dialler: &Tls, acceptor: &Tls) -> (Secured, Secured) {
    let (near, far) = link(dialler, acceptor).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    works(&mut near, &mut far).await;
    works(&mut far, &mut near).await;
    (near, far)
}

async fn works(from: &mut Secured, to: &mut Secured) {
    from.connection.io.write_all(b"x").await.unwrap();
    from.connection.io.flush().await.unwrap();
    assert_eq!(to.connection.io.read_u8().await.unwrap(), b'x');
}

/// Waits for a connection to end, and returns why.
async fn end(secured: &mut Secured) -> io::Error {
    let read = secured.connection.io.read_u8();
    let read = timeout(Duration::from_secs(3600), read).await;
    let error = read.expect("the connection ends").unwrap_err();
    secured.connection.io.write_all(b"x").await.unwrap_err();
    error
}

#[tokio::test]
async fn a_connection_ends_when_its_authority_is_trusted_no_more() {
    let (old, new) = (Ca::new(), Ca::new());
    let both = format!("{}{}", old.certificate, new.certificate);
    for a_dials in [true, false] {
        let a = Node::new("a", &both, &new.certify("a"));
        let b = Node::new("b", &both, &old.certify("b"));
        let c = Node::new("c", &both, &new.certify("c"));
        let (mut to_b, _b) = if a_dials {
            linked(&a.tls, &b.tls).await
        } else {
            let (far, near) = linked(&b.tls, &a.tls).await;
            (near, far)
        };
        let (mut to_c, mut from_c) = linked(&a.tls, &c.tls).await;
        fs::write(a.path("ca.crt"), &new.certificate).unwrap();
        assert!(a.tls.reload().unwrap());
        assert_says(&end(&mut to_b).await, "not of a CA that this node trusts");
        works(&mut to_c, &mut from_c).await;
    }
}

#[tokio::test]
async fn a_connection_whose_reader_waits_ends_as_well() {
    let (old, new) = (Ca::new(), Ca::new());
    let both = format!("{}{}", old.certificate, new.certificate);
    let a = Node::new("a", &both, &new.certify("a"));
    let b = Node::new("b", &both, &old.certify("b"));
    let (mut near, _far) = linked(&a.tls, &b.tls).await;
    let reader = tokio::spawn(async move { near.connection.io.read_u8().await });
    tokio::task::yield_now().await;
    fs::write(a.path("ca.crt"), &new.certificate).unwrap();
    a.tls.reload().unwrap();
    let read = timeout(Duration::from_secs(60), reader).await;
    let error = read.expect("it is woken").unwrap().unwrap_err();
    assert_says(&error, "not of a CA that this node trusts");
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_when_the_other_sides_certificate_expires() {
    let ca = Ca::new();
    let a = ca.node("a");
    let short = certify(&ca.authority, "b", days(2)).unwrap();
    let b = Node::new("b", &ca.certificate, &short);
    let (mut near, _far) = linked(&a.tls, &b.tls).await;
    tokio::time::advance(Duration::from_millis(2 * DAY - 60_000)).await;
    let error = end(&mut near).await;
    assert_says(&error, "has expired");
}

#[tokio::test]
async fn an_expired_connection_is_found_by_the_clock_too() {
    let ca = Ca::new();
    let (a, b) = (ca.node("a"), ca.node("b"));
    let (mut near, _far) = linked(&a.tls, &b.tls).await;
    a.clock.advance(101 * DAY);
    a.tls.reload_and_check().unwrap_err();
    assert_says(&end(&mut near).await, "has expired");
}

#[tokio::test]
async fn who_is_named_in_a_revocation_list_is_thrown_out_and_kept_out() {
    let ca = Ca::new();
    let (b_pair, c_pair) = (ca.certify("b"), ca.certify("c"));
    let b = Node::new("b", &ca.certificate, &b_pair);
    let c = Node::new("c", &ca.certificate, &c_pair);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &ca.certificate, &ca.certify("a"));
    let list = folder.path().join("tls.crl");
    fs::write(&list, ca.revoke(&[])).unwrap();
    let a = load(folder.path(), "a", Arc::default()).unwrap();
    let (mut from_b, _b) = linked(&a, &b.tls).await;
    let (_c, mut from_c) = linked(&c.tls, &a).await;

    fs::write(&list, ca.revoke(&[&b_pair])).unwrap();
    assert!(a.reload().unwrap());
    assert_says(&end(&mut from_b).await, "was revoked");
    let (near, _) = link(&a, &b.tls).await;
    assert_says(&near.unwrap_err(), "was revoked");
    let (_, far) = link(&b.tls, &a).await;
    assert_says(&far.unwrap_err(), "was revoked");

    fs::write(&list, "nothing").unwrap();
    assert_says(&a.reload().unwrap_err(), "no list of revoked certificates");
    fs::write(&list, ca.revoke(&[&b_pair, &c_pair])).unwrap();
    assert!(a.reload().unwrap());
    assert_says(&end(&mut from_c).await, "was revoked");
}

#[test]
fn a_node_whose_own_certificate_was_revoked_is_told_so() {
    let ca = Ca::new();
    let pair = ca.certify("a");
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &ca.certificate, &pair);
    fs::write(folder.path().join("tls.crl"), ca.revoke(&[&pair])).unwrap();
    let error = load(folder.path(), "a", Arc::default()).unwrap_err();
    assert_says(&error, "was revoked");
}
