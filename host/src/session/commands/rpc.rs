//! Calls and messages to the node.

use std::borrow::Cow;

use hearken_session_protocol::codes::{disconnects, errors};
use hearken_session_protocol::payload::check_json;
use hearken_session_protocol::{Answer, Encoding, RpcRequest, RpcResult, SendRequest};

use crate::access::Act;
use crate::event::json::MAX_DEPTH;
use crate::event::{Draft, EventType};
use crate::session::connection::Known;
use crate::session::content_type::content_type;
use crate::session::handle::Session;
use crate::session::hooks::in_time;
use crate::session::refused::{Refused, bad_request};

/// Type of the event that a client's message becomes.
const MESSAGE: &str = "custom.session.message";

impl Session {
    /// Calls a method of a plugin.
    pub(in crate::session) async fn rpc(
        &self,
        known: &Known,
        request: RpcRequest,
    ) -> Result<Answer, Refused> {
        let in_use = self.shared.in_use();
        if in_use.settings.rpc.is_empty() {
            return Err(errors::NOT_AVAILABLE.into());
        }
        let plugin = in_use.settings.rpc_plugin(&request.method);
        let plugin = plugin.ok_or(errors::METHOD_NOT_FOUND)?;
        let about = self.about(known);
        let answer = self
            .shared
            .hooks
            .rpc(plugin, about, &request.method, &request.data);
        let data = in_time(answer, errors::INTERNAL).await?;
        let data = data.ok_or(errors::METHOD_NOT_FOUND)?;
        // Of what is no JSON such a client could not make sense.
        if self.connection.transport.variant.encoding == Encoding::Json {
            check_json(&data, MAX_DEPTH).map_err(|_| errors::INTERNAL)?;
        }
        Ok(Answer::Rpc(RpcResult { data: Some(data) }))
    }

    /// Publishes a message to the node as an event, which needs the right to.
    pub(in crate::session) fn send(
        &self,
        known: &Known,
        request: SendRequest,
    ) -> Result<(), Refused> {
        if !known.identity.rights().allow(&Act::Publish(MESSAGE)) {
            return Err(disconnects::NOT_AVAILABLE.into());
        }
        let event_type = EventType::host(MESSAGE).map_err(bad_request)?;
        let (mut datacontenttype, mut data) = (None, None);
        if !request.data.is_empty() {
            let encoding = self.connection.transport.variant.encoding;
            datacontenttype = content_type(&request.data, encoding, None)?;
            data = Some(Cow::Borrowed(&*request.data));
        }
        let draft = Draft {
            datacontenttype,
            data,
            extensions: self.extensions(known),
            ..Draft::new(event_type)
        };
        let published = self.publisher(known).publish(&draft).map(|_| ());
        published.map_err(|error| bad_request(error).into())
    }
}
