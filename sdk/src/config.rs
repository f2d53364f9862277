//! The `[config]` of the plugin's manifest.

use std::fmt::Display;
use std::str::FromStr;

use crate::host;

/// Why a configuration value could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The host could not read the configuration.
    #[error("the configuration cannot be read: {0}")]
    Unavailable(String),
    /// The value is not what the plugin can use.
    #[error("the configuration value `{key}` is {value:?}, which is not usable: {reason}")]
    Invalid {
        /// Key in `[config]`.
        key: String,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The value of `key`, if the manifest has one.
///
/// # Errors
/// [`ConfigError::Unavailable`] when the host cannot read the configuration.
pub fn get(key: &str) -> Result<Option<String>, ConfigError> {
    host::config_get(key)
}

/// The value of `key` as a `T`, if the manifest has one.
///
/// ```
/// # fn handler() -> Result<(), hearken_sdk::config::ConfigError> {
/// let limit: u32 = hearken_sdk::config::parse("limit")?.unwrap_or(100);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`ConfigError::Invalid`] names the key when the value is not a `T`.
pub fn parse<T>(key: &str) -> Result<Option<T>, ConfigError>
where
    T: FromStr<Err: Display>,
{
    let Some(value) = get(key)? else {
        return Ok(None);
    };
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(reason) => Err(ConfigError::Invalid {
            key: key.to_owned(),
            reason: T::Err::to_string(&reason),
            value,
        }),
    }
}

/// All keys and values.
///
/// # Errors
/// [`ConfigError::Unavailable`] when the host cannot read the configuration.
pub fn all() -> Result<Vec<(String, String)>, ConfigError> {
    host::config_all()
}
