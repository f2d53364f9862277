//! A publication as hubs keep it and hand it on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hearken_session_protocol::payload::check_json;
use hearken_session_protocol::{ClientInfo, Encoding, Publication};

use crate::event::json::MAX_DEPTH;
use crate::event::{Event, is_json, is_text};

/// The extension of an event of a durable channel that has the tags which its publisher gave,
/// as a JSON object.
pub(super) const TAGS: &str = "tags";

/// A publication, made of an event that is on the bus too.
#[derive(Debug)]
pub struct StoredPublication {
    event: Event,
    /// As protobuf sessions get it.
    raw: Publication,
    /// As JSON sessions get it, where that differs; found out when the first of them does.
    json: OnceLock<Option<Publication>>,
}

/// The bytes of an event, shared with it.
struct EventBytes(Event);

impl AsRef<[u8]> for EventBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl StoredPublication {
    /// Of an event, with its number in the history of its channel, or 0.
    ///
    /// Its tags are `tags`, and those attributes of the event that `tagged` names.
    pub(super) fn new(
        event: Event,
        offset: u64,
        info: Option<ClientInfo>,
        tags: BTreeMap<String, String>,
        tagged: &[String],
    ) -> Self {
        let raw = Publication {
            data: data(&event),
            info,
            offset,
            tags: all_tags(&event, tags, tagged),
            ..Publication::default()
        };
        Self {
            raw,
            event,
            json: OnceLock::new(),
        }
    }

    /// Of an event that was not handed to the channel by its publisher, but read: what is
    /// known of that stands in the event. It has that number there, or 0.
    pub(super) fn read(event: Event, offset: u64, tagged: &[String]) -> Self {
        let (info, tags) = (publisher(&event), given_tags(&event));
        Self::new(event, offset, info, tags, tagged)
    }

    /// The session that published it, if one did.
    pub(super) fn publisher(&self) -> Option<&ClientInfo> {
        self.raw.info.as_ref()
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Its number in the history of its channel; 0 without history.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.raw.offset
    }

    /// What sessions of this encoding get.
    #[must_use]
    pub fn of(&self, encoding: Encoding) -> &Publication {
        match encoding {
            Encoding::Json => self.json.get_or_init(|| self.as_json()).as_ref(),
            Encoding::Protobuf => None,
        }
        .unwrap_or(&self.raw)
    }

    /// What of the event is selected by.
    pub(super) fn tag(&self, key: &str) -> Option<&str> {
        self.raw.tags.get(key).map(String::as_str)
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        Self::bytes_of(&self.event, self.raw.info.as_ref(), &self.raw.tags)
    }

    /// Bytes that the publication of an event takes, about, with what is known beside it.
    pub(super) fn bytes_of(
        event: &Event,
        info: Option<&ClientInfo>,
        tags: &BTreeMap<String, String>,
    ) -> usize {
        let info = info.map_or(0, bytes_of_info);
        let tags = tags.iter().map(|(key, value)| key.len() + value.len());
        event.as_bytes().len() + info + tags.sum::<usize>() + size_of::<Self>()
    }

    /// As JSON sessions get it, unless the data is JSON, which all get as it stands. What is
    /// said to be JSON need not be: a guest may send what it likes.
    fn as_json(&self) -> Option<Publication> {
        let is_json =
            is_json(self.event.datacontenttype()) && check_json(&self.raw.data, MAX_DEPTH).is_ok();
        (!is_json).then(|| Publication {
            data: self.data_as_json().into(),
            ..self.raw.clone()
        })
    }

    /// Data that is no JSON as JSON: text as a string, other data in base64, none as `null`.
    fn data_as_json(&self) -> Vec<u8> {
        let Some(data) = self.event.data() else {
            return b"null".to_vec();
        };
        let media_type = self.event.datacontenttype();
        let is_text = is_json(media_type) || is_text(media_type);
        let text = std::str::from_utf8(data).ok().filter(|_| is_text);
        let encoded = match text {
            Some(text) => serde_json::to_vec(text),
            None => serde_json::to_vec(&BTreeMap::from([(
                "data_base64",
                BASE64_STANDARD.encode(data),
            )])),
        };
        encoded.expect("texts serialise")
    }
}

/// The data of an event, without a copy of it.
fn data(event: &Event) -> Bytes {
    let data = event.data().unwrap_or_default();
    // The clone shares the bytes that the data is a part of.
    Bytes::from_owner(EventBytes(event.clone())).slice_ref(data)
}

/// The session that published an event, as the node has noted it there.
fn publisher(event: &Event) -> Option<ClientInfo> {
    let mut info = ClientInfo::default();
    for (name, value) in event.extensions() {
        match name {
            "client" => info.client = value.text().into_owned(),
            "user" => info.user = value.text().into_owned(),
            _ => {}
        }
    }
    (!info.client.is_empty()).then_some(info)
}

/// The tags that the publisher of an event gave, if they stand in it.
fn given_tags(event: &Event) -> BTreeMap<String, String> {
    let mut extensions = event.extensions();
    let given = extensions.find(|(name, _)| *name == TAGS);
    let given = given.and_then(|(_, value)| serde_json::from_str(&value.text()).ok());
    given.unwrap_or_default()
}

/// What the publication is selected by: what its publisher gave, and of these attributes of
/// the event those that it has and that were not given.
fn all_tags(
    event: &Event,
    tags: BTreeMap<String, String>,
    tagged: &[String],
) -> BTreeMap<String, String> {
    let mut all = tags;
    for name in tagged {
        if !all.contains_key(name)
            && let Some(value) = attribute(event, name)
        {
            all.insert(name.clone(), value.into_owned());
        }
    }
    all
}

/// An attribute of an event by its CloudEvents name.
fn attribute<'e>(event: &'e Event, name: &str) -> Option<Cow<'e, str>> {
    let found = match name {
        "type" => event.event_type(),
        "subject" => event.subject()?,
        "source" => event.source(),
        "id" => event.id(),
        "origin" => event.origin(),
        "time" => event.producer_time()?,
        "datacontenttype" => event.datacontenttype(),
        _ => {
            let mut extensions = event.extensions();
            let (_, value) = extensions.find(|(known, _)| *known == name)?;
            return Some(Cow::Owned(value.text().into_owned()));
        }
    };
    Some(Cow::Borrowed(found))
}

/// Bytes that what is shown of a session takes, about.
pub(super) fn bytes_of_info(info: &ClientInfo) -> usize {
    let shown = [&info.conn_info, &info.chan_info].into_iter().flatten();
    info.user.len() + info.client.len() + shown.map(Bytes::len).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, EventType, ExtensionValue, Stamp};

    fn publication(media: Option<&str>, data: Option<&[u8]>) -> StoredPublication {
        let draft = Draft {
            subject: Some("s".into()),
            datacontenttype: media.map(Into::into),
            data: data.map(Into::into),
            extensions: vec![
                ("region".into(), ExtensionValue::String("eu".into())),
                ("other".into(), ExtensionValue::Boolean(true)),
            ],
            ..Draft::new(EventType::custom("a").unwrap())
        };
        let event = draft.stamp(&Stamp {
            id: ["i", ""],
            source: "/s",
            time: 1,
            origin: "a",
            sequence: None,
        });
        let tags = BTreeMap::from([("subject".to_owned(), "own".to_owned())]);
        let tagged = ["type", "subject", "region", "none"].map(str::to_owned);
        StoredPublication::new(event, 7, None, tags, &tagged)
    }

    fn both(media: Option<&str>, data: Option<&[u8]>) -> [String; 2] {
        let publication = publication(media, data);
        [Encoding::Json, Encoding::Protobuf].map(|encoding| {
            let data = &publication.of(encoding).data;
            String::from_utf8_lossy(data).into_owned()
        })
    }

    #[test]
    fn data_is_what_a_session_s_encoding_can_carry() {
        let json: &[u8] = br#"{"a": 1}"#;
        assert_eq!(both(None, Some(json)), [r#"{"a": 1}"#; 2]);
        assert_eq!(
            both(Some("text/plain"), Some(b"h\"i")),
            [r#""h\"i""#, "h\"i"]
        );
        assert_eq!(
            both(Some("image/png"), Some(b"\x01\x02")),
            [r#"{"data_base64":"AQI="}"#, "\u{1}\u{2}"]
        );
        assert_eq!(both(None, None), ["null", ""]);
    }

    #[test]
    fn what_is_no_json_is_not_handed_on_as_such() {
        assert_eq!(both(None, Some(b"{\"a\"")), [r#""{\"a\"""#, "{\"a\""]);
        assert_eq!(
            both(None, Some(b"\"\xff\""))[0],
            r#"{"data_base64":"Iv8i"}"#
        );
    }

    #[test]
    fn tags_are_type_subject_and_what_the_namespace_names() {
        let publication = publication(None, None);
        let tags = &publication.of(Encoding::Json).tags;
        let tags: Vec<_> = tags.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(
            tags,
            [("region", "eu"), ("subject", "own"), ("type", "custom.a")]
        );
        assert_eq!(publication.tag("type"), Some("custom.a"));
        assert_eq!(publication.of(Encoding::Protobuf).offset, 7);
    }
}
