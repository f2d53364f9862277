//! Publishing.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use hearken_session_protocol::codes::errors;
use hearken_session_protocol::payload::check_json;
use hearken_session_protocol::{Answer, ClientInfo, Encoding, PublishRequest};
use tokio::time::{Instant, timeout_at};

use crate::bus::Publisher;
use crate::event::json::MAX_DEPTH;
use crate::event::{Draft, EventType, ExtensionValue};
use crate::session::across::PUBLISH_TIMEOUT;
use crate::session::connection::Known;
use crate::session::content_type::content_type;
use crate::session::handle::Session;
use crate::session::hooks::{PublishAnswer, in_time};
use crate::session::hub::Exclude;
use crate::session::lateness::LATE;
use crate::session::log::Log;
use crate::session::name::ChannelName;
use crate::session::publishing::published_in_time;
use crate::session::receipt::{PublishOptions, Publishing};
use crate::session::refused::{Refused, bad_request};
use crate::session::source::Source;
use crate::session::verb::Verb;

impl Session {
    /// Publishes what it sends.
    pub(in crate::session) async fn publish(
        &self,
        known: &Known,
        request: PublishRequest,
    ) -> Result<Answer, Refused> {
        let name = self.channel(&request.channel)?;
        if request.kind != 0 {
            return Err(errors::NOT_AVAILABLE.into());
        }
        if request.data.is_empty() {
            return Err(bad_request("a publication needs data").into());
        }
        let Some(data) = self.permit_publish(known, &name, request.data).await? else {
            return Ok(Answer::Publish);
        };
        let in_use = self.shared.in_use();
        let namespace = self.shared.namespace(&in_use, &name)?;
        let encoding = self.connection.transport.variant.encoding;
        let datacontenttype = content_type(&data, encoding, namespace.publication_data_format)?;
        let event_type = EventType::host(&namespace.event_type).map_err(bad_request)?;
        let draft = Draft {
            datacontenttype,
            data: Some(Cow::Borrowed(&data)),
            extensions: self.extensions(known),
            ..Draft::new(event_type)
        };
        let publisher = self.publisher(known);
        published_in_time(async {
            let until = self.waits_until(PUBLISH_TIMEOUT);
            let late = until.min(Instant::now() + LATE);
            let place = timeout_at(until, self.shared.place(&in_use, &name)).await;
            let place = place.unwrap_or_else(|_| Err(errors::INTERNAL.into()));
            if place.is_err() {
                self.note_refused(late);
            }
            let place = place?;
            if let Source::Log(log) = &place.source {
                let principal = known.identity.principal().to_string();
                let options = PublishOptions::default();
                if matches!(log, Log::Far(_)) && self.has_waited_in_vain() {
                    // Cut short it might be stored all the same. So it is not sent.
                    return Err(errors::INTERNAL.into());
                }
                let appended = self
                    .shared
                    .append_to(&name, log, publisher, &principal, draft, options);
                let appended = appended.await;
                if appended.is_err() && matches!(log, Log::Far(_)) {
                    self.note_refused(late);
                }
                appended?;
                return Ok(Answer::Publish);
            }
            let exclude = || Exclude::Client(Arc::clone(&self.connection.client));
            let options = PublishOptions {
                exclude: (!namespace.echo).then(exclude),
                ..PublishOptions::default()
            };
            let publishing = Publishing {
                draft,
                options,
                info: Some(self.info(known, &name)),
            };
            let until = self.waits_until(PUBLISH_TIMEOUT);
            let published = self
                .shared
                .publish_to(&publisher, &name, &namespace, publishing, until);
            let published = published.await;
            if published.is_err() {
                self.note_refused(until);
            }
            published?;
            Ok(Answer::Publish)
        })
        .await
    }

    /// What is to be published, if it may be and nobody has done so already.
    async fn permit_publish(
        &self,
        known: &Known,
        name: &ChannelName,
        data: Bytes,
    ) -> Result<Option<Bytes>, Refused> {
        let in_use = self.shared.in_use();
        let resolved = self.shared.resolve(&in_use, name);
        let decision = self.decide(known, Verb::Publish, name, &resolved, false);
        let (asked, hooks) = decision.plugins()?;
        let mut data = data;
        for plugin in asked.into_iter().chain(hooks) {
            let answer = self
                .shared
                .hooks
                .publish(plugin, self.about(known), name, &data);
            match in_time(answer, errors::INTERNAL).await? {
                // Who decides has to say so.
                None if asked == Some(plugin) => return Err(errors::PERMISSION_DENIED.into()),
                None | Some(PublishAnswer::Publish(None)) => {}
                Some(PublishAnswer::Publish(Some(other))) => {
                    if self.connection.transport.variant.encoding == Encoding::Json {
                        check_json(&other, MAX_DEPTH).map_err(|_| errors::INTERNAL)?;
                    }
                    data = other;
                }
                Some(PublishAnswer::Handled) => return Ok(None),
            }
        }
        Ok(Some(data))
    }

    /// Who published, as subscribers are shown it.
    fn info(&self, known: &Known, name: &ChannelName) -> ClientInfo {
        let state = self.connection.lock();
        match state.active(name) {
            Some(active) => (*active.info).clone(),
            None => ClientInfo {
                user: (*known.user).to_owned(),
                client: (*self.connection.client).to_owned(),
                conn_info: known.info.clone(),
                chan_info: None,
            },
        }
    }

    /// What the node says of the session in its events.
    pub(in crate::session) fn extensions<'k>(
        &'k self,
        known: &'k Known,
    ) -> Vec<(Cow<'k, str>, ExtensionValue<'k>)> {
        let text = |text: &'k str| ExtensionValue::String(Cow::Borrowed(text));
        let client = (Cow::Borrowed("client"), text(&self.connection.client));
        let user = (Cow::Borrowed("user"), text(&known.user));
        match &*known.user {
            "" => vec![client],
            _ => vec![user, client],
        }
    }

    /// Publishes the session's events, in the order in which they come.
    pub(in crate::session) fn publisher(&self, known: &Known) -> Arc<Publisher> {
        let mut state = self.connection.lock();
        let made = state.publisher.get_or_insert_with(|| {
            let source = known.identity.principal().source(self.shared.bus.node());
            let id = Arc::clone(&self.connection.client);
            Arc::new(self.shared.bus.publisher(source, id))
        });
        Arc::clone(made)
    }
}
