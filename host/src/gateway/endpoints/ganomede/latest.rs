//! `GET /events/v1/latest`: the newest events of a channel.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::config::Ganomede;
use super::elsewhere::There;
use super::names;
use super::query::Query;
use super::refusal::Refusal;
use super::shown::answer;
use crate::channel::ReadFailure;
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::ChannelRefusal;
use crate::gateway::serve::client::Client;

/// Answers with them, ascending; with none of a channel that is not there.
pub(super) async fn latest(
    State(context): State<Arc<Context>>,
    Extension(ganomede): Extension<Arc<Ganomede>>,
    client: Client,
    query: Query,
) -> Result<Response, Refusal> {
    ganomede.admit(&context, &client, &query, None)?;
    let name = names::channel(query.text("channel"))?;
    if let Some(there) = There::find(&context, &ganomede, &client, &name).await? {
        let events = there.latest(query.limit()).await?;
        return answer(&context, &client, &events, |all| all);
    }
    let events = match context.find_channel(name.as_str())? {
        Ok(channel) => match channel.latest(query.limit()).await {
            Ok(found) => found.events,
            Err(ReadFailure::Removed) => Vec::new(),
            Err(failure) => return Err(ChannelRefusal::from(failure).into()),
        },
        Err(_) => Vec::new(),
    };
    answer(&context, &client, &events, |all| all)
}
