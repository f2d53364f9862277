//! Takes requests that other nodes pass on, and has them answered.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status, Streaming};

use super::asked::{SLOWEST, request, to_wire};
use super::heads::Heads;
use crate::cluster::directory::Directory;
use crate::cluster::timing::{MAX_STEP, RESUME_STEP};
use crate::cluster::wire::admission::InUse;
use crate::cluster::wire::handshake::Identity;
use crate::cluster::wire::http2::PIECE;
use crate::cluster::wire::opened::Ends;
use crate::cluster::wire::protocol::passing_server::Passing;
use crate::cluster::wire::protocol::{Answered, AnsweredHead, Asked, AskedHead, answered, asked};
use crate::passing::{Cut, Hosting, PassedRequest, PassedResponse};

/// Requests at a time, of all nodes.
const MAX_TAKEN: usize = 1024;

/// Bodies that are in memory at a time, in bytes, but never less than one takes.
const BODIES: usize = 64 << 20;

/// What the memory for bodies is counted in, in bytes.
const UNIT: usize = 1 << 10;

/// Room for what surrounds an event in a body.
const ENVELOPE: usize = 1 << 20;

/// A body may be so many times as large as the largest event.
const BODY_FACTOR: usize = 6;

/// For the next part of a request to come.
const PART_TIME: Duration = RESUME_STEP;

/// For a whole body to come, however long it is: whoever passes it on waits longer.
const READ_TIME: Duration = Duration::from_secs(60);

/// For the other side to take the next piece of an answer: as long as a client may read
/// nothing, so that whoever passes a client's answer on gives up first.
const ANSWER_STALL: Duration = Duration::from_secs(60);

/// The same of an answer that waits for events or streams them, as long as the other node is
/// linked: that tells what its client has read in steps of its window, which a client that reads
/// a hundred bytes a second fills in 22 minutes. One that reads nothing its own node ends.
const LASTING_STALL: Duration = Duration::from_secs(30 * 60);

/// Pieces of an answer that wait until the other side takes them.
const PIECES_AHEAD: usize = 1;

/// The parts of an answer.
type Parts = Pin<Box<dyn Stream<Item = Result<Answered, Status>> + Send>>;

/// Takes requests of other nodes.
pub(in crate::cluster) struct Taker {
    identity: Identity,
    directory: Arc<Directory>,
    hosting: Hosting,
    heads: Heads,
    places: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    largest_body: usize,
}

/// A request, and its share of the memory for bodies.
struct Taken {
    request: PassedRequest,
    room: OwnedSemaphorePermit,
}

impl Taker {
    pub(in crate::cluster) fn new(
        identity: Identity,
        directory: Arc<Directory>,
        hosting: Hosting,
    ) -> Self {
        let largest = identity.max_event_bytes.saturating_mul(BODY_FACTOR);
        let largest_body = largest.saturating_add(ENVELOPE);
        let bodies = BODIES.max(largest_body) / UNIT + 1;
        Self {
            identity,
            directory,
            hosting,
            heads: Heads::default(),
            places: Arc::new(Semaphore::new(MAX_TAKEN)),
            bodies: Arc::new(Semaphore::new(bodies.min(Semaphore::MAX_PERMITS))),
            largest_body,
        }
    }

    /// Reads the head of a request of a node that this one is linked to.
    async fn head(&self, parts: &mut Streaming<Asked>, ends: &Ends) -> Result<AskedHead, Status> {
        let headless = self.heads.begin(ends.remote.ip());
        let _headless = headless.ok_or_else(too_many)?;
        let head = match next(parts).await?.and_then(|part| part.part) {
            Some(asked::Part::Head(head)) => head,
            Some(asked::Part::Chunk(_)) | None => return Err(broken()),
        };
        self.check(&head, ends)?;
        Ok(head)
    }

    /// Reads what follows the head of a request, to its end.
    async fn rest(&self, head: AskedHead, parts: &mut Streaming<Asked>) -> Result<Taken, Status> {
        let length = usize::try_from(head.body_bytes).unwrap_or(usize::MAX);
        let request = request(head).ok_or_else(broken)?;
        if length > self.largest_body {
            return Err(Status::out_of_range(
                "the request is larger than this node takes",
            ));
        }
        let units = u32::try_from(length / UNIT + 1).map_err(|_| broken())?;
        let room = Arc::clone(&self.bodies).try_acquire_many_owned(units);
        let room = room.map_err(|_| too_many())?;
        let coming = timeout(time_for(length), body(parts, length));
        let body = coming.await.map_err(|_| slow())??.ok_or_else(broken)?;
        Ok(Taken {
            request: PassedRequest { body, ..request },
            room,
        })
    }

    /// Takes nothing of strangers.
    fn check(&self, head: &AskedHead, ends: &Ends) -> Result<(), Status> {
        let own = &self.identity;
        if head.cluster != *own.cluster || head.asked != *own.node {
            return Err(Status::failed_precondition("this is another node"));
        }
        let certificate = ends.certificate.as_ref();
        if certificate.is_some_and(|certificate| !certificate.is_for(&head.node)) {
            return Err(Status::permission_denied(
                "the certificate is not for the node that asks",
            ));
        }
        match is_linked(&self.directory, &head.node, &head.incarnation) {
            true => Ok(()),
            false => Err(Status::failed_precondition("there is no link to that node")),
        }
    }
}

/// Whether this start of a node is linked to this one.
fn is_linked(directory: &Directory, node: &str, incarnation: &str) -> bool {
    let node = directory.get(node);
    node.is_some_and(|node| node.is_linked() && node.incarnation.to_string() == incarnation)
}

/// The rest of the request: a body of this length; nothing if it has another.
async fn body(parts: &mut Streaming<Asked>, length: usize) -> Result<Option<Bytes>, Status> {
    let mut body = BytesMut::new();
    while let Some(part) = next(parts).await? {
        match part.part {
            Some(asked::Part::Chunk(chunk)) if body.len() + chunk.len() <= length => {
                body.extend_from_slice(&chunk);
            }
            _ => return Ok(None),
        }
    }
    Ok((body.len() == length).then(|| body.freeze()))
}

/// The next part of a request, however slow the line is that all of them share.
async fn next(parts: &mut Streaming<Asked>) -> Result<Option<Asked>, Status> {
    let part = timeout(PART_TIME, parts.message()).await;
    part.map_err(|_| slow())?
}

/// For a body of that length to come.
fn time_for(length: usize) -> Duration {
    let more = Duration::from_secs((length / SLOWEST) as u64);
    MAX_STEP.saturating_add(more).min(READ_TIME)
}

fn broken() -> Status {
    Status::invalid_argument("this is no request that a node passes on")
}

fn slow() -> Status {
    Status::deadline_exceeded("the request did not come in time")
}

fn too_many() -> Status {
    Status::resource_exhausted("too many requests are being answered")
}

#[tonic::async_trait]
impl Passing for Taker {
    type PassStream = Parts;

    async fn pass(&self, asked: Request<Streaming<Asked>>) -> Result<Response<Parts>, Status> {
        let ends = asked.extensions().get::<Ends>().cloned();
        let ends = ends.ok_or_else(|| Status::internal("the connection has no ends"))?;
        let in_use = InUse::new(&ends.usage);
        let not_yet = || Status::failed_precondition("the node has just been started");
        let answers = self.hosting.answers().ok_or_else(not_yet)?;
        let mut parts = asked.into_inner();
        let head = self.head(&mut parts, &ends).await?;
        // Not before it is known whose it is: a stranger takes none.
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| too_many())?;
        let (node, incarnation) = (head.node.clone(), head.incarnation.clone());
        let Taken { request, room } = self.rest(head, &mut parts).await?;
        let stall = match request.lasting {
            true => LASTING_STALL,
            false => ANSWER_STALL,
        };
        let directory = Arc::clone(&self.directory);
        let is_there = move || is_linked(&directory, &node, &incarnation);
        let (sender, coming) = mpsc::channel(PIECES_AHEAD);
        // Apart from what the other side takes: where that takes nothing, nothing else here
        // runs that could end it.
        let working = tokio::spawn(async move {
            let _place = place;
            let answer = answers.answer(request).await;
            // The node may end before the answer does.
            drop((answers, room));
            hand_over(answer, &sender, stall, is_there).await
        });
        // Ends when the other side goes.
        let working = AbortOnDropHandle::new(working);
        let end = stream::once(working).filter_map(|handed_over| {
            let is_whole = handed_over.is_ok_and(|is_whole| is_whole);
            std::future::ready((!is_whole).then(|| Err(cut())))
        });
        let answer = ReceiverStream::new(coming).chain(end).map(move |part| {
            let _held = &in_use;
            part
        });
        Ok(Response::new(Box::pin(answer)))
    }
}

/// Hands an answer over, piece by piece. Returns whether that was all of it, and not ended
/// because the other side takes no more, for which it has `stall` each time as long as it
/// `is_there`.
async fn hand_over(
    answer: PassedResponse,
    to: &mpsc::Sender<Result<Answered, Status>>,
    stall: Duration,
    is_there: impl Fn() -> bool,
) -> bool {
    let mut pieces = pin!(pieces(answer));
    while let Some(piece) = pieces.next().await {
        let mut taking = pin!(to.send(piece));
        let until = Instant::now() + stall;
        loop {
            match timeout(ANSWER_STALL, taking.as_mut()).await {
                Ok(Ok(())) => break,
                Ok(Err(_)) => return false,
                Err(_) if Instant::now() >= until || !is_there() => return false,
                Err(_) => {}
            }
        }
    }
    true
}

fn cut() -> Status {
    Status::aborted("the answer ends here")
}

/// An answer in pieces.
fn pieces(answer: PassedResponse) -> impl Stream<Item = Result<Answered, Status>> + Send {
    let PassedResponse {
        status,
        headers,
        body,
    } = answer;
    let head = answered::Part::Head(AnsweredHead {
        status: status.into(),
        headers: to_wire(headers),
    });
    let part = |part| Answered { part: Some(part) };
    let chunks = body.flat_map(|chunk| {
        let pieces: Vec<_> = match chunk {
            Ok(mut chunk) => std::iter::from_fn(|| {
                let next = PIECE.min(chunk.len());
                (next > 0).then(|| Ok(chunk.split_to(next)))
            })
            .collect(),
            Err(Cut) => vec![Err(cut())],
        };
        stream::iter(pieces)
    });
    // Copied: one that is never taken keeps nothing that counts as memory elsewhere.
    let chunks = chunks.map(move |piece| {
        piece.map(|piece| part(answered::Part::Chunk(Bytes::copy_from_slice(&piece))))
    });
    stream::iter([Ok(part(head))]).chain(chunks)
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;
    use crate::cluster::wire::dialler::REQUESTS_WINDOW;

    /// Bytes a second that a slow client reads.
    const SLOW: u32 = 100;

    type Takes = mpsc::Receiver<Result<Answered, Status>>;

    /// Hands over an answer of some pieces, within that time for each.
    fn handing_over(stall: Duration, is_there: bool) -> (AbortOnDropHandle<bool>, Takes) {
        let pieces = vec![Ok::<_, Cut>(Bytes::from_static(&[b'x'; PIECE])); 4];
        let answer = PassedResponse {
            status: 200,
            headers: Vec::new(),
            body: Box::pin(stream::iter(pieces)),
        };
        let (sender, taken) = mpsc::channel(PIECES_AHEAD);
        let handing =
            tokio::spawn(async move { hand_over(answer, &sender, stall, move || is_there).await });
        (AbortOnDropHandle::new(handing), taken)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_whose_client_reads_slowly_comes_to_its_end() {
        let (handing, mut taken) = handing_over(LASTING_STALL, true);
        for _ in 0..5 {
            sleep(Duration::from_secs(u64::from(REQUESTS_WINDOW / SLOW))).await;
            assert!(taken.recv().await.is_some(), "it was cut off");
        }
        assert!(handing.await.unwrap(), "that was all");
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_cut_off() {
        for (stall, is_there, after) in [
            (LASTING_STALL, true, LASTING_STALL),
            (LASTING_STALL, false, ANSWER_STALL),
            (ANSWER_STALL, true, ANSWER_STALL),
        ] {
            let (handing, _taken) = handing_over(stall, is_there);
            let begun = Instant::now();
            assert!(!handing.await.unwrap());
            let took = begun.elapsed();
            let rounding = Duration::from_secs(1);
            assert!(took >= after && took < after + rounding, "{took:?}");
        }
    }
}
