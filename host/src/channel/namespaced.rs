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
            (Some(_), None) => Err(SetFailure::Exists(name.to_string()).into()),
            (Some(_), Some(other)) if !other.is_empty() => {
                Err(SetFailure::Exists(name.to_string()).into())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::channel::test_support::{bus, channels_on, engines};

    fn name(text: &str) -> ChannelName {
        ChannelName::new(text).unwrap()
    }

    fn of(namespace: &str, most: usize) -> OfNamespace {
        OfNamespace {
            name: namespace.into(),
            most,
        }
    }

    async fn made(
        channels: &Channels,
        text: &str,
        namespace: OfNamespace,
    ) -> Result<Arc<Channel>, NamespaceFailure> {
        let settings = ChannelSettings::default();
        channels
            .of_namespace(&name(text), settings, namespace)
            .await
    }

    #[tokio::test]
    async fn it_is_known_whose_a_channel_is_also_after_a_restart() {
        let (bus, engines) = (bus(), engines());
        let channels = channels_on(&bus, engines.clone(), BTreeMap::new());
        let first = made(&channels, "chat:1", of("chat", 2)).await.unwrap();
        let again = made(&channels, "chat:1", of("chat", 2)).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let settings = ChannelSettings::default();
        channels
            .set(&name("chat:1"), settings.clone(), None, false)
            .await
            .unwrap();
        channels
            .set(&name("orders"), settings.clone(), None, true)
            .await
            .unwrap();
        // The engine alone has made it when the node ended.
        let log = &settings.log;
        engines.disk.create(&name("chat:2"), log).await.unwrap();
        let channels = channels_on(&bus, engines.clone(), BTreeMap::new());
        let declared = |text: &str| channels.has_declared(text);
        assert_eq!(
            ["chat:1", "chat:2", "orders"].map(declared),
            [false, false, true]
        );
        for whose in ["other", "chat"] {
            let taken = made(&channels, "chat:1", of(whose, 9)).await;
            assert_eq!(taken.is_ok(), whose == "chat");
        }
        assert!(made(&channels, "orders", of("chat", 9)).await.is_err());
        let second = made(&channels, "chat:2", of("chat", 2)).await.unwrap();
        assert_eq!(second.namespace().as_deref(), Some("chat"));
        // Whoever declares it has it.
        let declared = BTreeMap::from([(name("chat:1"), settings)]);
        let channels = channels_on(&bus, engines, declared);
        assert!(channels.has_declared("chat:1"));
        assert!(!channels.has_declared("chat:2"));
    }

    #[tokio::test]
    async fn a_namespace_has_so_many_channels_and_no_more() {
        let channels = channels_on(&bus(), engines(), BTreeMap::new());
        for text in ["a:1", "a:2", "b:1"] {
            let namespace = of(&text[..1], 2);
            made(&channels, text, namespace).await.unwrap();
        }
        let more = made(&channels, "a:3", of("a", 2)).await;
        assert!(matches!(more, Err(NamespaceFailure::TooMany { .. })));
        made(&channels, "a:1", of("a", 2)).await.unwrap();
        made(&channels, "b:2", of("b", 2)).await.unwrap();
    }
}
