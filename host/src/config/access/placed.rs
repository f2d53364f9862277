//! Values with their places, as the room of access keeps them, and errors that say where.

use crate::access::Granted;
use crate::config::error::{ConfigError, WrongValue, repeated};
use crate::config::place::{Place, Placed};

pub(super) fn granted<T>(placed: Placed<T>) -> Granted<T> {
    Granted {
        value: placed.value,
        place: placed.place.to_string(),
    }
}

pub(in crate::config) fn wrong(
    place: &Place,
    key: &str,
    found: &str,
    problem: String,
    expected: &'static str,
) -> ConfigError {
    ConfigError::from(Box::new(WrongValue {
        place: place.clone(),
        key: key.to_owned(),
        found: repeated(format!("{found:?}")),
        problem,
        expected,
    }))
}
