//! Channels that are made by their use, for a namespace of sessions.

use std::sync::Arc;

use hearken_channel_log::{ChannelName, LogSettings};

use super::channels::Channels;
use super::error::{NamespaceFailure, SetFailure};
use super::extras::Extras;
use super::handle::Channel;
use super::settings::ChannelSettings;

/// The namespace that a channel is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfNamespace {
    /// Its name.
    pub name: Arc<str>,
    /// Channels that it has on this node at most.
    pub most: usize,
}

impl Channels {
    /// The channel of this name, which is made with these settings for a namespace unless it
    /// is there; one that is there holds to them from now on, if it can.
    ///
    /// # Errors
    /// [`NamespaceFailure`] says why there is none.
    pub async fn of_namespace(
        &self,
        name: &ChannelName,
        settings: ChannelSettings,
        namespace: OfNamespace,
    ) -> Result<Arc<Channel>, NamespaceFailure> {
        if let Some(channel) = self.get(name.as_str())
            && channel.namespace() == Some(Arc::clone(&namespace.name))
            && channel.holds_to(&settings.log)
        {
            return Ok(channel);
        }
        // Before that it is not known which channels there are.
        if !self.is_open() {
            return Err(SetFailure::Busy.into());
        }
        let nodes = self.elsewhere(name.as_str());
        if !nodes.is_empty() && !self.has(name.as_str()) {
            return Err(NamespaceFailure::Elsewhere(nodes));
        }
        let (this, name) = (self.clone(), name.clone());
        let make = async move { this.of_namespace_now(&name, settings, namespace).await };
        let made = self.0.whole(make).await;
        made.unwrap_or(Err(SetFailure::Busy.into()))
    }

    async fn of_namespace_now(
        &self,
        name: &ChannelName,
        settings: ChannelSettings,
        namespace: OfNamespace,
    ) -> Result<Arc<Channel>, NamespaceFailure> {
        let _turn = self.0.turn().await.ok_or(SetFailure::Busy)?;
        let OfNamespace { name: whose, most } = namespace;
        let there = self.there(name);
        let whose_there = there.as_ref().map(|channel| channel.namespace());
        match (there, whose_there.flatten()) {
            (Some(channel), Some(own)) if own == whose => {
                let settings = ChannelSettings {
                    log: settings.log,
                    ..channel.settings()
                };
                if let Err(error) = channel.change(&settings).await {
                    let channel = channel.name();
                    tracing::warn!(%channel, %error, "a channel keeps what it has kept before");
                }
                Ok(channel)
            }
            // It was declared meanwhile, or is another namespace's.
            (Some(_), None) => return Err(SetFailure::Exists(name.to_string()).into()),
            (Some(_), Some(other)) if !other.is_empty() => {
                return Err(SetFailure::Exists(name.to_string()).into());
            }
            (Some(unfinished), Some(_)) => {
                self.check_number(&whose, most)?;
                let extras = Extras {
                    namespace: Some(whose),
                    ..Extras::of(&settings)
                };
                unfinished.set_extras(extras, &settings.log).await?;
                unfinished.hold_to(&settings.log).await?;
                Ok(unfinished)
            }
            (None, _) => {
                self.check_number(&whose, most)?;
                let extras = Extras {
                    namespace: Some(whose),
                    ..Extras::of(&settings)
                };
                Ok(self.make(name, &settings, extras, false).await?)
            }
        }
    }

    fn check_number(&self, namespace: &str, most: usize) -> Result<(), NamespaceFailure> {
        let all = self.0.all();
        let is_its = |channel: &&Arc<Channel>| channel.namespace().as_deref() == Some(namespace);
        match all.values().filter(is_its).count() < most {
            true => Ok(()),
            false => Err(NamespaceFailure::TooMany {
                namespace: namespace.to_owned(),
                most,
            }),
        }
    }
}

impl Channel {
    /// Whether its engine holds to these settings.
    fn holds_to(&self, log: &LogSettings) -> bool {
        self.info().is_ok_and(|info| info.settings == *log)
    }

    /// What it is set to, but for what its engine holds to.
    fn settings(&self) -> ChannelSettings {
        let extras = self.extras();
        ChannelSettings {
            keep_unread: extras.keep_unread.clone(),
            indexes: extras.indexes.clone(),
            engine: self.engine_kind(),
            node: extras.node.clone(),
            ..ChannelSettings::default()
        }
    }
}
