use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::*;
use crate::cluster::wire::network::{BoxFuture, Connection};
use crate::cluster::wire::protocol::Frame;
use crate::cluster::wire::protocol::cluster_server::{Cluster, ClusterServer};

/// A server that answers as a stranger may.
struct Stranger;

#[tonic::async_trait]
impl Cluster for Stranger {
    type LinkStream = ReceiverStream<Result<Frame, Status>>;

    async fn link(
        &self,
        _: Request<Streaming<Frame>>,
    ) -> Result<Response<Self::LinkStream>, Status> {
        let forged = format!("x\n2026-01-01 ERROR \u{1b}[31m{}", "y".repeat(4096));
        Err(Status::internal(forged))
    }
}

/// Leads to a stranger.
struct Abroad(mpsc::Sender<io::Result<Http2Io>>);

impl Network for Abroad {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async move {
            let (near, far) = tokio::io::duplex(1 << 16);
            let connection = |io| Connection {
                io: Box::new(io),
                local: address,
                remote: address,
            };
            let there = Http2Io::plain(connection(far), Arc::default());
            self.0.send(Ok(there)).await.expect("it listens");
            Ok(connection(near))
        })
    }

    fn resolve<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let address = address.parse().expect("an address");
        Box::pin(std::future::ready(Ok(vec![address])))
    }
}

#[tokio::test]
async fn what_a_stranger_answers_has_no_lines_and_is_cut() {
    let (arrived, arriving) = mpsc::channel(1);
    let serving = Server::builder()
        .add_service(ClusterServer::new(Stranger))
        .serve_with_incoming(ReceiverStream::new(arriving));
    let dialler = Dialler {
        network: Arc::new(Abroad(arrived)),
        tls: None,
        allow_plaintext: false,
        max_event_bytes: 1 << 20,
        begins: Begins::default(),
    };
    let answer = tokio::select! {
        answer = dialler.dial("127.0.0.1:7071") => answer,
        served = serving => panic!("it serves as long as somebody may come: {served:?}"),
    };
    let error = answer.err().expect("it links with nobody").to_string();
    assert!(error.contains("x\\n2026-01-01 ERROR"), "{error}");
    assert!(error.chars().all(|c| !c.is_control()), "{error}");
    assert!(error.len() < 1024, "{}", error.len());
}

#[tokio::test(start_paused = true)]
async fn a_name_with_many_addresses_that_are_silent_is_given_up() {
    struct Silent;
    impl Network for Silent {
        fn dial(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Connection>> {
            Box::pin(std::future::pending())
        }
        fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
            let addresses = vec![SocketAddr::from(([127, 0, 0, 1], 7071)); 1000];
            Box::pin(std::future::ready(Ok(addresses)))
        }
    }
    let dialler = Dialler {
        network: Arc::new(Silent),
        tls: None,
        allow_plaintext: false,
        max_event_bytes: 1 << 20,
        begins: Begins::default(),
    };
    let before = Instant::now();
    let error = dialler.dial("many:7071").await.err();
    assert_eq!(error.expect("nobody answers").kind(), "silent");
    assert_eq!(before.elapsed(), DIAL_NAME);
}

#[tokio::test(start_paused = true)]
async fn each_address_of_a_name_is_tried_in_the_end() {
    /// Keeps the ports that were dialled.
    #[derive(Default)]
    struct Silent(Mutex<Vec<u16>>);
    impl Network for Silent {
        fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Connection>> {
            self.0.lock().unwrap().push(address.port());
            Box::pin(std::future::pending())
        }
        fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
            let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
            let addresses: Vec<_> = (1..=6).map(address).collect();
            Box::pin(std::future::ready(Ok(addresses)))
        }
    }
    let network = Arc::new(Silent::default());
    let dialler = Dialler {
        network: Arc::clone(&network) as Arc<dyn Network>,
        tls: None,
        allow_plaintext: false,
        max_event_bytes: 1 << 20,
        begins: Begins::default(),
    };
    for _ in 0..2 {
        assert!(dialler.dial("many:7071").await.is_err());
    }
    // For each dial there is time for four.
    assert_eq!(*network.0.lock().unwrap(), [1, 2, 3, 4, 5, 6, 1, 2]);
}

#[test]
fn no_more_names_are_remembered_than_there_is_room_for() {
    let begins = Begins::default();
    for number in 0..=MAX_BEGINS {
        begins.set(&format!("{number:04}"), 4);
    }
    begins.set("0256", 5);
    assert_eq!(begins.lock().len(), MAX_BEGINS);
    assert_eq!((begins.of("0000"), begins.of("0001")), (0, 4));
    assert_eq!(begins.of("0256"), 5);
    begins.forget("0256");
    assert_eq!(begins.of("0256"), 0);
}

#[tokio::test]
async fn plain_text_is_for_this_machine() {
    struct Nowhere;
    impl Network for Nowhere {
        fn dial(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Connection>> {
            Box::pin(std::future::ready(Err(
                io::ErrorKind::ConnectionRefused.into()
            )))
        }
        fn resolve<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
            let address = address.parse().expect("an address");
            Box::pin(std::future::ready(Ok(vec![address])))
        }
    }
    let dial = async |address, allow_plaintext| {
        let dialler = Dialler {
            network: Arc::new(Nowhere),
            tls: None,
            allow_plaintext,
            max_event_bytes: 1 << 20,
            begins: Begins::default(),
        };
        match dialler.dial(address).await {
            Ok(_) => panic!("nobody is there"),
            Err(error) => error.kind(),
        }
    };
    assert_eq!(dial("10.0.0.1:7071", false).await, "plaintext");
    assert_eq!(dial("[::ffff:10.0.0.1]:7071", false).await, "plaintext");
    assert_eq!(dial("10.0.0.1:7071", true).await, "connect");
    assert_eq!(dial("127.0.0.1:7071", false).await, "connect");
    assert_eq!(dial("[::1]:7071", false).await, "connect");
}
