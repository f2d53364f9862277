//! Connections to the hosts that plugins ask for.
//!
//! A host's name is resolved once, and the connection goes to an address that was checked:
//! who answers a second question otherwise gains nothing by it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use wasmtime_wasi_http::Error;

use super::addresses::Reach;
use crate::config::{HttpGrant, HttpHost};

/// Most addresses of a host that are tried.
const MAX_ADDRESSES: usize = 8;

/// Finds the addresses of hosts.
pub(crate) trait Resolve: Send + Sync {
    /// The addresses of a name.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>>;
}

/// The resolver of the system.
struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Connects to hosts.
pub(crate) struct Connector {
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
}

/// Where a request is to go.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) host: HttpHost,
    pub(super) port: u16,
    pub(super) is_tls: bool,
}

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connector {
    /// Over the system's resolver and with the authorities that browsers trust.
    pub(crate) fn system() -> Self {
        Self::new(Arc::new(System))
    }

    /// Over another resolver.
    pub(crate) fn new(resolver: Arc<dyn Resolve>) -> Self {
        crate::tls::choose_provider();
        let roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.into(),
        };
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            resolver,
            tls: TlsConnector::from(Arc::new(config)),
        }
    }

    /// The addresses of a host that a plugin with these grants may go to.
    pub(super) async fn addresses(
        &self,
        target: &Target,
        grants: &[HttpGrant],
    ) -> Result<Vec<SocketAddr>, Error> {
        let found = match &target.host {
            HttpHost::Address(address) => vec![*address],
            // Whatever a resolver would say (RFC 6761, section 6.3).
            host if host.is_localhost() => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            HttpHost::Name(name) => {
                let found = self.resolver.resolve(name).await;
                found.map_err(|error| Error::DnsError {
                    rcode: Some(error.to_string()),
                    info_code: None,
                })?
            }
        };
        if found.is_empty() {
            return Err(Error::DestinationNotFound);
        }
        let may_go = |address: &IpAddr| may_go(target, *address, grants);
        let addresses = found.into_iter().filter(may_go).take(MAX_ADDRESSES);
        let addresses: Vec<_> = addresses
            .map(|address| SocketAddr::new(address, target.port))
            .collect();
        match addresses.is_empty() {
            true => Err(Error::DestinationIpProhibited),
            false => Ok(addresses),
        }
    }

    /// Connects to one of these addresses of the target.
    pub(super) async fn connect(
        &self,
        target: &Target,
        addresses: &[SocketAddr],
    ) -> Result<Box<dyn Stream>, Error> {
        let stream = TcpStream::connect(addresses)
            .await
            .map_err(Error::Connect)?;
        if !target.is_tls {
            return Ok(Box::new(stream));
        }
        let name = match &target.host {
            HttpHost::Address(address) => ServerName::from(*address),
            HttpHost::Name(name) => {
                ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid)?
            }
        };
        let stream = self.tls.connect(name, stream).await.map_err(Error::Tls)?;
        Ok(Box::new(stream))
    }
}

/// Whether a plugin with these grants, one of which names the target, may go to this
/// address of it.
fn may_go(target: &Target, address: IpAddr, grants: &[HttpGrant]) -> bool {
    let names_address =
        |grant: &HttpGrant| grant.names(&HttpHost::Address(address.to_canonical()), target.port);
    if grants.iter().any(names_address) {
        return true;
    }
    let is_private =
        |grant: &HttpGrant| grant.is_private() && grant.names(&target.host, target.port);
    match Reach::of(address) {
        Reach::Public => true,
        Reach::Loopback if target.host.is_localhost() => true,
        Reach::Loopback | Reach::Private => grants.iter().any(is_private),
        Reach::Special => false,
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Manifest;

    /// Says the same of every name.
    struct Everybody(&'static [&'static str]);

    impl Resolve for Everybody {
        fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
            let addresses = self.0.iter().map(|address| address.parse().unwrap());
            let addresses: Vec<IpAddr> = addresses.collect();
            Box::pin(std::future::ready(Ok(addresses)))
        }
    }

    async fn reached(
        host: &str,
        leads_to: &'static [&'static str],
        grants: &str,
    ) -> Result<Vec<String>, String> {
        let text = format!("[allow]\nhttp = {grants}");
        let manifest = Manifest::parse(Path::new("a.toml"), &text).unwrap();
        let grants = manifest.allow.http.unwrap();
        let target = Target {
            host: HttpHost::parse(host).unwrap(),
            port: 80,
            is_tls: false,
        };
        let connector = Connector::new(Arc::new(Everybody(leads_to)));
        let addresses = connector.addresses(&target, &grants).await;
        let addresses = addresses.map_err(|error| format!("{error:?}"))?;
        Ok(addresses
            .iter()
            .map(|address| address.ip().to_string())
            .collect())
    }

    #[tokio::test]
    async fn a_name_leads_to_the_internet_only() {
        let name = r#"["a.example"]"#;
        let both = &["127.0.0.1", "93.184.216.34", "10.0.0.1"];
        let reach = reached("a.example", both, name).await;
        assert_eq!(reach.unwrap(), ["93.184.216.34"]);
        for address in [
            &["127.0.0.1"],
            &["::1"],
            &["::ffff:127.0.0.1"],
            &["64:ff9b::7f00:1"],
            &["10.0.0.1"],
            &["fd00::1"],
            &["0.0.0.0"],
            &["169.254.169.254"],
            &["fd00:ec2::254"],
        ] {
            let reach = reached("a.example", address, name).await;
            assert_eq!(reach.unwrap_err(), "DestinationIpProhibited", "{address:?}");
        }
        let reach = reached("a.example", &[], name).await;
        assert_eq!(reach.unwrap_err(), "DestinationNotFound");
    }

    #[tokio::test]
    async fn private_addresses_are_reached_where_the_grant_says_so() {
        let marked = r#"["db.internal private"]"#;
        assert!(reached("db.internal", &["10.0.0.1"], marked).await.is_ok());
        assert!(reached("db.internal", &["127.0.0.1"], marked).await.is_ok());
        // Not even then.
        for address in [&["169.254.169.254"], &["fd00:ec2::254"], &["0.0.0.0"]] {
            assert!(
                reached("db.internal", address, marked).await.is_err(),
                "{address:?}"
            );
        }
        let network = r#"["db.internal", "10.1.0.0/16"]"#;
        assert!(reached("db.internal", &["10.1.2.3"], network).await.is_ok());
        assert!(
            reached("db.internal", &["10.2.0.1"], network)
                .await
                .is_err()
        );
        // The mark of one name is not another's.
        let other = r#"["db.internal private", "a.example"]"#;
        assert!(reached("a.example", &["10.0.0.1"], other).await.is_err());
    }

    #[tokio::test]
    async fn an_address_that_is_granted_is_reached_whatever_it_is() {
        let literal = reached("169.254.169.254", &[], r#"["169.254.169.254"]"#).await;
        assert_eq!(literal.unwrap(), ["169.254.169.254"]);
        let mapped = reached("[::ffff:127.0.0.1]", &[], r#"["127.0.0.1"]"#).await;
        assert_eq!(mapped.unwrap(), ["127.0.0.1"]);
    }

    #[tokio::test]
    async fn localhost_is_this_machine_whatever_a_resolver_says() {
        let reach = reached("localhost", &["93.184.216.34"], r#"["localhost"]"#).await;
        assert_eq!(reach.unwrap(), ["127.0.0.1", "::1"]);
    }
}
