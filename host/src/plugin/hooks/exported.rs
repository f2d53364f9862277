//! The interface by which an instance is asked.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{AsContextMut, Store};

use super::answer::{self, Nonsense};
use super::question::{Question, Reply, word};
use crate::admin::AnswersStatus;
use crate::config::Rights;
use crate::plugin::guest::bindings::hooks::exports::hearken::plugin::session_hooks as wit;
use crate::plugin::guest::bindings::hooks::{SessionHooksGuest, SessionHooksGuestIndices};
use crate::plugin::guest::rights::RightsInForce;
use crate::plugin::guest::state::Guest;
pub(crate) use wit::{HooksDescription, Question as Kind};

/// Namespaces of which a plugin says that it answers for them; more are not heard.
const MAX_NAMESPACES: usize = 64;

/// The hooks that a component exports, ready to be found in its instances.
pub(crate) struct HooksPre(SessionHooksGuestIndices);

/// Those of an instance.
pub(crate) struct Hooks(SessionHooksGuest);

/// What a version of a plugin answers.
#[derive(Debug)]
pub(crate) struct Answering {
    answers: Vec<Kind>,
    /// The namespaces that it answers for; empty for all.
    namespaces: Vec<String>,
    /// What the plugin may; `None` of one that may all.
    rights: Option<Arc<RightsInForce>>,
}

/// Why a plugin is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAsked {
    /// It answers no such questions.
    NotAnswered,
    /// Nor any about that namespace.
    OtherNamespace,
    /// Its manifest, or the node's policy, does not grant that.
    NotGranted,
}

impl HooksPre {
    /// Finds them.
    ///
    /// # Errors
    /// When the functions have other types.
    pub(crate) fn new(pre: &InstancePre<Guest>) -> wasmtime::Result<Self> {
        SessionHooksGuestIndices::new(pre).map(Self)
    }

    /// Those of an instance, and what they are for.
    ///
    /// # Errors
    /// When it traps.
    pub(crate) async fn start(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
    ) -> wasmtime::Result<(Hooks, HooksDescription)> {
        let guest = self.0.load(&mut *store, instance)?;
        let hooks = guest.hearken_plugin_session_hooks();
        let description = hooks.call_describe(store).await?;
        Ok((Hooks(guest), description))
    }
}

impl Answering {
    /// What a version with these rights answers.
    pub(crate) fn new(description: HooksDescription, rights: &Arc<RightsInForce>) -> Self {
        let mut namespaces = description.namespaces;
        namespaces.truncate(MAX_NAMESPACES);
        let mut answers = description.answers;
        // Each once, however often it is said.
        answers.sort_by_key(|kind| *kind as u8);
        answers.dedup();
        Self {
            answers,
            namespaces,
            rights: Some(Arc::clone(rights)),
        }
    }

    /// As operators see it.
    pub(crate) fn status(&self) -> AnswersStatus {
        let questions = self.answers.iter();
        AnswersStatus {
            questions: questions.map(|kind| word(*kind).to_owned()).collect(),
            namespaces: self.namespaces.clone(),
        }
    }

    /// Whether it is asked that, of a channel of the namespace, if it is about one.
    pub(super) fn check(&self, asked: Kind, namespace: Option<&str>) -> Result<(), NotAsked> {
        if !self.answers.contains(&asked) {
            return Err(NotAsked::NotAnswered);
        }
        if let Some(rights) = &self.rights
            && !may_answer(&rights.now(), namespace)
        {
            return Err(NotAsked::NotGranted);
        }
        if !self.is_for(namespace) {
            return Err(NotAsked::OtherNamespace);
        }
        Ok(())
    }

    /// Whether it has said that it answers that. Whether it may is looked at again when an
    /// instance is asked.
    pub(super) fn has_said(&self, question: &Question) -> bool {
        self.answers.contains(&question.kind()) && self.is_for(question.namespace().as_deref())
    }

    fn is_for(&self, namespace: Option<&str>) -> bool {
        let is_its = |namespace: &str| self.namespaces.iter().any(|its| its == namespace);
        self.namespaces.is_empty() || namespace.is_none_or(is_its)
    }

    /// These questions, about all namespaces.
    #[cfg(test)]
    pub(super) fn these(answers: &[Kind]) -> Self {
        Self {
            answers: answers.to_vec(),
            namespaces: Vec::new(),
            rights: None,
        }
    }
}

impl Hooks {
    /// Asks the instance, and passes on what it answers. Whether it was asked: if not, whoever
    /// asked is refused.
    ///
    /// # Errors
    /// When it traps; then whoever asked is refused.
    pub(crate) async fn ask(
        &self,
        store: &mut Store<Guest>,
        question: Question,
    ) -> wasmtime::Result<bool> {
        let hooks = self.0.hearken_plugin_session_hooks();
        let mut context = store.as_context_mut();
        let name = question.name();
        // It was put to whoever was in force then, and a version that may less has come since.
        let namespace = question.namespace();
        if !may_answer(context.data_mut().rights.now(), namespace.as_deref()) {
            return Ok(false);
        }
        let told = match question {
            Question::Connect(connecting, reply) => {
                let headers = connecting.headers();
                let asked = connecting.lower(&headers);
                let answer = hooks.call_connect(context.as_context_mut(), asked).await?;
                let channels = context.data().plugin.channels.clone();
                let is_declared = |name: &str| channels.has_declared(name);
                let rights = context.data_mut().rights.now();
                tell(reply, answer, |answer| {
                    answer::connected(answer, rights, is_declared)
                })
            }
            Question::Refresh(session, token, reply) => {
                let (session, token) = (session.lower(), token.as_deref());
                let answer = hooks.call_refresh(context.as_context_mut(), session, token);
                tell(reply, answer.await?, answer::refreshed)
            }
            Question::Subscribe(session, about, reply) => {
                let request = wit::SubscribeRequest {
                    channel: &about.name,
                    data: &about.data,
                };
                let answer =
                    hooks.call_subscribe(context.as_context_mut(), session.lower(), request);
                tell(reply, answer.await?, answer::subscribed)
            }
            Question::SubRefresh(session, channel, reply) => {
                let session = session.lower();
                let answer = hooks.call_sub_refresh(context.as_context_mut(), session, &channel);
                tell(reply, answer.await?, answer::refreshed)
            }
            Question::Publish(session, about, reply) => {
                let request = wit::PublishRequest {
                    channel: &about.name,
                    data: &about.data,
                };
                let answer = hooks.call_publish(context.as_context_mut(), session.lower(), request);
                tell(reply, answer.await?, |answer| Ok(answer::published(answer)))
            }
            Question::Rpc(session, about, reply) => {
                let (method, data) = (&*about.name, &*about.data);
                let session = session.lower();
                let answer = hooks.call_rpc(context.as_context_mut(), session, method, data);
                tell(reply, answer.await?, |data| Ok(Bytes::from(data)))
            }
        };
        if let Err(nonsense) = told {
            let what = format!("session-hooks.{name}");
            let plugin = &context.data().plugin;
            plugin.count_refusal(&what, &nonsense.to_string());
        }
        Ok(true)
    }
}

/// Whether a plugin with these rights is asked about channels of the namespace, or about
/// something else.
fn may_answer(rights: &Rights, namespace: Option<&str>) -> bool {
    match namespace {
        Some(namespace) => rights.may_serve(namespace),
        None => !rights.sessions.is_empty(),
    }
}

/// Passes an answer on, as far as it makes sense. Whoever asked may have gone.
fn tell<A, T>(
    reply: Reply<T>,
    answer: Result<A, wit::Refusal>,
    read: impl FnOnce(A) -> Result<T, Nonsense>,
) -> Result<(), Nonsense> {
    let answer = match answer.map(read) {
        Ok(Ok(answer)) => Ok(answer),
        // Without an answer it is refused.
        Ok(Err(nonsense)) => return Err(nonsense),
        Err(refusal) => Err(answer::refused(refusal)),
    };
    let _ = reply.send(answer);
    Ok(())
}
