//! An event stream of a channel that cannot be read now.
//!
//! By the standard (HTML, section 9.2.3) a browser whose stream is answered with anything but
//! 200 never asks again, and one whose stream ends does. So it is told to wait, and its stream
//! ends when there may be something to read.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{iter, unfold};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::asking::{Lasting, slot};
use super::refusal::ElsewhereRefusal;
use super::relay;
use crate::access::Identity;
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::stream::{self, COMMENT};
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::passing::{PassedBody, changed};

/// What is said first: the pause in milliseconds before the client asks again.
const OPENING: &str = "retry: 1000\n: the channel cannot be read now\n\n";

/// How long a stream waits at least, since its client asks again at once.
const LEAST: Duration = Duration::from_secs(1);

/// The same at most.
const MOST: Duration = Duration::from_secs(30);

/// Between two looks where nothing tells of a change.
const LOOK: Duration = Duration::from_secs(1);

/// A stream without events that ends when the channel that is called `given` may be read, and
/// after a while anyhow.
pub(super) fn wait(
    context: &Arc<Context>,
    client: &Client,
    identity: &Identity,
    given: &str,
) -> Result<Response, Rejection> {
    let held = slot(context, client, identity, Lasting::Stream)?;
    let messages = until_readable(Arc::clone(context), given.to_owned());
    let body = relay::body(context, &client.connection, identity, messages, held);
    Ok(stream::answer(body))
}

fn until_readable(context: Arc<Context>, given: String) -> PassedBody {
    let keep_alive = context.limits.keep_alive;
    let readable = Box::pin(async move {
        let most = Instant::now() + MOST;
        sleep(LEAST).await;
        // Either way it is asked again.
        let _ = timeout_at(most, readable(&context, &given)).await;
    });
    let opening = iter([Ok(Bytes::from_static(OPENING.as_bytes()))]);
    let comments = unfold(readable, move |mut readable| async move {
        match timeout(keep_alive, &mut readable).await {
            Ok(()) => None,
            Err(_) => Some((Ok(Bytes::from_static(COMMENT.as_bytes())), readable)),
        }
    });
    Box::pin(opening.chain(comments))
}

/// Waits until it is known where the channel lies, and that can be reached.
async fn readable(context: &Context, given: &str) {
    let mut changes = context.elsewhere.changes();
    loop {
        changes.borrow_and_update();
        if !is_awaited(context, given) {
            return;
        }
        // What opens the node's own channels, and the end of its first seconds, tell nothing.
        let _ = timeout(LOOK, changed(&mut changes)).await;
    }
}

/// Whether the channel cannot be read now, and may be later.
pub(super) fn is_awaited(context: &Context, given: &str) -> bool {
    let passes = |refusal: ElsewhereRefusal| refusal.passes();
    !context.channels.is_open() || context.place(given).is_err_and(passes)
}
