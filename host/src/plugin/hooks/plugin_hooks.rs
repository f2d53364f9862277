//! All plugins, as sessions ask them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::FutureExt;
use hearken_session_protocol::codes::{disconnects, errors};
use tokio::sync::oneshot;

use super::desk::{Full, HookDesk};
use super::exported::{Answering, Kind, NotAsked};
use super::question::{About, Asking, Connecting, Question, Reply};
use crate::session::{
    AboutSession, Answered, ChannelName, ConnectAnswer, ConnectAsked, PublishAnswer, RefreshAnswer,
    Refused, SessionHooks, SubscribeAnswer, namespace_of,
};

/// Asks the plugins of a node what sessions want to know. Cloning shares them. Whom it cannot
/// ask it refuses, and says so once.
#[derive(Clone, Default)]
pub struct PluginHooks(Arc<Desks>);

#[derive(Default)]
struct Desks {
    by_plugin: RwLock<BTreeMap<String, Arc<HookDesk>>>,
    /// What was said of plugins that could not be asked, until they can.
    said: Mutex<BTreeSet<(String, Why)>>,
}

/// Why a plugin cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Missing,
    OtherNamespace,
    NotGranted,
}

/// What somebody may not know the reason of who is refused.
enum NoAnswer {
    /// The plugin answers no such questions.
    NotAnswered,
    Refused(Refused),
    /// It is not there, may not, or has died of the question.
    None,
}

impl PluginHooks {
    /// No plugin is there yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The desk of a plugin, which is made when it is first needed.
    pub(crate) fn desk(&self, plugin: &str) -> Arc<HookDesk> {
        let mut desks = (self.0.by_plugin.write()).unwrap_or_else(PoisonError::into_inner);
        Arc::clone(desks.entry(plugin.to_owned()).or_default())
    }

    /// A version of the plugin answers from now on.
    pub(crate) fn open(&self, plugin: &str, answering: &Arc<Answering>) {
        self.desk(plugin).open(answering);
        let mut said = self.0.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|(of, _)| of != plugin);
    }

    /// Nobody answers for the plugin any more, for now.
    pub(crate) fn close(&self, plugin: &str) {
        if let Some(desk) = self.find(plugin) {
            desk.close();
        }
    }

    /// The plugin is gone.
    pub(crate) fn remove(&self, plugin: &str) {
        let mut desks = (self.0.by_plugin.write()).unwrap_or_else(PoisonError::into_inner);
        let removed = desks.remove(plugin);
        drop(desks);
        if let Some(desk) = removed {
            desk.close();
        }
    }

    fn find(&self, plugin: &str) -> Option<Arc<HookDesk>> {
        let desks = (self.0.by_plugin.read()).unwrap_or_else(PoisonError::into_inner);
        desks.get(plugin).map(Arc::clone)
    }

    async fn ask<T>(
        &self,
        plugin: &str,
        asked: Kind,
        namespace: Option<&str>,
        question: impl FnOnce(Reply<T>) -> Question,
    ) -> Result<T, NoAnswer> {
        let desk = self.find(plugin);
        let found = desk.and_then(|desk| Some((desk.answering()?, desk)));
        let Some((answering, desk)) = found else {
            self.say(plugin, Why::Missing, namespace);
            return Err(NoAnswer::None);
        };
        if let Err(not) = answering.check(asked, namespace) {
            let why = match not {
                NotAsked::NotAnswered => return Err(NoAnswer::NotAnswered),
                NotAsked::OtherNamespace => Why::OtherNamespace,
                NotAsked::NotGranted => Why::NotGranted,
            };
            self.say(plugin, why, namespace);
            return Err(NoAnswer::None);
        }
        let (reply, answer) = oneshot::channel();
        if let Err(Full) = desk.put(question(reply)) {
            return Err(NoAnswer::Refused(errors::TOO_MANY_REQUESTS.into()));
        }
        match answer.await {
            Ok(answer) => answer.map_err(NoAnswer::Refused),
            Err(_) => {
                // Another version may have come meanwhile.
                let answering = desk.answering();
                let check = answering.map(|answering| answering.check(asked, namespace));
                Err(match check {
                    Some(Err(NotAsked::NotAnswered)) => NoAnswer::NotAnswered,
                    _ => NoAnswer::None,
                })
            }
        }
    }

    /// Says once why a plugin is not asked.
    fn say(&self, plugin: &str, why: Why, namespace: Option<&str>) {
        let mut said = self.0.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.insert((plugin.to_owned(), why)) {
            return;
        }
        drop(said);
        let what = match namespace {
            Some(namespace) => format!("the namespace `{namespace}`"),
            None => "`[sessions]`".to_owned(),
        };
        match why {
            Why::Missing => tracing::warn!(
                plugin,
                "{what} names this plugin, which is not there, does not run, or has no hooks: \
                 sessions are refused what it would decide"
            ),
            Why::OtherNamespace => tracing::warn!(
                plugin,
                "{what} names this plugin, which says that it is for others: sessions are \
                 refused what it would decide"
            ),
            Why::NotGranted => tracing::warn!(
                plugin,
                "{what} names this plugin, and neither its manifest's `[allow] sessions` nor \
                 the node's policy lets it answer: sessions are refused what it would decide"
            ),
        }
    }
}

/// What sessions are told; `otherwise` if there is no answer.
fn told<T>(
    answer: Result<T, NoAnswer>,
    otherwise: impl Into<Refused>,
) -> Result<Option<T>, Refused> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(NoAnswer::NotAnswered) => Ok(None),
        Err(NoAnswer::Refused(refused)) => Err(refused),
        Err(NoAnswer::None) => Err(otherwise.into()),
    }
}

impl SessionHooks for PluginHooks {
    fn connect<'a>(
        &'a self,
        plugin: &'a str,
        asked: ConnectAsked<'a>,
    ) -> Answered<'a, ConnectAnswer> {
        async move {
            let question = |reply| Question::Connect(Box::new(Connecting::new(&asked)), reply);
            let answer = self.ask(plugin, Kind::Connect, None, question).await;
            told(answer, disconnects::SERVER_ERROR)
        }
        .boxed()
    }

    fn refresh<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        token: Option<&'a str>,
    ) -> Answered<'a, RefreshAnswer> {
        async move {
            let token = token.map(str::to_owned);
            let question = |reply| Question::Refresh(Asking::new(session), token, reply);
            let answer = self.ask(plugin, Kind::Refresh, None, question).await;
            told(answer, errors::INTERNAL)
        }
        .boxed()
    }

    fn subscribe<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        channel: &'a ChannelName,
        data: &'a Bytes,
    ) -> Answered<'a, SubscribeAnswer> {
        async move {
            let about = About::new(channel.as_str(), data);
            let question = |reply| Question::Subscribe(Asking::new(session), about, reply);
            let namespace = Some(namespace_of(channel));
            let answer = self.ask(plugin, Kind::Subscribe, namespace, question);
            told(answer.await, errors::INTERNAL)
        }
        .boxed()
    }

    fn sub_refresh<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        channel: &'a ChannelName,
    ) -> Answered<'a, RefreshAnswer> {
        async move {
            let name = channel.as_str().to_owned();
            let question = |reply| Question::SubRefresh(Asking::new(session), name, reply);
            let namespace = Some(namespace_of(channel));
            let answer = self.ask(plugin, Kind::SubRefresh, namespace, question);
            told(answer.await, errors::INTERNAL)
        }
        .boxed()
    }

    fn publish<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        channel: &'a ChannelName,
        data: &'a Bytes,
    ) -> Answered<'a, PublishAnswer> {
        async move {
            let about = About::new(channel.as_str(), data);
            let question = |reply| Question::Publish(Asking::new(session), about, reply);
            let namespace = Some(namespace_of(channel));
            let answer = self.ask(plugin, Kind::Publish, namespace, question);
            told(answer.await, errors::INTERNAL)
        }
        .boxed()
    }

    fn rpc<'a>(
        &'a self,
        plugin: &'a str,
        session: AboutSession<'a>,
        method: &'a str,
        data: &'a Bytes,
    ) -> Answered<'a, Bytes> {
        async move {
            let about = About::new(method, data);
            let question = |reply| Question::Rpc(Asking::new(session), about, reply);
            let answer = self.ask(plugin, Kind::Rpc, None, question).await;
            told(answer, errors::INTERNAL)
        }
        .boxed()
    }
}

impl fmt::Debug for PluginHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHooks").finish_non_exhaustive()
    }
}
