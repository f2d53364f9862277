//! A request as it goes from node to node.

use std::net::IpAddr;

use bytes::Bytes;

use crate::cluster::wire::handshake::Identity;
use crate::cluster::wire::http2::PIECE;
use crate::cluster::wire::protocol::asked::Part;
use crate::cluster::wire::protocol::{Asked, AskedHead, Header, Rights};
use crate::passing::{PassedRequest, PassedRights};

/// Paths of channels begin so.
const CHANNELS: &str = "/v1/channels/";

/// Bytes of a body that go in a second at least, beyond what is a moment.
pub(super) const SLOWEST: usize = 128 << 10;

/// Where commands of sessions go; nothing else is asked for.
const EMULATION: &str = "/emulation";

/// A request in pieces, as the node of that identity sends it to the one of that name.
pub(super) fn pieces(request: PassedRequest, identity: &Identity, asked: &str) -> Vec<Asked> {
    let PassedRequest {
        method,
        target,
        headers,
        address,
        principal,
        rights,
        mut body,
        lasting: _,
    } = request;
    let PassedRights {
        publish,
        append,
        read,
        observe,
        operate,
    } = rights;
    let head = AskedHead {
        cluster: identity.cluster.to_string(),
        node: identity.node.to_string(),
        incarnation: identity.incarnation.to_string(),
        asked: asked.to_owned(),
        method,
        target,
        headers: to_wire(headers),
        address: address.to_string(),
        principal,
        rights: Some(Rights {
            publish,
            append,
            read,
            observe,
            operate,
        }),
        body_bytes: body.len() as u64,
    };
    let part = |part| Asked { part: Some(part) };
    let mut pieces = vec![part(Part::Head(head))];
    while !body.is_empty() {
        let piece = body.split_to(PIECE.min(body.len()));
        pieces.push(part(Part::Chunk(piece)));
    }
    pieces
}

/// The request of a head; nothing if it is none that a node passes on.
pub(super) fn request(head: AskedHead) -> Option<PassedRequest> {
    let AskedHead {
        method,
        target,
        headers,
        address,
        principal,
        rights,
        ..
    } = head;
    let address: IpAddr = address.parse().ok()?;
    let Rights {
        publish,
        append,
        read,
        observe,
        operate,
    } = rights?;
    let is_passed = target.starts_with(CHANNELS) || target == EMULATION;
    is_passed.then(|| PassedRequest {
        method,
        target,
        headers: from_wire(headers),
        address,
        principal,
        rights: PassedRights {
            publish,
            append,
            read,
            observe,
            operate,
        },
        body: Bytes::new(),
        lasting: false,
    })
}

/// Headers as they are sent.
pub(super) fn to_wire(headers: Vec<(String, Bytes)>) -> Vec<Header> {
    let headers = headers.into_iter();
    headers
        .map(|(name, value)| Header { name, value })
        .collect()
}

/// Headers as they were sent.
pub(super) fn from_wire(headers: Vec<Header>) -> Vec<(String, Bytes)> {
    let headers = headers.into_iter();
    headers.map(|header| (header.name, header.value)).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_request_arrives_as_it_was_sent() {
        let identity = Identity {
            cluster: "c".into(),
            node: "b".into(),
            incarnation: Uuid::from_u128(2),
            version: "0".into(),
            max_event_bytes: 1,
        };
        let sent = PassedRequest {
            method: "POST".to_owned(),
            target: "/v1/channels/orders/events?a=1".to_owned(),
            headers: vec![("content-type".to_owned(), Bytes::from_static(b"text/plain"))],
            address: [10, 0, 0, 1].into(),
            principal: "key:shop".to_owned(),
            rights: PassedRights {
                publish: vec!["custom.*".to_owned()],
                append: vec!["orders".to_owned()],
                ..PassedRights::default()
            },
            body: Bytes::from(vec![7; 2 * PIECE + 1]),
            lasting: false,
        };
        let mut pieces = pieces(sent.clone(), &identity, "a").into_iter();
        let Some(Part::Head(head)) = pieces.next().and_then(|piece| piece.part) else {
            panic!("the head goes first");
        };
        assert_eq!((head.node.as_str(), head.asked.as_str()), ("b", "a"));
        assert_eq!(head.body_bytes, sent.body.len() as u64);
        let mut body = Vec::new();
        for piece in pieces {
            let Some(Part::Chunk(chunk)) = piece.part else {
                panic!("there is one head");
            };
            assert!(chunk.len() <= PIECE);
            body.extend_from_slice(&chunk);
        }
        let arrived = request(head.clone()).expect("a request");
        let body = Bytes::from(body);
        assert_eq!(PassedRequest { body, ..arrived }, sent);

        for target in [
            "/v1/plugins",
            "/v1/channels",
            "http://x/v1/channels/a",
            "/emulation/x",
        ] {
            let other = AskedHead {
                target: target.to_owned(),
                ..head.clone()
            };
            assert_eq!(request(other), None, "{target}");
        }
        let nowhere = AskedHead {
            address: "x".to_owned(),
            ..head
        };
        assert_eq!(request(nowhere), None);
    }
}
