//! Lists that are bounded while they are read: what is beyond takes no memory.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A list of at most `MAX`.
#[derive(Debug)]
pub(super) struct Bounded<T, const MAX: usize> {
    list: Vec<T>,
    is_longer: bool,
}

/// Texts by their names, at most `MAX`.
#[derive(Clone, Debug, Default)]
pub(super) struct BoundedMap<const MAX: usize> {
    map: BTreeMap<String, String>,
    is_longer: bool,
}

impl<T, const MAX: usize> Bounded<T, MAX> {
    /// All of it.
    ///
    /// # Errors
    /// [`errors::LIMIT_EXCEEDED`] when there were more.
    pub(super) fn all(self) -> Result<Vec<T>, ClientError> {
        within(self.list, self.is_longer)
    }
}

impl<const MAX: usize> BoundedMap<MAX> {
    /// All of it.
    ///
    /// # Errors
    /// [`errors::LIMIT_EXCEEDED`] when there were more.
    pub(super) fn all(self) -> Result<BTreeMap<String, String>, ClientError> {
        within(self.map, self.is_longer)
    }
}

fn within<T>(all: T, is_longer: bool) -> Result<T, ClientError> {
    match is_longer {
        true => Err(errors::LIMIT_EXCEEDED),
        false => Ok(all),
    }
}

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            is_longer: false,
        }
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const MAX: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
            type Value = Bounded<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut read = Bounded::default();
                while read.list.len() < MAX {
                    match members.next_element()? {
                        Some(member) => read.list.push(member),
                        None => return Ok(read),
                    }
                }
                while members.next_element::<IgnoredAny>()?.is_some() {
                    read.is_longer = true;
                }
                Ok(read)
            }
        }

        deserializer.deserialize_seq(List(PhantomData))
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for BoundedMap<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts<const MAX: usize>;

        impl<'de, const MAX: usize> Visitor<'de> for Texts<MAX> {
            type Value = BoundedMap<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut read = BoundedMap::default();
                while read.map.len() < MAX {
                    match members.next_entry()? {
                        Some((name, text)) => read.map.insert(name, text),
                        None => return Ok(read),
                    };
                }
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    read.is_longer = true;
                }
                Ok(read)
            }
        }

        deserializer.deserialize_map(Texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_is_seen_and_not_kept() {
        for (json, all) in [
            ("[]", Some(vec![])),
            ("[1,2]", Some(vec![1, 2])),
            ("[1,2,{\"a\":[3]},4]", None),
        ] {
            let read: Bounded<u8, 2> = serde_json::from_str(json).unwrap();
            assert!(read.list.len() <= 2);
            assert_eq!(read.all().ok(), all, "{json}");
        }
        let read: BoundedMap<1> = serde_json::from_str(r#"{"a":"1"}"#).unwrap();
        assert_eq!(read.all().unwrap()["a"], "1");
        let read: BoundedMap<1> = serde_json::from_str(r#"{"a":"1","b":2,"c":"3"}"#).unwrap();
        assert_eq!(read.map.len(), 1);
        assert_eq!(read.all().unwrap_err(), errors::LIMIT_EXCEEDED);
    }
}
