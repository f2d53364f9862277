//! What the room adds to the settings that an engine keeps: it lies in a cell beside the
//! log.

use std::collections::BTreeMap;

use bytes::Bytes;
use hearken_channel_log::{CellError, ChannelName, Engine, StorageFault};

use super::document::SettingsDocument;
use super::field::{FieldPath, IndexName};
use super::reader::Reader;
use super::settings::ChannelSettings;

/// The cell's key.
const KEY: &str = "settings";

/// Settings of a channel that its engine knows nothing of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extras {
    pub(super) keep_unread: Vec<Reader>,
    pub(super) indexes: BTreeMap<IndexName, FieldPath>,
    pub(super) node: Option<String>,
}

impl Extras {
    /// Those of these settings.
    pub(super) fn of(settings: &ChannelSettings) -> Self {
        Self {
            keep_unread: settings.keep_unread.clone(),
            indexes: settings.indexes.clone(),
            node: settings.node.clone(),
        }
    }

    /// Reads them; a channel without the cell has none.
    pub(super) async fn read(engine: &dyn Engine, name: &ChannelName) -> Result<Self, CellError> {
        let Some(cell) = engine.cell(name, KEY).await? else {
            return Ok(Self::default());
        };
        let unreadable = |reason: String| {
            CellError::Storage(StorageFault::new(format!(
                "the settings of the channel `{name}` cannot be read: {reason}"
            )))
        };
        let document: SettingsDocument =
            serde_json::from_slice(&cell.value).map_err(|error| unreadable(error.to_string()))?;
        let settings = document
            .read()
            .map_err(|error| unreadable(error.to_string()))?;
        Ok(Self::of(&settings))
    }

    /// Writes them, durably.
    pub(super) async fn write(
        &self,
        engine: &dyn Engine,
        name: &ChannelName,
    ) -> Result<(), CellError> {
        let document = SettingsDocument {
            keep_unread: self.keep_unread.iter().map(ToString::to_string).collect(),
            indexes: self
                .indexes
                .iter()
                .map(|(name, field)| (name.to_string(), field.to_string()))
                .collect(),
            node: self.node.clone(),
            ..SettingsDocument::default()
        };
        let value = serde_json::to_vec(&document).expect("texts serialise");
        engine
            .put_cell(name, KEY, Bytes::from(value), None, true)
            .await?;
        Ok(())
    }
}
