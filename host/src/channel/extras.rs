//! What the room adds to the settings that an engine keeps: it lies in a cell beside the
//! log.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hearken_channel_log::{CellChange, CellError, ChannelName, Engine, LogSettings, StorageFault};

use super::document::SettingsDocument;
use super::field::{FieldPath, IndexName};
use super::reader::Reader;
use super::settings::ChannelSettings;
use super::timeout::in_time;

/// The cell's key.
const KEY: &str = "settings";

/// The key of the cell that says whose channel it is, where that is a namespace's.
const NAMESPACE_KEY: &str = "namespace";

/// Settings of a channel that its engine knows nothing of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extras {
    pub(super) keep_unread: Vec<Reader>,
    pub(super) indexes: BTreeMap<IndexName, FieldPath>,
    pub(super) node: Option<String>,
    /// The namespace of sessions that it was made for; nobody has declared it then. Empty for
    /// one whose making was broken off before that was known.
    pub(super) namespace: Option<Arc<str>>,
}

impl Extras {
    /// Those of these settings, of a channel that is declared.
    pub(super) fn of(settings: &ChannelSettings) -> Self {
        Self {
            keep_unread: settings.keep_unread.clone(),
            indexes: settings.indexes.clone(),
            node: settings.node.clone(),
            namespace: None,
        }
    }

    /// Reads them, and what the engine is to hold to, where that stands beside them. A channel
    /// without the cell was being made, and nobody was told that it is there.
    pub(super) async fn read(
        engine: &dyn Engine,
        name: &ChannelName,
    ) -> Result<(Self, Option<LogSettings>), CellError> {
        let Some(cell) = in_time(engine.cell(name, KEY), CellError::Storage).await? else {
            let unfinished = Self {
                namespace: Some(Arc::default()),
                ..Self::default()
            };
            return Ok((unfinished, None));
        };
        let namespace = in_time(engine.cell(name, NAMESPACE_KEY), CellError::Storage).await?;
        let unreadable = |reason: String| {
            CellError::Storage(StorageFault::new(format!(
                "the settings of the channel `{name}` cannot be read: {reason}"
            )))
        };
        let document: SettingsDocument =
            serde_json::from_slice(&cell.value).map_err(|error| unreadable(error.to_string()))?;
        let log = document.max_bytes.and_then(|_| document.read().ok());
        let own = SettingsDocument {
            keep_unread: document.keep_unread,
            indexes: document.indexes,
            node: document.node,
            ..SettingsDocument::default()
        };
        let settings = own.read().map_err(|error| unreadable(error.to_string()))?;
        let namespace =
            namespace.map(|cell| std::str::from_utf8(&cell.value).map(Arc::<str>::from));
        let extras = Self {
            namespace: namespace
                .transpose()
                .map_err(|error| unreadable(error.to_string()))?,
            ..Self::of(&settings)
        };
        Ok((extras, log.map(|settings| settings.log)))
    }

    /// Writes them, durably, beside what the engine is to hold to: it is written first, and
    /// what a crash leaves undone of it is done at the next start.
    pub(super) async fn write(
        &self,
        engine: &dyn Engine,
        name: &ChannelName,
        log: &LogSettings,
    ) -> Result<(), CellError> {
        let settings = ChannelSettings {
            log: log.clone(),
            keep_unread: self.keep_unread.clone(),
            indexes: self.indexes.clone(),
            node: self.node.clone(),
            ..ChannelSettings::default()
        };
        let document = SettingsDocument {
            // It is where the cell lies.
            engine: None,
            ..SettingsDocument::from(&settings)
        };
        let value = serde_json::to_vec(&document).expect("texts serialise");
        let namespace = self.namespace.as_deref();
        let cell = |key: &str, value: Option<Bytes>| CellChange {
            key: key.to_owned(),
            value,
            version: None,
        };
        let changes = vec![
            cell(KEY, Some(value.into())),
            cell(
                NAMESPACE_KEY,
                namespace.map(|name| Bytes::copy_from_slice(name.as_bytes())),
            ),
        ];
        let changed = engine.change_cells(name, changes, true);
        in_time(changed, CellError::Storage).await?;
        Ok(())
    }
}
