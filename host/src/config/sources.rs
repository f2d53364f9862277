//! All sources of a node's settings together: what stands in a flag wins over its
//! variable, which wins over the file.

use super::document::{NamedSection, Section};
use super::environment::Environment;
use super::error::ConfigError;
use super::file::{ConfigFile, Tables};
use super::flags::NodeFlags;
use super::form::Form;
use super::place::{Place, Placed, Places};
use super::setting::Setting;

/// What has not been read of each source, and where what was read stood. The default has
/// nothing.
#[derive(Default)]
pub(super) struct Sources<'s> {
    file: Option<Tables<'s>>,
    environment: Environment,
    flags: NodeFlags,
    places: Places,
    between_values: Option<ConfigError>,
}

impl<'s> Sources<'s> {
    /// Begins to read `flags`, `environment` and `file`.
    pub(super) fn new(
        flags: &NodeFlags,
        environment: Environment,
        file: Option<&'s ConfigFile>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            file: file.map(ConfigFile::tables).transpose()?,
            environment,
            flags: flags.clone(),
            places: Places::default(),
            between_values: None,
        })
    }

    /// A setting with a default that is a value.
    pub(super) fn value<T>(
        &mut self,
        setting: &'static Setting,
        form: &Form<T>,
    ) -> Result<T, ConfigError> {
        match self.optional(setting, form)? {
            Some(value) => Ok(value),
            None => (form.parse)(setting.default).map_err(|problem| {
                ConfigError::wrong(Place::Default, setting, setting.default, problem)
            }),
        }
    }

    /// A setting with a default that is found out.
    pub(super) fn computed<T>(
        &mut self,
        setting: &'static Setting,
        form: &Form<T>,
        default: impl FnOnce() -> T,
    ) -> Result<T, ConfigError> {
        Ok(self.optional(setting, form)?.unwrap_or_else(default))
    }

    /// A setting that need not have a value.
    pub(super) fn optional<T>(
        &mut self,
        setting: &'static Setting,
        form: &Form<T>,
    ) -> Result<Option<T>, ConfigError> {
        // All are read, so that a mistake is told also where another source wins.
        let file = match &mut self.file {
            Some(file) => file.placed(setting, form)?,
            None => None,
        };
        let variable = self.environment.placed(setting, form)?;
        let flag = self.flags.placed(setting, form)?;
        let nearest = flag.or(variable).or(file);
        Ok(nearest.map(|Placed { value, place }| {
            self.places.insert(setting, vec![place]);
            value
        }))
    }

    /// A setting of any number of values.
    pub(super) fn list<T>(
        &mut self,
        setting: &'static Setting,
        form: &Form<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let file = match &mut self.file {
            Some(file) => file.list(setting, form)?,
            None => None,
        };
        let variable = self.environment.list(setting, form)?;
        let flag = self.flags.list(setting, form)?;
        let Some(nearest) = flag.or(variable).or(file) else {
            return Ok(Vec::new());
        };
        let (values, places) = nearest
            .into_iter()
            .map(|Placed { value, place }| (value, place))
            .unzip();
        self.places.insert(setting, places);
        Ok(values)
    }

    /// All tables of the file that stand in the one of this key, whatever their names.
    pub(super) fn named(
        &mut self,
        key: &'static str,
    ) -> Result<Vec<NamedSection<'s>>, ConfigError> {
        match &mut self.file {
            Some(file) => file.named(key),
            None => Ok(Vec::new()),
        }
    }

    /// All tables of the file that stand in the one of `setting`, beside it and whatever
    /// their names.
    pub(super) fn beside(
        &mut self,
        setting: &'static Setting,
    ) -> Result<Vec<NamedSection<'s>>, ConfigError> {
        match &mut self.file {
            Some(file) => file.beside(setting),
            None => Ok(Vec::new()),
        }
    }

    /// A table that stands in the file alone and that `read` takes whole; the default
    /// without a file.
    pub(super) fn table<T: Default>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Section<'s>) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        match &mut self.file {
            Some(file) => read(file.whole(key)?),
            None => Ok(T::default()),
        }
    }

    /// Where the values stand that were read.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// Notes what is wrong between values. It is told at the end, since an unknown key may
    /// be the reason.
    pub(super) fn wrong_between_values(&mut self, error: ConfigError) {
        self.between_values.get_or_insert(error);
    }

    /// Ends the reading: what was not taken out is not known.
    pub(super) fn finish(self) -> Result<Places, ConfigError> {
        if let Some(file) = self.file {
            file.finish()?;
        }
        self.environment.finish()?;
        match self.between_values {
            Some(error) => Err(error),
            None => Ok(self.places),
        }
    }
}
