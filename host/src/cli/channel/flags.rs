//! The settings of a channel as flags.

use bytesize::ByteSize;
use clap::Args;

use super::error::ChannelCommandError;
use crate::channel::SettingsDocument;

/// What takes a setting away.
const NONE: &str = "none";

/// What a channel is set to. What is not given has its default, or stays.
#[derive(Args, Debug)]
pub(in crate::cli) struct SettingFlags {
    /// Most events that are kept
    #[arg(long, value_name = "N")]
    max_events: Option<String>,

    /// Most bytes that are kept, e.g. 1GiB
    #[arg(long, value_name = "SIZE")]
    max_bytes: Option<String>,

    /// How long events are kept, e.g. 30d
    #[arg(long, value_name = "DURATION")]
    max_age: Option<String>,

    /// What makes room when the channel is full: oldest or refuse
    #[arg(long, value_name = "RULE")]
    discard: Option<String>,

    /// Reader whose unread events are not dropped, plugin:NAME or client:NAME; may be given
    /// again
    #[arg(long, value_name = "READER")]
    keep_unread: Vec<String>,

    /// How long ids are remembered, so that what is sent again is stored once, e.g. 2m
    #[arg(long, value_name = "DURATION")]
    dedupe: Option<String>,

    /// Field of the data by which events are found, e.g. by-user=user.id; may be given again
    #[arg(long, value_name = "NAME=FIELD")]
    index: Vec<String>,

    /// What keeps the channel: disk or memory; never changes
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,

    /// Node that the channel lies on; never changes
    #[arg(long)]
    node: Option<String>,
}

impl SettingFlags {
    /// `settings` with what is given in its place.
    pub(super) fn over(
        self,
        mut settings: SettingsDocument,
    ) -> Result<SettingsDocument, ChannelCommandError> {
        let wrong = |flag, value: &str, reason: &str| ChannelCommandError::Flag {
            flag,
            value: value.to_owned(),
            reason: reason.to_owned(),
        };
        let given = |text: String| Some(text).filter(|text| text != NONE);
        if let Some(text) = self.max_events {
            let number = given(text.clone()).map(|text| text.parse());
            settings.max_events = number
                .transpose()
                .map_err(|_| wrong("max-events", &text, "it is no whole number, nor `none`"))?;
        }
        if let Some(text) = self.max_bytes {
            let size = given(text.clone()).map(|text| text.parse());
            settings.max_bytes = size
                .transpose()
                .map_err(|_| wrong("max-bytes", &text, "it is no size such as 1GiB"))?
                .map(|ByteSize(bytes)| bytes);
        }
        if let Some(text) = self.max_age {
            settings.max_age = given(text);
        }
        if let Some(text) = self.discard {
            settings.discard = given(text);
        }
        if let Some(text) = self.dedupe {
            settings.dedupe = given(text);
        }
        if !self.keep_unread.is_empty() {
            settings.keep_unread = self.keep_unread.into_iter().filter_map(given).collect();
        }
        if !self.index.is_empty() {
            let indexes = self.index.into_iter().filter_map(given);
            let named = indexes.map(|text| match text.split_once('=') {
                Some((name, field)) => Ok((name.to_owned(), field.to_owned())),
                None => Err(wrong("index", &text, "it is not NAME=FIELD")),
            });
            settings.indexes = named.collect::<Result<_, _>>()?;
        }
        if let Some(engine) = self.engine {
            settings.engine = Some(engine);
        }
        if let Some(node) = self.node {
            settings.node = Some(node);
        }
        settings.read()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: SettingFlags,
    }

    fn over(
        arguments: &[&str],
        settings: SettingsDocument,
    ) -> Result<SettingsDocument, ChannelCommandError> {
        let line = Line::try_parse_from(["x"].iter().chain(arguments)).expect("valid flags");
        line.flags.over(settings)
    }

    #[test]
    fn what_is_given_takes_the_place_of_what_was() {
        let arguments = [
            "--max-events",
            "5",
            "--max-bytes",
            "1MiB",
            "--max-age",
            "30d",
            "--keep-unread",
            "client:a",
            "--keep-unread",
            "plugin:b",
            "--index",
            "by-user=user.id",
        ];
        let made = over(&arguments, SettingsDocument::default()).unwrap();
        assert_eq!((made.max_events, made.max_bytes), (Some(5), Some(1 << 20)));
        assert_eq!(made.keep_unread, ["client:a", "plugin:b"]);
        assert_eq!(made.indexes["by-user"], "user.id");
        let same = over(&[], made.clone()).unwrap();
        assert_eq!(same, made);
        let arguments = [
            "--max-events",
            "none",
            "--keep-unread",
            "none",
            "--index",
            "none",
        ];
        let less = over(&arguments, made).unwrap();
        assert_eq!(less.max_events, None);
        assert!(less.keep_unread.is_empty() && less.indexes.is_empty());
        assert_eq!(less.max_age.as_deref(), Some("30d"));
    }

    #[test]
    fn what_makes_no_sense_is_told_before_a_node_is_asked() {
        for arguments in [
            ["--max-events", "many"],
            ["--max-bytes", "1"],
            ["--max-age", "30"],
            ["--index", "user.id"],
            ["--engine", "tape"],
            ["--discard", "newest"],
        ] {
            let error = over(&arguments, SettingsDocument::default()).unwrap_err();
            assert!(error.is_senseless(), "{error}");
        }
    }
}
