//! Fetching from servers that listen on this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Certificate;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::access::{
    Access, AccessSettings, Credential, Granted, Principal, TokenIssuer, TokenSource,
    Unauthenticated,
};
use crate::clock::{Clock, SystemClock};

/// Bounds a test that has gone wrong.
const DEADLINE: Duration = Duration::from_secs(30);

/// A server that answers everything in the same way, and closes.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    _serving: AbortOnDropHandle<()>,
}

impl Server {
    async fn start(answer: impl Into<Vec<u8>>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, asked) = (answer.into(), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&asked);
        let serving = async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                match &tls {
                    None => serve(stream, &answer, &counted).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, &answer, &counted).await;
                        }
                    }
                }
            }
        };
        Self {
            address,
            asked,
            _serving: AbortOnDropHandle::new(tokio::spawn(serving)),
        }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}/keys?pass=confidential", self.address)
    }

    async fn fetched(&self, client: &KeySetClient) -> Result<Bytes, FetchError> {
        self.fetched_by("http", client).await
    }

    async fn fetched_by(&self, scheme: &str, client: &KeySetClient) -> Result<Bytes, FetchError> {
        let url = self.url(scheme);
        let fetched = timeout(DEADLINE, client.fetch(&url)).await;
        fetched.expect("it ends").inspect_err(|error| {
            let told = error.to_string();
            assert!(!told.contains("confidential"), "{told}");
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &[u8],
    asked: &AtomicUsize,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            // What is no request is not waited for.
            Ok(byte) if head.is_empty() && byte != b'G' => return,
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    assert!(head.starts_with(b"GET /keys?pass=confidential HTTP/1.1\r\n"));
    asked.fetch_add(1, Ordering::Relaxed);
    // Who has read enough goes away.
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
}

/// An answer with a body of that many bytes, all of which come.
fn whole(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// An answer that does not say how long it is.
fn in_chunks(body: &[u8]) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(10_000) {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

/// What a server of this folder's certificates needs.
fn acceptor(folder: &Path) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(folder.join("127.0.0.1.crt")).unwrap();
    let chain = chain.map(|certificate| certificate.unwrap()).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("127.0.0.1.key")).unwrap();
    let config = ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A client that trusts the authorities of these folders, and none of the machine.
fn trusting(folders: &[&Path]) -> KeySetClient {
    let authorities = folders.iter().map(|folder| {
        let ca = std::fs::read(folder.join("ca.crt")).unwrap();
        Certificate::from_pem(&ca).unwrap()
    });
    let client = builder().tls_certs_only(authorities).build().unwrap();
    KeySetClient {
        client: Ok(client).into(),
    }
}

#[tokio::test]
async fn a_set_is_fetched_however_it_comes() {
    let client = trusting(&[]);
    let largest = vec![b' '; MAX_KEY_SET];
    for body in [b"{\"keys\":[]}".as_slice(), b"", &largest] {
        for answer in [whole(body), in_chunks(body)] {
            let server = Server::start(answer, None).await;
            assert_eq!(server.fetched(&client).await.unwrap(), body);
            assert_eq!(server.asked(), 1);
        }
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    let client = trusting(&[]);
    let larger = vec![b' '; MAX_KEY_SET + 1];
    for answer in [whole(&larger), in_chunks(&larger)] {
        let server = Server::start(answer, None).await;
        let error = server.fetched(&client).await.unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }
}

#[tokio::test]
async fn whoever_may_redirect_does_not_choose_the_keys() {
    let client = trusting(&[]);
    let elsewhere = Server::start(whole(b"{\"keys\":[]}"), None).await;
    for status in [
        "301 Moved",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = elsewhere.url("http");
        let answer =
            format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::start(answer, None).await;
        let error = server.fetched(&client).await.unwrap_err().to_string();
        assert!(error.contains(&status[..3]), "{error}");
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn what_is_no_whole_answer_is_none() {
    let client = trusting(&[]);
    for answer in [
        "",
        "{\"keys\":[]}",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":[]}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\n{\"keys\":[]}\r\n",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}",
        "HTTP/1.1 500 Oops\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}",
    ] {
        let server = Server::start(answer, None).await;
        assert!(server.fetched(&client).await.is_err(), "{answer}");
    }
}

#[tokio::test]
async fn over_https_the_server_shows_who_it_is() {
    let [own, other] = [(); 2].map(|()| TempDir::new().unwrap());
    for folder in [own.path(), other.path()] {
        let now = SystemClock.now_millis();
        tls::make_host(&["127.0.0.1".to_owned()], folder, folder, 30, now).unwrap();
    }
    let body = b"{\"keys\":[]}";
    let encrypted = Server::start(whole(body), Some(acceptor(own.path()))).await;
    let trusted = encrypted
        .fetched_by("https", &trusting(&[own.path()]))
        .await;
    assert_eq!(trusted.unwrap(), body.as_slice());
    for stranger in [trusting(&[other.path()]), KeySetClient::new()] {
        let refused = encrypted.fetched_by("https", &stranger).await;
        assert!(refused.is_err());
    }
    assert_eq!(encrypted.asked(), 1);
    let plain = Server::start(whole(body), None).await;
    let refused = plain.fetched_by("https", &trusting(&[own.path()])).await;
    assert!(refused.is_err());
    assert_eq!(plain.asked(), 0);
}

#[tokio::test]
async fn tokens_are_checked_with_the_keys_of_a_server() {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let public = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
    let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": public, "kid": "1" }] });
    let server = Server::start(whole(set.to_string().as_bytes()), None).await;
    let mut settings = AccessSettings::default();
    let place = "hearken.toml:1:1".to_owned();
    let issuer = TokenIssuer {
        place: place.clone(),
        source: Granted {
            value: TokenSource::JwksUrl(server.url("http")),
            place,
        },
        issuer: None,
        audience: None,
        roles_claim: "roles".to_owned(),
    };
    settings.tokens.insert("main".to_owned(), issuer);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let access = Access::new(settings, clock, Arc::new(trusting(&[]))).unwrap();
    let token = |id: &str| {
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = part(json!({ "alg": "EdDSA", "kid": id }));
        let claims = part(json!({ "sub": "me", "exp": u32::MAX }));
        let message = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    };
    let ask = async |token: String| {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        access.authenticate(Credential::Bearer(&token), here).await
    };
    let known = ask(token("1")).await.unwrap();
    assert_eq!(known.principal(), &Principal::User("me".into()));
    let refused = ask(token("2")).await.unwrap_err();
    assert_eq!(refused, Unauthenticated::UnknownKeyId);
    assert_eq!(server.asked(), 1);
}
