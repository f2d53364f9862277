//! Channels of other nodes: who has them, and requests that are passed on.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::Channel;

use super::*;
use crate::cluster::wire::dialler::{Begins, Dialler};
use crate::cluster::wire::protocol::asked::Part as Piece;
use crate::cluster::wire::protocol::passing_client::PassingClient;
use crate::cluster::wire::protocol::{Asked, AskedHead, Rights};
use crate::passing::{
    Answers, BoxFuture as Answering, Cut, Held, Holder, PassFailure, PassedRequest, PassedResponse,
    PassedRights, Renamed,
};

/// Answers with what it is asked: the target, the principal and the body; what streams, with
/// pieces that the test sends.
#[derive(Default)]
struct Echo {
    /// Of the stream that is answered next.
    pieces: Mutex<Option<mpsc::Receiver<Bytes>>>,
    /// Told when a request is there that is never answered.
    stuck: Arc<Notify>,
}

impl Answers for Echo {
    fn answer(&self, request: PassedRequest) -> Answering<'_, PassedResponse> {
        Box::pin(async move {
            if request.target.ends_with("/stuck") {
                self.stuck.notify_one();
                return std::future::pending().await;
            }
            let told = format!("{} {} ", request.target, request.principal);
            let told = Bytes::from([told.as_bytes(), &request.body].concat());
            let pieces = self.pieces.lock().unwrap().take();
            let pieces = pieces.filter(|_| request.target.ends_with("/stream"));
            let first = stream::iter([Ok(told)]);
            let rest = stream::unfold(pieces, |pieces| async move {
                let mut pieces = pieces?;
                let piece = pieces.recv().await?;
                Some((Ok::<_, Cut>(piece), Some(pieces)))
            });
            PassedResponse {
                status: 200,
                headers: vec![("x-told".to_owned(), Bytes::from_static(b"yes"))],
                body: Box::pin(first.chain(rest)),
            }
        })
    }
}

fn request(what: &str, body: Vec<u8>) -> PassedRequest {
    PassedRequest {
        method: "POST".to_owned(),
        target: format!("/v1/channels/orders/{what}"),
        headers: Vec::new(),
        address: [127, 0, 0, 1].into(),
        principal: "key:shop".to_owned(),
        rights: PassedRights::default(),
        body: body.into(),
        lasting: what == "stream",
    }
}

fn held(names: &[&str]) -> Held {
    let names = names.iter();
    names.map(|name| ((*name).into(), "e1".into())).collect()
}

/// The nodes `a`, which has the channel `orders` and answers, and `b`.
async fn two(pipes: &Arc<Pipes>) -> (Part, Arc<Echo>, Part) {
    let a = start(pipes, "a", 1, &[]);
    let echo = Arc::new(Echo::default());
    a.hosting.answer_by(Arc::clone(&echo) as Arc<dyn Answers>);
    a.hosting.hold(held(&["orders"]));
    let b = start(pipes, "b", 2, &[1]);
    a.until("b", Some(NodeState::Connected)).await;
    until_held(&b, "orders", &[("a", true)]).await;
    (a, echo, b)
}

/// Waits until these nodes have the channel, as the node sees it.
async fn until_held(part: &Part, name: &str, nodes: &[(&str, bool)]) {
    let seen = || {
        let holders = part.elsewhere.holders(name).into_iter();
        let seen = holders.map(|holder: Holder| (holder.node, holder.reachable));
        seen.collect::<Vec<_>>()
    };
    let waiting = async {
        loop {
            let seen = seen();
            let seen: Vec<_> = seen.iter().map(|(node, there)| (&**node, *there)).collect();
            if seen == nodes {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = timeout(Duration::from_secs(60), waiting).await;
    waited.unwrap_or_else(|_| panic!("{:?} instead of {nodes:?}", seen()));
}

async fn whole(response: PassedResponse) -> Result<Vec<u8>, Cut> {
    let mut body = response.body;
    let mut whole = Vec::new();
    while let Some(piece) = body.next().await {
        whole.extend_from_slice(&piece?);
    }
    Ok(whole)
}

fn is_failure(passed: Result<PassedResponse, PassFailure>, wanted: PassFailure) {
    match passed {
        Ok(response) => panic!("answered {}", response.status),
        Err(failure) => assert_eq!(failure, wanted),
    }
}

/// Breaks something while one answer comes in pieces and another is waited for: neither comes any
/// more. Returns how long the latter was waited for.
async fn both_are_given_up(echo: &Echo, b: &Part, break_it: impl FnOnce()) -> Duration {
    // Held, lest the pieces end by themselves.
    let (_piece, pieces) = mpsc::channel(1);
    *echo.pieces.lock().unwrap() = Some(pieces);
    let streamed = b.elsewhere.pass("a", request("stream", Vec::new())).await;
    let mut streamed = streamed.unwrap_or_else(|failure| panic!("{failure}"));
    let first = streamed.body.next().await.expect("it begins");
    first.expect("it is there");
    let stuck = b.elsewhere.pass("a", request("stuck", Vec::new()));
    let breaking = async {
        echo.stuck.notified().await;
        break_it();
    };
    let begun = Instant::now();
    let (stuck, ()) = tokio::join!(stuck, breaking);
    let waited = begun.elapsed();
    is_failure(stuck, PassFailure::Unknown);
    assert_eq!(streamed.body.next().await, Some(Err(Cut)));
    waited
}

#[tokio::test(start_paused = true)]
async fn nodes_tell_each_other_of_their_channels() {
    let pipes = Arc::new(Pipes::default());
    let (a, _, b) = two(&pipes).await;
    a.hosting.hold(held(&["orders", "paid"]));
    until_held(&b, "paid", &[("a", true)]).await;
    b.hosting.hold(held(&["orders"]));
    until_held(&a, "orders", &[("b", true)]).await;
    let all = b.elsewhere.behind(None, 10);
    let all: Vec<_> = all
        .iter()
        .map(|(name, holder)| (&**name, &*holder.node))
        .collect();
    assert_eq!(all, [("orders", "a"), ("paid", "a")]);
    for (behind, most, expected) in [(None, 1, "orders"), (Some("orders"), 1, "paid")] {
        let some = b.elsewhere.behind(behind, most);
        let names: Vec<_> = some.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, [expected]);
    }
    let beside = b.elsewhere.names_beside("ordres");
    assert_eq!(beside.len(), 2, "{beside:?}");
    a.hosting.hold(held(&["paid"]));
    until_held(&b, "orders", &[]).await;

    // What it had is known while it is away, and all is told anew when it is back.
    pipes.cut();
    until_held(&b, "paid", &[("a", false)]).await;
    assert_eq!(b.elsewhere.is_reachable("a"), Some(false));
    a.hosting.hold(held(&["later"]));
    pipes.heal();
    until_held(&b, "later", &[("a", true)]).await;
    until_held(&b, "paid", &[]).await;
    assert_eq!(b.elsewhere.is_reachable("x"), None);

    // A node that has started again has what it had until it says something else.
    drop(a);
    until_held(&b, "later", &[("a", false)]).await;
    let again = start(&pipes, "a", 3, &[2]);
    again.until("b", Some(NodeState::Connected)).await;
    until_held(&b, "later", &[("a", true)]).await;
    again.hosting.hold(held(&["orders"]));
    until_held(&b, "orders", &[("a", true)]).await;
    until_held(&b, "later", &[]).await;
}

#[tokio::test(start_paused = true)]
async fn what_others_had_is_known_while_they_are_away_also_after_a_start() {
    let pipes = Arc::new(Pipes::default());
    let (a, _echo, b) = two(&pipes).await;
    let known = b.elsewhere.known();
    assert_eq!(known["a"].held, held(&["orders"]));
    let old = Known {
        held: held(&["old"]),
        linked: 1,
    };
    let all = [("a".into(), known["a"].clone()), ("x".into(), old)];
    pipes.cut();
    drop((a, b));
    let foreknown = Foreknown {
        known: all.into(),
        declared: [("declared".into(), "c".into())].into(),
    };
    let clock = Arc::new(SystemClock);
    let b = start_knowing(&pipes, "b", 2, &[1], clock, foreknown);
    until_held(&b, "orders", &[("a", false)]).await;
    until_held(&b, "declared", &[("c", false)]).await;
    for (node, reachable) in [("a", Some(false)), ("c", Some(false)), ("y", None)] {
        assert_eq!(b.elsewhere.is_reachable(node), reachable, "{node}");
    }
    assert!(!b.elsewhere.is_settled(), "it has not met whom it joins");
    sleep(Duration::from_secs(10)).await;
    assert!(b.elsewhere.is_settled());
    // What was not linked for a week is forgotten.
    assert_eq!(b.elsewhere.known().len(), 1);
    until_held(&b, "old", &[]).await;
    let forgotten = Renamed::Names(["old".into()].into());
    assert_eq!(b.elsewhere.renamed(), forgotten);

    // The node is back, and has what it had until it says something else.
    pipes.heal();
    let a = start(&pipes, "a", 3, &[2]);
    a.until("b", Some(NodeState::Connected)).await;
    until_held(&b, "orders", &[("a", true)]).await;
    assert!(!b.elsewhere.is_settled(), "it has not said what it has");
    a.hosting.hold(held(&["paid"]));
    until_held(&b, "paid", &[("a", true)]).await;
    until_held(&b, "orders", &[]).await;
    assert!(b.elsewhere.is_settled());
    let renamed = Renamed::Names(["orders".into(), "paid".into()].into());
    assert_eq!(b.elsewhere.renamed(), renamed);
    assert_eq!(b.elsewhere.renamed(), Renamed::Names([].into()), "once");

    // It is away for so long that it is not shown any more.
    pipes.cut();
    sleep(FORGET_AFTER + Duration::from_secs(60)).await;
    assert_eq!(b.sees("a"), None);
    until_held(&b, "paid", &[("a", false)]).await;
    assert_eq!(b.elsewhere.known()["a"].held, held(&["paid"]));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_by_the_node_that_it_is_for() {
    let pipes = Arc::new(Pipes::default());
    let (_a, echo, b) = two(&pipes).await;
    // Over one connection, also after it was idle for so long that it has ended.
    for pause in [0, 1, 4, 60] {
        sleep(Duration::from_secs(pause)).await;
        let body = vec![b'x'; 300_000];
        let answer = b.elsewhere.pass("a", request("events", body)).await;
        let answer = answer.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers[0].0, "x-told");
        let whole = whole(answer).await.expect("it is whole");
        let told = b"/v1/channels/orders/events key:shop xxx";
        assert_eq!(&whole[..told.len()], told);
        assert_eq!(whole.len(), told.len() - 3 + 300_000);
    }
    // One that nobody reads holds up no other.
    let (piece, pieces) = mpsc::channel(1);
    *echo.pieces.lock().unwrap() = Some(pieces);
    let unread = b.elsewhere.pass("a", request("stream", Vec::new())).await;
    let unread = unread.unwrap_or_else(|failure| panic!("{failure}"));
    let flood = tokio::spawn(async move {
        let much = Bytes::from(vec![0; 1 << 20]);
        while piece.send(much.clone()).await.is_ok() {}
    });
    sleep(Duration::from_secs(1)).await;
    let answer = b.elsewhere.pass("a", request("events", Vec::new())).await;
    let answer = answer.unwrap_or_else(|failure| panic!("{failure}"));
    whole(answer).await.expect("it is whole");
    // Its end is seen there when nobody wants it any more.
    drop(unread);
    let ended = timeout(Duration::from_secs(60), flood).await;
    ended.expect("it ends").expect("it does not panic");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_is_cut_off() {
    let pipes = Arc::new(Pipes::default());
    let (_a, echo, b) = two(&pipes).await;
    let (piece, pieces) = mpsc::channel(1);
    *echo.pieces.lock().unwrap() = Some(pieces);
    let unread = b.elsewhere.pass("a", request("stream", Vec::new())).await;
    let unread = unread.unwrap_or_else(|failure| panic!("{failure}"));
    let begun = Instant::now();
    let flooding = async {
        let much = Bytes::from(vec![0; 1 << 20]);
        while piece.send(much.clone()).await.is_ok() {}
    };
    let given_up = timeout(Duration::from_secs(90), flooding).await;
    given_up.expect("it is given up");
    assert!(
        begun.elapsed() >= Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    whole(unread).await.expect_err("it is not whole");
}

#[tokio::test(start_paused = true)]
async fn without_a_link_nothing_is_passed_on_and_amid_it_the_outcome_is_unknown() {
    let pipes = Arc::new(Pipes::default());
    let (_a, echo, b) = two(&pipes).await;
    is_failure(
        b.elsewhere.pass("x", request("events", Vec::new())).await,
        PassFailure::Away,
    );
    both_are_given_up(&echo, &b, || pipes.cut()).await;
    b.until("a", Some(NodeState::Unreachable)).await;
    let away = b.elsewhere.pass("a", request("events", Vec::new()));
    let at_once = timeout(Duration::from_millis(1), away).await;
    is_failure(at_once.expect("at once"), PassFailure::Away);

    pipes.heal();
    b.until("a", Some(NodeState::Connected)).await;
    sleep(Duration::from_secs(1)).await;
    let answer = b.elsewhere.pass("a", request("events", Vec::new())).await;
    whole(answer.unwrap_or_else(|failure| panic!("{failure}")))
        .await
        .expect("it is whole");
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_over_a_connection_from_which_nothing_comes_is_told_soon() {
    let pipes = Arc::new(Pipes::default());
    let (_a, echo, b) = two(&pipes).await;
    // As long as the other side is there, an answer may take its time.
    let slow = b.elsewhere.pass("a", request("stuck", Vec::new()));
    let slow = timeout(Duration::from_secs(60), slow).await;
    assert!(slow.is_err(), "it is neither answered nor given up");
    echo.stuck.notified().await;

    let waited = both_are_given_up(&echo, &b, || pipes.mute()).await;
    assert!(waited < Duration::from_secs(4), "{waited:?}");

    // Others go another way, once the nodes are linked again.
    b.until("a", Some(NodeState::Connected)).await;
    let begun = Instant::now();
    let answer = b.elsewhere.pass("a", request("events", Vec::new())).await;
    whole(answer.unwrap_or_else(|failure| panic!("{failure}")))
        .await
        .expect("it is whole");
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_answers_nobody_yet_takes_no_request() {
    let pipes = Arc::new(Pipes::default());
    let a = start(&pipes, "a", 1, &[]);
    let b = start(&pipes, "b", 2, &[1]);
    a.until("b", Some(NodeState::Connected)).await;
    b.until("a", Some(NodeState::Connected)).await;
    let early = b.elsewhere.pass("a", request("events", Vec::new())).await;
    is_failure(early, PassFailure::Away);
}

/// What the node `a` answers to a request that is put together by hand.
async fn ask(
    client: &mut PassingClient<Channel>,
    head: AskedHead,
    body: &'static [u8],
) -> Result<(), Code> {
    let part = |part| Asked { part: Some(part) };
    let mut parts = vec![part(Piece::Head(head))];
    if !body.is_empty() {
        parts.push(part(Piece::Chunk(Bytes::from_static(body))));
    }
    let answer = client.pass(stream::iter(parts)).await;
    answer.map(drop).map_err(|status| status.code())
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_of_strangers() {
    let pipes = Arc::new(Pipes::default());
    let (_a, _echo, _b) = two(&pipes).await;
    let dialler = Dialler {
        network: Arc::new(Seen {
            pipes: Arc::clone(&pipes),
            from: SocketAddr::from(([127, 0, 0, 9], 7071)),
        }),
        tls: None,
        allow_plaintext: false,
        max_event_bytes: 1 << 20,
        begins: Begins::default(),
    };
    let dialled = dialler.dial_for_requests("127.0.0.1:7071").await;
    let mut requests = dialled.unwrap_or_else(|error| panic!("{error}"));
    let client = &mut requests.client;
    let right = AskedHead {
        cluster: "test".to_owned(),
        node: "b".to_owned(),
        incarnation: Uuid::from_u128(2 << 80).to_string(),
        asked: "a".to_owned(),
        method: "GET".to_owned(),
        target: "/v1/channels/orders".to_owned(),
        headers: Vec::new(),
        address: "127.0.0.1".to_owned(),
        principal: "anonymous".to_owned(),
        rights: Some(Rights::default()),
        body_bytes: 1,
    };
    assert_eq!(ask(client, right.clone(), b"x").await, Ok(()));
    let other = |change: fn(&mut AskedHead)| {
        let mut head = right.clone();
        change(&mut head);
        head
    };
    for stranger in [
        other(|head| head.cluster = "other".to_owned()),
        other(|head| head.node = "x".to_owned()),
        other(|head| head.incarnation = Uuid::from_u128(9).to_string()),
        other(|head| head.asked = "c".to_owned()),
    ] {
        let answer = ask(client, stranger, b"x").await;
        assert_eq!(answer, Err(Code::FailedPrecondition));
    }
    for broken in [
        other(|head| head.target = "/v1/plugins".to_owned()),
        other(|head| head.rights = None),
        other(|head| head.address = "here".to_owned()),
        other(|head| head.body_bytes = 0),
        other(|head| head.body_bytes = 2),
    ] {
        let answer = ask(client, broken, b"x").await;
        assert_eq!(answer, Err(Code::InvalidArgument));
    }
    let huge = other(|head| head.body_bytes = u64::MAX);
    assert_eq!(ask(client, huge, b"x").await, Err(Code::OutOfRange));

    // What comes slowly is waited for as long as it comes.
    for (pause, answer) in [(4, Ok(())), (6, Err(Code::DeadlineExceeded))] {
        let head = other(|head| head.body_bytes = 4);
        let part = |part| Asked { part: Some(part) };
        let chunk = move |_| async move {
            sleep(Duration::from_secs(pause)).await;
            part(Piece::Chunk(Bytes::from_static(b"x")))
        };
        let head = stream::iter([part(Piece::Head(head))]);
        let parts = head.chain(stream::iter(0..4).then(chunk));
        let answered = client.pass(parts).await;
        assert_eq!(answered.map(drop).map_err(|status| status.code()), answer);
    }
}
