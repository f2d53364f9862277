//! What was published.

use hearken_session_protocol::{Answer, HistoryRequest, HistoryResult};

use crate::session::connection::Known;
use crate::session::entering::MAX_RECOVERED;
use crate::session::handle::Session;
use crate::session::history::PageRequest;
use crate::session::refused::Refused;
use crate::session::verb::Verb;

impl Session {
    /// A part of a channel's history.
    pub(in crate::session) fn history(
        &self,
        known: &Known,
        request: &HistoryRequest,
    ) -> Result<Answer, Refused> {
        let name = self.channel(&request.channel)?;
        let in_use = self.shared.in_use();
        let resolved = self.shared.resolve(&in_use, &name);
        self.check(known, Verb::History, &name, &resolved)?;
        let namespace = self.shared.namespace(&in_use, &name)?;
        let since = request.since.as_ref();
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let asked = PageRequest {
            since: since.map(|since| (since.offset, &*since.epoch)),
            limit: limit.min(MAX_RECOVERED),
            reverse: request.reverse,
        };
        let page = self.shared.page(&name, &namespace, &asked)?;
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
