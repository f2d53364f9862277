//! The node's configuration file, `hearken.toml`.

use std::io;
use std::path::{Path, PathBuf};

use super::document::Section;
use super::error::ConfigError;
use super::form::Form;
use super::layer::{Layer, Placed, Source};

/// Name of the file that is read when none is named.
const DEFAULT_FILE: &str = "hearken.toml";

/// A configuration file that exists.
pub(super) struct ConfigFile {
    path: PathBuf,
    text: String,
}

/// The tables of the file.
struct Tables<'d> {
    top: Section<'d>,
    limits: Section<'d>,
    compile: Section<'d>,
    log: Section<'d>,
    http: Section<'d>,
    cluster: Section<'d>,
    tls: Section<'d>,
}

impl ConfigFile {
    /// Reads the file `named`, which must exist, or else `hearken.toml` in
    /// `directory`, which need not.
    pub(super) fn find(
        named: Option<PathBuf>,
        directory: &Path,
    ) -> Result<Option<Self>, ConfigError> {
        let optional = named.is_none();
        let path = named.unwrap_or_else(|| directory.join(DEFAULT_FILE));
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Self { path, text })),
            Err(error) if optional && error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ConfigError::Read { path, source }),
        }
    }

    /// What the file says.
    pub(super) fn layer(&self) -> Result<Layer, ConfigError> {
        let mut top = Section::parse(&self.path, &self.text)?;
        let mut cluster = top.section("cluster")?;
        let mut tables = Tables {
            limits: top.section("limits")?,
            compile: top.section("compile")?,
            log: top.section("log")?,
            http: top.section("http")?,
            tls: cluster.section("tls")?,
            cluster,
            top,
        };
        let layer = Layer::read(&mut tables)?;
        tables.limits.finish()?;
        tables.compile.finish()?;
        tables.log.finish()?;
        tables.http.finish()?;
        tables.tls.finish()?;
        tables.cluster.finish()?;
        tables.top.finish()?;
        Ok(layer)
    }
}

impl<'d> Tables<'d> {
    /// The table of a key, and the key within it.
    fn table(&mut self, key: &'static str) -> (&mut Section<'d>, &'static str) {
        match key.rsplit_once('.') {
            Some(("limits", key)) => (&mut self.limits, key),
            Some(("compile", key)) => (&mut self.compile, key),
            Some(("log", key)) => (&mut self.log, key),
            Some(("http", key)) => (&mut self.http, key),
            Some(("cluster", key)) => (&mut self.cluster, key),
            Some(("cluster.tls", key)) => (&mut self.tls, key),
            _ => (&mut self.top, key),
        }
    }
}

impl Source for Tables<'_> {
    fn placed<T>(
        &mut self,
        key: &'static str,
        form: &Form<T>,
    ) -> Result<Option<Placed<T>>, ConfigError> {
        let (table, key) = self.table(key);
        table.placed(key, form)
    }

    fn list<T>(
        &mut self,
        key: &'static str,
        form: &Form<T>,
    ) -> Result<Option<Vec<Placed<T>>>, ConfigError> {
        let (table, key) = self.table(key);
        table.placed_list(key, form)
    }
}
