//! What was published.

use std::time::Duration;

use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{Answer, HistoryRequest, HistoryResult};
use tokio::time::{Instant, timeout_at};

use crate::session::connection::Known;
use crate::session::entering::MAX_RECOVERED;
use crate::session::handle::Session;
use crate::session::history::PageRequest;
use crate::session::lateness::LATE;
use crate::session::refused::Refused;
use crate::session::verb::Verb;

/// How long a part of a history may take: a client waits 5 s for an answer.
const HISTORY_TIMEOUT: Duration = Duration::from_secs(4);

impl Session {
    /// A part of a channel's history.
    pub(in crate::session) async fn history(
        &self,
        known: &Known,
        request: &HistoryRequest,
    ) -> Result<Answer, Refused> {
        // Whatever has to be found and asked for that.
        let until = self.waits_until(HISTORY_TIMEOUT);
        let late = until.min(Instant::now() + LATE);
        let answer = timeout_at(until, self.history_in_time(known, request)).await;
        let answer = answer.unwrap_or_else(|_| Err(errors::INTERNAL.into()));
        if answer.is_err() {
            self.note_refused(late);
        }
        answer
    }

    async fn history_in_time(
        &self,
        known: &Known,
        request: &HistoryRequest,
    ) -> Result<Answer, Refused> {
        let name = self.channel(&request.channel)?;
        let in_use = self.shared.in_use();
        let resolved = self.shared.resolve(&in_use, &name);
        self.check(known, Verb::History, &name, &resolved)?;
        let place = self.shared.place(&in_use, &name).await?;
        let since = request.since.as_ref();
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let asked = PageRequest {
            since: since.map(|since| (since.offset, &*since.epoch)),
            limit: limit.min(MAX_RECOVERED),
            reverse: request.reverse,
        };
        // The answer has to fit into what may wait for the client.
        let most_bytes = self.connection.outbox.limit() / 4;
        let page = self.shared.history_of(&name, &place, &asked, most_bytes);
        let page = page.await?;
        let encoding = self.connection.transport.variant.encoding;
        let publications = page.publications.iter();
        let publications = publications.map(|(_, publication)| publication.of(encoding).clone());
        Ok(Answer::History(HistoryResult {
            publications: publications.collect(),
            epoch: (*page.top.epoch).to_owned(),
            offset: page.top.offset,
        }))
    }
}
