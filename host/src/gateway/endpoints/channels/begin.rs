//! Where somebody begins to read a channel.

use super::position::{position, since};
use super::refusal::ChannelRefusal;
use crate::access::{Act, Identity};
use crate::channel::{Channel, ClientName, CursorFailure, Mover, ReadFailure};
use crate::gateway::query::{Parameters, QueryError};
use crate::gateway::rejection::Rejection;

/// Where somebody begins to read.
pub(super) enum Begin {
    /// Behind this number.
    After(u64),
    /// Where the client is that has this name.
    Client(ClientName),
    /// It is not said.
    Unsaid,
}

/// Where the query says that reading begins. A position under a client's name is stored,
/// unless a stream is `resumed`: a browser that connects again sends the same query, also when
/// the client has moved on.
pub(super) async fn begin(
    channel: &Channel,
    parameters: &Parameters,
    identity: &Identity,
    resumed: bool,
) -> Result<Begin, Rejection> {
    let after = position(parameters, "after")?;
    let since = since(parameters)?;
    let client = match parameters.get_filled("client") {
        Some(name) => Some(ClientName::new(name).map_err(ChannelRefusal::from)?),
        None => None,
    };
    if since.is_some() && (after.is_some() || client.is_some()) {
        return Err(QueryError::Invalid {
            name: "since",
            reason: "`after` or `client` is there too, which also says where to begin".to_owned(),
        }
        .into());
    }
    if resumed {
        return Ok(Begin::Unsaid);
    }
    if let Some(time) = since {
        let after = channel.since(time).await.map_err(ChannelRefusal::from)?;
        return Ok(Begin::After(after));
    }
    let Some(after) = after else {
        return Ok(client.map_or(Begin::Unsaid, Begin::Client));
    };
    channel
        .check_epoch(after.epoch)
        .map_err(ChannelRefusal::from)?;
    if let Some(client) = client {
        let principal = identity.principal().to_string();
        let mover = mover(identity, &principal);
        let moved = channel.set_cursor(&client, after.number, mover, false);
        moved.await.map_err(|error| match error {
            CursorFailure::Beyond { after, last } => {
                ChannelRefusal::from(ReadFailure::Beyond { after, last })
            }
            error => error.into(),
        })?;
    }
    Ok(Begin::After(after.number))
}

fn mover<'m>(identity: &Identity, principal: &'m str) -> Mover<'m> {
    Mover {
        principal,
        operates: identity.check(&Act::Operate).is_ok(),
    }
}

/// Where a client is; at the beginning, if it is new.
pub(super) async fn position_of(
    channel: &Channel,
    client: &ClientName,
    identity: &Identity,
) -> Result<u64, ChannelRefusal> {
    let principal = identity.principal().to_string();
    match channel
        .cursor_for(client, mover(identity, &principal))
        .await
    {
        Ok(cursor) => Ok(cursor.after),
        Err(CursorFailure::None(_)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
