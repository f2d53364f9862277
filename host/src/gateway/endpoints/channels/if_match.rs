//! `If-Match` of requests on channels (RFC 9110, section 13.1.1): the position that the
//! channel is expected to end at.

use axum::http::{HeaderMap, header};
use hearken_channel_log::Expected;

use super::position::Position;
use super::refusal::ChannelRefusal;
use crate::channel::ExpectedEnd;

/// What `If-Match` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfMatch {
    /// Nothing: it is not there.
    Absent,
    /// `*`: any channel that is there.
    Any,
    /// The channel ends so.
    End(Position),
}

impl IfMatch {
    /// Reads the header.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, ChannelRefusal> {
        let mut values = headers.get_all(header::IF_MATCH).iter();
        let (value, more) = (values.next(), values.next());
        let Some(value) = value else {
            return Ok(Self::Absent);
        };
        let text = String::from_utf8_lossy(value.as_bytes());
        let wrong = || ChannelRefusal::IfMatch(text.clone().into_owned());
        if more.is_some() {
            return Err(wrong());
        }
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let inner = text.trim().strip_prefix('"');
        let inner = inner.and_then(|text| text.strip_suffix('"'));
        let position = inner.and_then(|inner| inner.parse().ok());
        position.map(Self::End).ok_or_else(wrong)
    }

    /// What an append expects.
    pub(super) fn expected(self) -> Expected {
        match self {
            Self::Absent | Self::Any => Expected::Any,
            Self::End(Position { epoch, number }) => Expected::Last {
                epoch,
                last: number,
            },
        }
    }

    /// What the removal of a channel expects, which has to say.
    pub(super) fn end(self) -> Result<ExpectedEnd, ChannelRefusal> {
        match self {
            Self::Absent => Err(ChannelRefusal::IfMatchMissing),
            Self::Any => Ok(ExpectedEnd {
                epoch: None,
                last: None,
            }),
            Self::End(Position { epoch, number }) => Ok(ExpectedEnd {
                epoch,
                last: Some(number),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> Option<IfMatch> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        IfMatch::read(&headers).ok()
    }

    #[test]
    fn one_strong_tag_is_taken() {
        assert_eq!(read(&[]), Some(IfMatch::Absent));
        assert_eq!(read(&["*"]), Some(IfMatch::Any));
        let end = |epoch, number| Some(IfMatch::End(Position { epoch, number }));
        assert_eq!(read(&["\"41\""]), end(None, 41));
        let epoch = "00000000000000ff".parse().ok();
        assert_eq!(read(&["\"00000000000000ff-7\""]), end(epoch, 7));
        for wrong in ["41", "W/\"41\"", "\"41\", \"42\"", "\"\"", "\"x\""] {
            assert_eq!(read(&[wrong]), None, "{wrong}");
        }
        assert_eq!(read(&["\"1\"", "\"2\""]), None);
    }
}
