//! Takes requests that other nodes pass on: they are answered as any, in the name of whom the
//! other node says.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt;

use super::caller::passed::Passed;
use super::rejection::Rejection;
use super::serve::connection::Connection;
use crate::access::{Identity, Principal, Rights, ToldRights};
use crate::passing::{Answers, BoxFuture, Cut, PassedBody, PassedRequest, PassedResponse};

/// Pieces of an answer that wait until the other node takes them.
const PIECES_AHEAD: usize = 2;

/// A piece of an answer.
type Piece = Result<Bytes, Cut>;

/// Answers requests that other nodes pass on.
pub(super) struct Answering {
    router: Router,
    /// Where they are worked on: what brings them has other things to do.
    runtime: Handle,
}

impl Answering {
    /// Answers by the routes of `router`.
    pub(super) fn new(router: Router) -> Self {
        Self {
            router,
            runtime: Handle::current(),
        }
    }
}

impl Answers for Answering {
    fn answer(&self, request: PassedRequest) -> BoxFuture<'_, PassedResponse> {
        let router = self.router.clone();
        let (answered, head) = oneshot::channel();
        let (pieces, coming) = mpsc::channel(PIECES_AHEAD);
        let working = self.runtime.spawn(async move {
            let response = match local(request) {
                Ok(request) => {
                    let Ok(response) = router.oneshot(request).await;
                    response
                }
                Err(rejection) => rejection.into_response(),
            };
            let (head, body) = response.into_parts();
            // Fails when nobody waits for it any more, as below.
            let _ = answered.send(head);
            let mut body = body.into_data_stream();
            while let Some(piece) = body.next().await {
                if pieces.send(piece.map_err(|_| Cut)).await.is_err() {
                    break;
                }
            }
        });
        let working = AbortOnDropHandle::new(working);
        Box::pin(async move {
            let (head, working) = match head.await {
                Ok(head) => (head, Some(working)),
                // Its task has panicked, before anything could be cut off.
                Err(_) => (Rejection::Internal.into_response().into_parts().0, None),
            };
            let headers = head.headers.iter().map(|(name, value)| {
                let value = Bytes::copy_from_slice(value.as_bytes());
                (name.as_str().to_owned(), value)
            });
            PassedResponse {
                status: head.status.as_u16(),
                headers: headers.collect(),
                body: body(coming, working),
            }
        })
    }
}

/// The body of an answer, for as long as it is worked on. Whoever takes it drops it where it
/// does not get on.
fn body(coming: mpsc::Receiver<Piece>, working: Option<AbortOnDropHandle<()>>) -> PassedBody {
    Box::pin(unfold(
        (coming, working),
        |(mut coming, working)| async move {
            if let Some(piece) = coming.recv().await {
                return Some((piece, (coming, working)));
            }
            // A task that has panicked has sent a part only, which must not look whole.
            let ended = working?.await;
            ended.is_err().then_some((Err(Cut), (coming, None)))
        },
    ))
}

/// The request as this node sees it.
fn local(request: PassedRequest) -> Result<Request<Body>, Rejection> {
    let PassedRequest {
        method,
        target,
        headers,
        address,
        principal,
        rights,
        body,
        lasting: _,
    } = request;
    let no_route = || Rejection::NoRoute(target.clone());
    let principal = Principal::parse(&principal).map_err(|_| no_route())?;
    let rights = Rights::told(ToldRights {
        publish: &rights.publish,
        append: &rights.append,
        read: &rights.read,
        observe: rights.observe,
        operate: rights.operate,
    });
    let identity = Identity::told_by_a_node(principal, rights.ok_or_else(no_route)?);
    let mut local = Request::builder().method(&*method).uri(&*target);
    for (name, value) in headers {
        local = local.header(name, &*value);
    }
    let connection = Arc::new(Connection::new(address, None));
    local
        .extension(connection)
        .extension(Passed(identity))
        .body(Body::from(body))
        .map_err(|_| no_route())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::routing::get;
    use futures_util::stream;

    use super::*;
    use crate::passing::PassedRights;

    async fn whole() -> Body {
        Body::from_stream(stream::iter([Ok::<_, Infallible>("x")]))
    }

    async fn cut() -> Body {
        fn broken() -> Result<&'static str, Infallible> {
            panic!("broken")
        }
        let begun = stream::iter([Ok("x")]);
        Body::from_stream(begun.chain(stream::once(async { broken() })))
    }

    #[tokio::test]
    async fn an_answer_whose_body_panics_is_cut() {
        let answer = async |target: &str| {
            let router = Router::new().route("/whole", get(whole));
            let router = router.route("/cut", get(cut));
            let request = PassedRequest {
                method: "GET".to_owned(),
                target: target.to_owned(),
                headers: Vec::new(),
                address: [127, 0, 0, 1].into(),
                principal: "key:shop".to_owned(),
                rights: PassedRights::default(),
                body: Bytes::new(),
                lasting: false,
            };
            let answer = Answering::new(router).answer(request).await;
            assert_eq!(answer.status, 200);
            answer.body.collect::<Vec<_>>().await
        };
        let begun: Piece = Ok(Bytes::from_static(b"x"));
        assert_eq!(answer("/whole").await, std::slice::from_ref(&begun));
        assert_eq!(answer("/cut").await, [begun, Err(Cut)]);
    }
}
