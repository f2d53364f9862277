//! Messages before they are believed.

use bytes::{Buf, BufMut};
use foca::{Codec, Header, PostcardCodec};
use thiserror::Error;

use super::identity::Identity;
use crate::cluster::membership::Member;

/// Size of the largest message, in bytes. A node that joins is told of all the
/// others in one message: 100 members with the longest names and addresses that
/// are allowed, or 1,000 with usual ones, fit.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// Why a message is not for use.
#[derive(Debug, Error)]
pub(super) enum MessageError {
    #[error("it has {0} bytes, more than {MAX_MESSAGE_BYTES}")]
    TooLong(usize),
    #[error("it cannot be decoded: {0}")]
    Malformed(foca::Error),
    #[error("it is said to be from {0:?}")]
    NotFromSender(Identity),
}

/// What a message claims.
#[derive(Debug)]
pub(super) struct Claims {
    header: Header<Identity>,
    updates: Vec<foca::Member<Identity>>,
}

impl Claims {
    /// Decodes a message that came over the link to `from`.
    pub(super) fn decode(message: &[u8], from: &Member) -> Result<Self, MessageError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(MessageError::TooLong(message.len()));
        }
        let malformed = |error| MessageError::Malformed(foca::Error::Decode(Box::new(error)));
        let mut rest = message;
        let header: Header<Identity> = PostcardCodec.decode_header(&mut rest).map_err(malformed)?;
        // Nodes never pass on the messages of others, so whom the link does not
        // vouch for is a forger.
        if header.src.node != from.node || header.src.incarnation != from.incarnation {
            return Err(MessageError::NotFromSender(header.src));
        }
        let mut updates = Vec::new();
        if rest.remaining() >= 2 {
            for _ in 0..rest.get_u16() {
                let update = PostcardCodec.decode_member(&mut rest).map_err(malformed)?;
                updates.push(update);
            }
        }
        if rest.has_remaining() {
            return Err(MessageError::Malformed(foca::Error::MalformedPacket));
        }
        Ok(Self { header, updates })
    }

    /// The highest identity with the name of `own` that outranks it. Whoever speaks
    /// of it will not believe that `own` is the node's present one.
    pub(super) fn rival(&self, own: &Identity) -> Option<&Identity> {
        let told = self.updates.iter().map(foca::Member::id);
        told.chain([&self.header.dst])
            .filter(|identity| identity.node == own.node && identity.outranks(own))
            .reduce(|highest, next| {
                if next.outranks(highest) {
                    next
                } else {
                    highest
                }
            })
    }

    /// The message without what it says of nodes that are not `known`, beyond the first
    /// `room` of them; nothing where there is room for all. Its sender, to whom there is
    /// a link, needs no room.
    ///
    /// # Errors
    /// When it cannot be encoded again.
    pub(super) fn within(
        &self,
        room: usize,
        known: impl Fn(&str) -> bool,
    ) -> Result<Option<Vec<u8>>, MessageError> {
        let malformed = |error| MessageError::Malformed(foca::Error::Encode(Box::new(error)));
        let mut strangers = 0;
        let kept: Vec<_> = self
            .updates
            .iter()
            .filter(|update| {
                let node = &update.id().node;
                let stranger = *node != self.header.src.node && !known(node);
                strangers += usize::from(stranger);
                !stranger || strangers <= room
            })
            .collect();
        if kept.len() == self.updates.len() {
            return Ok(None);
        }
        let mut message = Vec::new();
        PostcardCodec
            .encode_header(&self.header, &mut message)
            .map_err(malformed)?;
        message.put_u16(u16::try_from(kept.len()).expect("at most as many as were decoded"));
        for update in kept {
            PostcardCodec
                .encode_member(update, &mut message)
                .map_err(malformed)?;
        }
        Ok(Some(message))
    }
}
