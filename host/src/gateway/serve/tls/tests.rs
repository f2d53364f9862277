//! A gateway with certificates in a folder, and clients that trust their authority.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::secured::{Secured, files, make};
use super::*;
use crate::clock::SystemClock;
use crate::gateway::GatewayLimits;

/// Bounds a test that has gone wrong.
const DEADLINE: Duration = Duration::from_secs(30);

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

/// What is answered until the connection ends, in whichever way.
async fn rest(client: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    let _ = timeout(DEADLINE, client.read_to_end(&mut all)).await;
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn http1_is_served_to_who_agrees_on_it_or_on_nothing() {
    let served = Secured::start(GatewayLimits::default()).await;
    for offered in [&[b"http/1.1".as_slice()][..], &[]] {
        let mut client = served.connect(offered).await.unwrap();
        let agreed = client.get_ref().1.alpn_protocol();
        assert_eq!(agreed, offered.first().copied());
        client.write_all(get("/livez").as_bytes()).await.unwrap();
        let answer = rest(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("alive\n"), "{answer}");
    }
    let both = [b"h2".as_slice(), b"http/1.1"];
    let client = served.connect(&both).await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(HTTP2));
    assert!(served.connect(&[b"smtp"]).await.is_err());
}

#[tokio::test]
async fn who_does_not_encrypt_is_told() {
    let served = Secured::start(GatewayLimits::default()).await;
    let mut client = TcpStream::connect(served.address).await.unwrap();
    client.write_all(get("/livez").as_bytes()).await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.contains("urn:hearken:problem:unencrypted"),
        "{answer}"
    );
    assert!(answer.contains("https://"), "{answer}");
}

#[tokio::test]
async fn a_handshake_that_trickles_in_is_ended_and_gives_its_place_back() {
    let limits = GatewayLimits {
        connections: 1,
        handshake_time: Duration::from_millis(200),
        ..GatewayLimits::default()
    };
    let served = Secured::start(limits).await;
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"] {
        let mut slow = TcpStream::connect(served.address).await.unwrap();
        slow.write_all(begun).await.unwrap();
        assert_eq!(rest(&mut slow).await, "");
    }
    // The only place there is.
    served.connect(&[]).await.unwrap();
}

#[tokio::test]
async fn new_certificates_are_taken_and_bad_ones_are_not() {
    let served = Secured::start(GatewayLimits::default()).await;
    let other = tempfile::tempdir().unwrap();
    make(other.path(), "localhost");
    assert!(!served.tls.reload().unwrap());

    fs::write(served.folder.path().join("localhost.key"), "nonsense").unwrap();
    let error = served.tls.reload().unwrap_err().to_string();
    assert!(error.contains("no private key in"), "{error}");
    served.connect(&[]).await.expect("the old ones are used");

    for file in ["localhost.crt", "localhost.key"] {
        fs::copy(other.path().join(file), served.folder.path().join(file)).unwrap();
    }
    assert!(served.tls.reload().unwrap());
    assert!(served.connect(&[]).await.is_err(), "of another authority");
    let ca = other.path().join("ca.crt");
    served.connect_as(&ca, &[], None).await.unwrap();
}

#[tokio::test]
async fn other_files_take_the_place_of_those_that_were_named_before() {
    let served = Secured::start(GatewayLimits::default()).await;
    let other = tempfile::tempdir().unwrap();
    make(other.path(), "localhost");
    let missing = files(&other.path().join("none"), false);
    assert!(served.tls.read(missing).is_err());
    served.connect(&[]).await.expect("nothing has changed");
    let read = served.tls.read(files(other.path(), false)).unwrap();
    served.tls.replace(read);
    let ca = other.path().join("ca.crt");
    served.connect_as(&ca, &[], None).await.unwrap();
    assert!(!served.tls.reload().unwrap(), "it looks at the other ones");
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_read_again_when_links_to_them_are_swapped() {
    let served = Secured::start(GatewayLimits::default()).await;
    let mut reloads = served.tls.reloads();
    let following = tokio::spawn(served.tls.clone().run());
    let other = tempfile::tempdir().unwrap();
    make(other.path(), "localhost");
    for file in ["localhost.crt", "localhost.key"] {
        let (new, there) = (other.path().join(file), served.folder.path().join(file));
        let link = served.folder.path().join("swapped");
        std::os::unix::fs::symlink(new, &link).unwrap();
        fs::rename(link, there).unwrap();
    }
    timeout(DEADLINE, reloads.changed()).await.unwrap().unwrap();
    following.abort();
}

#[tokio::test]
async fn a_client_may_show_a_certificate_of_an_authority_that_is_named() {
    let served = Secured::start_with(GatewayLimits::default(), true).await;
    let folder = served.folder.path();
    make(folder, "edge.example");
    let stranger = tempfile::tempdir().unwrap();
    make(stranger.path(), "edge.example");
    let ca = folder.join("ca.crt");
    let answers = async |shown: Option<&Path>| {
        let mut client = served
            .connect_as(&ca, &[], shown.map(|it| (it, "edge.example")))
            .await?;
        client.write_all(get("/livez").as_bytes()).await?;
        Ok::<_, io::Error>(rest(&mut client).await)
    };
    assert!(answers(Some(folder)).await.unwrap().contains(" 200 OK"));
    assert!(answers(None).await.unwrap().contains(" 200 OK"));
    let refused = answers(Some(stranger.path())).await;
    assert!(refused.is_err() || refused.unwrap().is_empty());
}

#[tokio::test]
async fn a_connection_ends_when_the_authority_of_its_client_is_no_longer_trusted() {
    let served = Secured::start_with(GatewayLimits::default(), true).await;
    let folder = served.folder.path();
    make(folder, "edge.example");
    let ca = folder.join("ca.crt");
    let mut shown = served
        .connect_as(&ca, &[], Some((folder, "edge.example")))
        .await
        .unwrap();
    let mut anonymous = served.connect_as(&ca, &[], None).await.unwrap();
    for client in [&mut shown, &mut anonymous] {
        let request = get("/livez").replace("close", "keep-alive");
        client.write_all(request.as_bytes()).await.unwrap();
        client.read_u8().await.unwrap();
    }
    let other = tempfile::tempdir().unwrap();
    make(other.path(), "localhost");
    fs::copy(other.path().join("ca.crt"), folder.join("clients.crt")).unwrap();
    assert!(served.tls.reload().unwrap());
    rest(&mut shown).await;
    anonymous.write_all(get("/livez").as_bytes()).await.unwrap();
    assert!(rest(&mut anonymous).await.contains(" 200 OK"));
}

#[test]
fn what_is_wrong_with_files_is_said() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "localhost");
    let load = |files: HttpTlsFiles| {
        let error = HttpTls::load(files, Arc::new(SystemClock)).expect_err("it is spoilt");
        error.to_string()
    };
    let good = files(folder.path(), false);
    let missing = HttpTlsFiles {
        certificate: folder.path().join("none.crt"),
        ..good.clone()
    };
    let error = load(missing);
    assert!(error.contains("cannot read HTTP's certificate"), "{error}");
    assert!(
        error.contains("`hearken access certificate HOST`"),
        "{error}"
    );
    let swapped = HttpTlsFiles {
        key: good.certificate.clone(),
        ..good.clone()
    };
    assert!(load(swapped).contains("no private key in"));
    let of_nobody = HttpTlsFiles {
        client_ca: Some(good.key.clone()),
        ..good.clone()
    };
    let error = load(of_nobody);
    assert!(error.contains("the CA of HTTP's clients"), "{error}");
}

#[test]
fn a_certificate_out_of_its_time_is_refused() {
    struct At(u64);
    impl Clock for At {
        fn now_millis(&self) -> u64 {
            self.0
        }
    }
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "localhost");
    let now = SystemClock.now_millis();
    let load = |at: u64| HttpTls::load(files(folder.path(), false), Arc::new(At(at)));
    assert!(
        load(now + 31 * DAY)
            .unwrap_err()
            .to_string()
            .contains("expired at")
    );
    assert!(load(now - DAY).unwrap_err().to_string().contains("clock"));
    let soon = load(now + 28 * DAY).unwrap().reload_and_check();
    assert!(soon.unwrap_err().to_string().contains("needs no restart"));
    assert!(load(now).unwrap().reload_and_check().is_ok());
}
