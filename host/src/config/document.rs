//! Reading TOML so that every error knows its line and column: a table gives
//! out the keys that its reader knows, and what is left over is an error.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, NOT_SHOWN, WrongValue, is_secret};
use super::form::{Form, Kind};
use super::place::{Place, Placed};

/// Where a document came from.
#[derive(Clone, Copy)]
struct Source<'d> {
    path: &'d Path,
    text: &'d str,
}

/// One table of a document, less what has been taken out of it.
pub(super) struct Section<'d> {
    source: Source<'d>,
    /// The table's name and a dot; empty for the top level.
    prefix: String,
    table: DeTable<'d>,
    /// The names that were asked for, which are all that there are.
    known: Vec<String>,
}

/// A table that is named by whoever wrote it.
pub(super) struct NamedSection<'d> {
    pub(super) name: String,
    /// Where the name stands.
    pub(super) place: Place,
    pub(super) section: Section<'d>,
}

/// A value and its place.
pub(super) struct Entry<'d> {
    source: Source<'d>,
    key: String,
    value: Spanned<DeValue<'d>>,
}

impl<'d> Section<'d> {
    /// The top level of `text`, the content of `path`.
    pub(super) fn parse(path: &'d Path, text: &'d str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            ConfigError::Syntax {
                place: Place::in_file(path, text, offset),
                message: error.message().to_owned(),
            }
        })?;
        Ok(Self {
            source: Source { path, text },
            prefix: String::new(),
            table: table.into_inner(),
            known: Vec::new(),
        })
    }

    /// Takes the value of `key` out.
    pub(super) fn entry(&mut self, key: &str) -> Option<Entry<'d>> {
        self.known.push(format!("{}{key}", self.prefix));
        let value = self.table.remove(key)?;
        Some(Entry {
            source: self.source,
            key: format!("{}{key}", self.prefix),
            value,
        })
    }

    /// Takes the value of `key` out, with its place.
    pub(super) fn placed<T>(
        &mut self,
        key: &str,
        form: &Form<T>,
    ) -> Result<Option<Placed<T>>, ConfigError> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        Ok(Some(Placed {
            value: entry.read(form)?,
            place: entry.place(),
        }))
    }

    /// Takes the value of `key` out.
    pub(super) fn value<T>(&mut self, key: &str, form: &Form<T>) -> Result<Option<T>, ConfigError> {
        self.entry(key).map(|entry| entry.read(form)).transpose()
    }

    /// Takes a list of values out, each with its place.
    pub(super) fn placed_list<T>(
        &mut self,
        key: &str,
        form: &Form<T>,
    ) -> Result<Option<Vec<Placed<T>>>, ConfigError> {
        self.entry(key)
            .map(|entry| entry.placed_list(form))
            .transpose()
    }

    /// Takes a list of values out.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        form: &Form<T>,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        self.entry(key).map(|entry| entry.list(form)).transpose()
    }

    /// Takes a table out; a missing one is empty.
    pub(super) fn section(&mut self, key: &str) -> Result<Section<'d>, ConfigError> {
        let table = match self.entry(key) {
            None => DeTable::new(),
            Some(entry) if !entry.value.get_ref().is_table() => {
                // In the place of a table of `[secrets]`, a secret may stand.
                let problem = wrong_type(entry.value.get_ref());
                return Err(entry.wrong_hidden(
                    &entry.value,
                    problem,
                    "a table of keys and values",
                ));
            }
            Some(entry) => match entry.value.into_inner() {
                DeValue::Table(table) => table,
                _ => DeTable::new(),
            },
        };
        Ok(Section {
            source: self.source,
            prefix: format!("{}{key}.", self.prefix),
            table,
            known: Vec::new(),
        })
    }

    /// Takes a table out, if it is there.
    pub(super) fn section_if_there(
        &mut self,
        key: &str,
    ) -> Result<Option<Section<'d>>, ConfigError> {
        let is_there = self.table.contains_key(key);
        let section = self.section(key)?;
        Ok(is_there.then_some(section))
    }

    /// Takes a table out in which there are only tables, whatever their names.
    pub(super) fn named_sections(
        &mut self,
        key: &str,
    ) -> Result<Vec<NamedSection<'d>>, ConfigError> {
        let Section {
            source,
            prefix,
            table,
            ..
        } = self.section(key)?;
        let named = table.into_iter().map(|(name, value)| {
            let place = Place::in_file(source.path, source.text, name.span().start);
            let name = name.into_inner().into_owned();
            let only = DeTable::from_iter([(Spanned::new(0..0, name.clone().into()), value)]);
            let mut outer = Section {
                source,
                prefix: prefix.clone(),
                table: only,
                known: Vec::new(),
            };
            Ok(NamedSection {
                section: outer.section(&name)?,
                name,
                place,
            })
        });
        named.collect()
    }

    /// Takes out of the table all that are tables themselves, whatever their names.
    pub(super) fn inner_sections(&mut self) -> Result<Vec<NamedSection<'d>>, ConfigError> {
        let names = self.table.iter();
        let names: Vec<_> = names
            .filter(|(_, value)| value.get_ref().is_table())
            .map(|(name, _)| {
                let Source { path, text } = self.source;
                let place = Place::in_file(path, text, name.span().start);
                (name.get_ref().clone().into_owned(), place)
            })
            .collect();
        let known = self.known.len();
        let sections = names.into_iter().map(|(name, place)| {
            let section = self.section(&name)?;
            Ok(NamedSection {
                name,
                place,
                section,
            })
        });
        let sections: Result<Vec<_>, ConfigError> = sections.collect();
        // Their names are the user's own, and no hint to anybody.
        self.known.truncate(known);
        sections
    }

    /// All values that are left, whatever their keys, each of the form and its key with
    /// its place; for tables whose keys are the user's own.
    pub(super) fn named_values<T>(
        self,
        form: &Form<T>,
    ) -> Result<Vec<(Placed<String>, T)>, ConfigError> {
        let Self {
            source,
            prefix,
            table,
            ..
        } = self;
        let values = table.into_iter().map(|(name, value)| {
            let place = Place::in_file(source.path, source.text, name.span().start);
            let name = name.into_inner().into_owned();
            let entry = Entry {
                source,
                key: format!("{prefix}{name}"),
                value,
            };
            let value = entry.read(form)?;
            Ok((Placed { value: name, place }, value))
        });
        values.collect()
    }

    /// All that is left, whatever the keys; for tables whose keys are the user's own.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (String, DeValue<'d>)> {
        self.table
            .into_iter()
            .map(|(key, value)| (key.into_inner().into_owned(), value.into_inner()))
    }

    /// Ends the reading: what was not taken out is not known.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let unknown = self.table.iter().min_by_key(|(key, _)| key.span().start);
        match unknown {
            None => Ok(()),
            Some((key, _)) => Err(ConfigError::UnknownKey {
                place: Place::in_file(self.source.path, self.source.text, key.span().start),
                key: format!("{}{}", self.prefix, key.get_ref()),
                known: self.known,
            }),
        }
    }
}

impl<'d> Entry<'d> {
    /// Where the value stands.
    fn place(&self) -> Place {
        self.place_of(&self.value)
    }

    /// The value, of the form.
    fn read<T>(&self, form: &Form<T>) -> Result<T, ConfigError> {
        self.read_one(&self.value, form)
    }

    /// The values of a list, each of the form.
    pub(super) fn list<T>(&self, form: &Form<T>) -> Result<Vec<T>, ConfigError> {
        let values = self.placed_list(form)?;
        Ok(values.into_iter().map(|value| value.value).collect())
    }

    /// The values of a list, each of the form and with its place.
    pub(super) fn placed_list<T>(&self, form: &Form<T>) -> Result<Vec<Placed<T>>, ConfigError> {
        let Some(values) = self.value.get_ref().as_array() else {
            let expected = "a list in brackets, e.g. [\"…\"]";
            return Err(match form.hidden {
                true => self.wrong_hidden(&self.value, wrong_type(self.value.get_ref()), expected),
                false => self.wrong_type(expected),
            });
        };
        values
            .iter()
            .map(|value| {
                Ok(Placed {
                    value: self.read_one(value, form)?,
                    place: self.place_of(value),
                })
            })
            .collect()
    }

    fn place_of(&self, value: &Spanned<DeValue<'d>>) -> Place {
        Place::in_file(self.source.path, self.source.text, value.span().start)
    }

    fn read_one<T>(
        &self,
        spanned: &Spanned<DeValue<'d>>,
        form: &Form<T>,
    ) -> Result<T, ConfigError> {
        let told = |problem| match form.hidden {
            true => self.wrong_hidden(spanned, problem, form.expected),
            false => self.wrong(spanned, problem, form.expected),
        };
        let text = match (form.kind, spanned.get_ref()) {
            (Kind::String | Kind::StringOrInteger, DeValue::String(text)) => {
                text.clone().into_owned()
            }
            (Kind::Boolean, DeValue::Boolean(value)) => value.to_string(),
            (Kind::Integer | Kind::StringOrInteger, DeValue::Integer(value)) => {
                i128::from_str_radix(value.as_str(), value.radix())
                    .map_or_else(|_| value.to_string(), |number| number.to_string())
            }
            (_, other) => return Err(told(wrong_type(other))),
        };
        (form.parse)(&text).map_err(told)
    }

    /// The error for a value of the wrong type.
    pub(super) fn wrong_type(&self, expected: &'static str) -> ConfigError {
        self.wrong(&self.value, wrong_type(self.value.get_ref()), expected)
    }

    /// The error for a value that `problem` describes.
    pub(super) fn wrong_value(&self, problem: String, expected: &'static str) -> ConfigError {
        self.wrong(&self.value, problem, expected)
    }

    fn wrong(
        &self,
        spanned: &Spanned<DeValue<'d>>,
        problem: String,
        expected: &'static str,
    ) -> ConfigError {
        /// Longest value in characters that an error repeats.
        const SHOWN: usize = 60;
        let written = self.source.text.get(spanned.span()).unwrap_or_default();
        if is_secret(written) {
            return self.wrong_hidden(spanned, problem, expected);
        }
        let mut found: String = written.chars().take(SHOWN).collect();
        if found.len() < written.len() {
            found.push('…');
        }
        self.wrong_as(spanned, found.replace('\n', " "), problem, expected)
    }

    /// The same without the value.
    fn wrong_hidden(
        &self,
        spanned: &Spanned<DeValue<'d>>,
        problem: String,
        expected: &'static str,
    ) -> ConfigError {
        self.wrong_as(spanned, NOT_SHOWN.to_owned(), problem, expected)
    }

    fn wrong_as(
        &self,
        spanned: &Spanned<DeValue<'d>>,
        found: String,
        problem: String,
        expected: &'static str,
    ) -> ConfigError {
        ConfigError::from(Box::new(WrongValue {
            place: self.place_of(spanned),
            key: self.key.clone(),
            found,
            problem,
            expected,
        }))
    }
}

fn wrong_type(value: &DeValue<'_>) -> String {
    format!("it is of type {}", value.type_str())
}
