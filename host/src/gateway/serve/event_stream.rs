//! Writes an answer that is an event stream over HTTP/1.1.
//!
//! For as long as hyper has a connection it keeps two buffers of 8 KiB for it, which an idle
//! stream does not need, and of which a node with many streams has as many. So hyper reads the
//! request, and what has become a stream is written here.

use std::io::{self, IoSlice};
use std::pin::pin;
use std::task::Poll;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::answer_head::answer_head;

/// Messages that wait are written together up to so many bytes, and not so many more that it
/// would matter what waits in here.
const WRITE_BYTES: usize = 8 << 10;

/// Bytes that a client may send after its request. None should come: it is told that the
/// connection ends with the stream.
const DISCARDED: usize = 64 << 10;

/// The chunk that ends a body (RFC 9112, section 7.1).
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes the answer until its body or the connection ends. `now_millis` is the time of day in
/// milliseconds since the Unix epoch. With `half_close` a client that has closed its side may
/// still want the rest.
///
/// # Errors
/// When the client is gone.
pub(super) async fn write<S: AsyncRead + AsyncWrite>(
    stream: S,
    answer: Response,
    now_millis: u64,
    half_close: bool,
) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (mut head, body) = answer.into_parts();
    let mut say = |name, value| head.headers.insert(name, HeaderValue::from_static(value));
    say(header::TRANSFER_ENCODING, "chunked");
    // The next request needs a connection with hyper's buffers.
    say(header::CONNECTION, "close");
    let head = answer_head(head, now_millis);
    let writing = async {
        writer.write_all(&head).await?;
        drop(head);
        write_body(&mut writer, body).await?;
        writer.shutdown().await
    };
    tokio::select! {
        biased;
        written = writing => written,
        () = closed(&mut reader, half_close) => Ok(()),
    }
}

/// Writes the body in chunks, of which each has all messages that wait.
async fn write_body(writer: &mut (impl AsyncWrite + Unpin), body: Body) -> io::Result<()> {
    let mut body = pin!(body);
    let mut waiting = Vec::new();
    loop {
        let over = std::future::poll_fn(|cx| {
            let mut bytes = 0;
            while bytes < WRITE_BYTES {
                match body.as_mut().poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => {
                        // An empty chunk would end the body.
                        let data = frame.into_data().unwrap_or_default();
                        bytes += data.len();
                        waiting.extend(Some(data).filter(|data| !data.is_empty()));
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    Poll::Ready(None) => return Poll::Ready(Ok(true)),
                    Poll::Pending if waiting.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(Ok(false))
        })
        .await
        .map_err(io::Error::other)?;
        if !waiting.is_empty() {
            write_chunk(writer, &waiting).await?;
            // With its room, which an idle stream does not need.
            waiting = Vec::new();
        }
        if over {
            return writer.write_all(LAST_CHUNK).await;
        }
        writer.flush().await?;
    }
}

/// Writes one chunk of messages.
async fn write_chunk(writer: &mut (impl AsyncWrite + Unpin), messages: &[Bytes]) -> io::Result<()> {
    let size: usize = messages.iter().map(Bytes::len).sum();
    let size = format!("{size:x}\r\n");
    let parts = std::iter::once(size.as_bytes())
        .chain(messages.iter().map(|message| &message[..]))
        .chain([&b"\r\n"[..]]);
    let mut slices: Vec<_> = parts.map(IoSlice::new).collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        let written = writer.write_vectored(left).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut left, written);
    }
    Ok(())
}

/// Waits until the connection is seen to be closed, and throws away what comes.
async fn closed(reader: &mut (impl AsyncRead + Unpin), half_close: bool) {
    let mut bytes = [0; 256];
    let mut left = DISCARDED;
    while left > 0 {
        match reader.read(&mut bytes).await {
            Ok(0) if half_close => break,
            Ok(0) | Err(_) => return,
            Ok(read) => left = left.saturating_sub(read),
        }
    }
    // What else it sends may wait, and whether it is still there is seen by what it takes.
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use futures_util::stream;

    use super::*;

    fn answer(messages: Vec<&'static str>) -> Response {
        let messages = messages.into_iter().map(Bytes::from);
        let messages = messages.map(Ok::<_, io::Error>);
        let headers = [(header::CONTENT_TYPE, "text/event-stream")];
        axum::response::IntoResponse::into_response((
            StatusCode::OK,
            headers,
            Body::from_stream(stream::iter(messages)),
        ))
    }

    #[tokio::test]
    async fn what_waits_is_written_as_one_chunk() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let written = write(
            server,
            answer(vec!["a: b\n\n", "", ":\n\n"]),
            784_111_777_000,
            true,
        );
        written.await.expect("the client takes it");
        let mut text = String::new();
        client.read_to_string(&mut text).await.expect("text");
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n\
             date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n\
             9\r\na: b\n\n:\n\n\r\n0\r\n\r\n"
        );
    }

    #[tokio::test]
    async fn a_message_goes_through_however_little_the_client_takes() {
        let (client, server) = tokio::io::duplex(3);
        let long: &str = Box::leak("x".repeat(10_000).into_boxed_str());
        let writing = tokio::spawn(write(server, answer(vec![long, long]), 0, true));
        let mut text = String::new();
        let mut client = client;
        client.read_to_string(&mut text).await.expect("text");
        writing.await.expect("no panic").expect("written");
        let (_, body) = text.split_once("\r\n\r\n").expect("a head");
        assert_eq!(
            body,
            format!("2710\r\n{long}\r\n2710\r\n{long}\r\n0\r\n\r\n")
        );
    }

    #[tokio::test]
    async fn a_client_that_closes_ends_it_unless_it_may_close_one_side() {
        for half_close in [false, true] {
            let (mut client, server) = tokio::io::duplex(1 << 16);
            client.write_all(b"GET / HTTP/1.1\r\n").await.expect("room");
            client.shutdown().await.expect("open");
            let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
            let end = stream::once(async move {
                // It goes on after its client has closed.
                let _ = receiver.await;
                Ok::<_, io::Error>(Bytes::from_static(b"end"))
            });
            let writing = tokio::spawn(write(
                server,
                Response::new(Body::from_stream(end)),
                0,
                half_close,
            ));
            if half_close {
                let mut byte = [0];
                client.read_exact(&mut byte).await.expect("the head");
                sender.send(()).expect("it is waited for");
            }
            writing.await.expect("no panic").expect("no error");
            let mut text = String::new();
            client.read_to_string(&mut text).await.expect("text");
            assert_eq!(
                text.ends_with("3\r\nend\r\n0\r\n\r\n"),
                half_close,
                "{text}"
            );
        }
    }
}
