//! Parameters of the query, as the API reads them: what is no such thing is not there.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// Most events of one answer, and how many there are unless told.
const MAX_LIMIT: u64 = 100;

/// The largest whole number that JavaScript has without gaps.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The parameters of a request.
pub(super) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let pairs = axum::extract::Query::try_from_uri(&parts.uri);
        Ok(Self(pairs.map_or_else(|_| Vec::new(), |pairs| pairs.0)))
    }
}

impl Query {
    /// A parameter that has a text. What is given twice is a list, and no text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let value = values.next().filter(|value| !value.is_empty());
        value.filter(|_| values.next().is_none())
    }

    /// How many events are asked for.
    pub(super) fn limit(&self) -> usize {
        let limit = self.number("limit");
        let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
        limit.unwrap_or(MAX_LIMIT) as usize
    }

    /// The number behind which is asked for events, if the parameter is there: 0 if it is no
    /// number.
    pub(super) fn after(&self) -> Option<u64> {
        self.all("after").next()?;
        Some(self.number("after").unwrap_or(0))
    }

    /// A whole number, as JavaScript writes it.
    fn number(&self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = text == "0" || !text.starts_with('0');
        let number = text.parse().ok().filter(|_| digits && plain);
        number.filter(|number| *number <= MAX_SAFE_INTEGER)
    }

    fn all<'q>(&'q self, name: &str) -> impl Iterator<Item = &'q str> {
        let pairs = self.0.iter().filter(move |(known, _)| known == name);
        pairs.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn query(text: &str) -> Query {
        let request = Request::get(format!("/?{text}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        let Ok(query) = Query::from_request_parts(&mut parts, &()).await;
        query
    }

    #[tokio::test]
    async fn limits_are_whole_numbers_up_to_100_and_anything_else_is_100() {
        for (text, limit) in [("1", 1), ("7", 7), ("100", 100)] {
            assert_eq!(query(&format!("limit={text}")).await.limit(), limit);
        }
        for text in ["", "0", "101", "-1", "+1", "07", "1.0", "1e1", "x", "7%20"] {
            let limit = query(&format!("limit={text}")).await.limit();
            assert_eq!(limit, 100, "{text}");
        }
        assert_eq!(query("").await.limit(), 100);
        assert_eq!(query("limit=1&limit=2").await.limit(), 100);
    }

    #[tokio::test]
    async fn after_is_there_also_when_it_is_no_number() {
        assert_eq!(query("").await.after(), None);
        for (text, after) in [
            ("7", 7),
            ("0", 0),
            ("9007199254740991", (1 << 53) - 1),
            ("9007199254740992", 0),
            ("99999999999999999999999", 0),
            ("-1", 0),
            ("", 0),
            ("07", 0),
            ("x", 0),
        ] {
            let given = query(&format!("after={text}")).await.after();
            assert_eq!(given, Some(after), "{text}");
        }
        assert_eq!(query("after=1&after=2").await.after(), Some(0));
    }

    #[tokio::test]
    async fn texts_are_decoded_and_not_empty() {
        let read = query("a=b%20c+d&empty=&two=1&two=2&none").await;
        assert_eq!(read.text("a"), Some("b c d"));
        for name in ["empty", "two", "none", "other"] {
            assert_eq!(read.text(name), None, "{name}");
        }
    }
}
