//! `hearken engine`: what evaluates plugins that are texts.

mod error;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Subcommand, ValueEnum};
use tempfile::NamedTempFile;

use super::error::CliError;
use super::output::{Output, note};
use super::plugin::compile_workers;
use super::render::table;
use crate::authoring::{MadeEngine, make_python_engine};
use crate::plugin::{add_engine, engines};
use crate::script::Language;

pub(super) use error::EngineCommandError;

/// How long getting an engine may take: 30 MiB over a slow connection.
const WITHIN: Duration = Duration::from_secs(600);

/// Largest engine in bytes, as that of a component.
const MAX_BYTES: u64 = 128 << 20;

/// Look after the engines that evaluate texts
#[derive(Debug, Subcommand)]
pub(super) enum Engine {
    /// List the engines, with what each is made of
    List {
        /// Data folder of the node
        #[arg(long, value_name = "DIR", default_value = "data", env = "HEARKEN_DATA")]
        data: PathBuf,
    },
    /// Add the engine of a language that is not part of this program
    Add {
        /// The language
        language: Added,
        /// The engine: a file, or where to get it with HTTP; without it, it is made with Python and pip
        #[arg(long, value_name = "FILE|URL")]
        from: Option<String>,
        /// Data folder of the node
        #[arg(long, value_name = "DIR", default_value = "data", env = "HEARKEN_DATA")]
        data: PathBuf,
    },
}

/// The languages whose engine can be added.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Added {
    Python,
}

impl Engine {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self {
            Self::List { data } => list(output, &data),
            Self::Add {
                language: Added::Python,
                from,
                data,
            } => Ok(add(output, Language::Python, from, &data).await?),
        }
    }
}

fn list(mut output: Output, data: &Path) -> Result<(), CliError> {
    let engines = engines(data);
    if output.json() {
        return engines
            .iter()
            .try_for_each(|engine| output.answer(engine, String::new));
    }
    let mut rows = vec![["ENGINE", "FROM", "SIZE", "CONTENT"].map(str::to_owned)];
    rows.extend(engines.into_iter().map(|engine| {
        let from = match engine.file {
            _ if engine.built_in => "built in".to_owned(),
            Some(file) => file.display().to_string(),
            None => "not there".to_owned(),
        };
        let size = engine
            .bytes
            .map(|bytes| ByteSize(bytes).display().iec().to_string());
        [
            engine.name.to_owned(),
            from,
            size.unwrap_or_else(|| "-".to_owned()),
            engine.hash.unwrap_or_else(|| "-".to_owned()),
        ]
    }));
    output.line(&table(&rows))
}

async fn add(
    mut output: Output,
    language: Language,
    from: Option<String>,
    data: &Path,
) -> Result<(), CliError> {
    let source = Source::of(from.as_deref()).await?;
    note("compiling it, once for this node");
    let added = add_engine(language, source.file(), data, compile_workers()).await;
    let path = added.map_err(EngineCommandError::from)?;
    let path = path.display().to_string();
    let answer = serde_json::json!({ "engine": language.as_str(), "file": path });
    output.answer(&answer, || {
        format!("{path}\nplugins that wait for it start within moments; others have it with their next save")
    })
}

/// What an engine is added of.
enum Source<'f> {
    File(&'f Path),
    Got(NamedTempFile),
    Made(MadeEngine),
}

impl<'f> Source<'f> {
    async fn of(from: Option<&'f str>) -> Result<Self, EngineCommandError> {
        let Some(from) = from else {
            note("making the engine of Python with python3 and pip, which takes about a minute");
            return Ok(Self::Made(make_python_engine().await?));
        };
        let is_url = ["https://", "http://"]
            .iter()
            .any(|it| from.starts_with(it));
        if is_url {
            note(&format!("getting {from}"));
            return Ok(Self::Got(get(from).await?));
        }
        Ok(Self::File(Path::new(from)))
    }

    fn file(&self) -> &Path {
        match self {
            Self::File(file) => file,
            Self::Got(file) => file.path(),
            Self::Made(made) => made.file(),
        }
    }
}

/// Gets what is at an address into a temporary file.
async fn get(url: &str) -> Result<NamedTempFile, EngineCommandError> {
    let failed = |reason: String| EngineCommandError::Get {
        url: url.to_owned(),
        reason,
    };
    let client = super::client::plain(WITHIN).map_err(|error| failed(error.to_string()))?;
    let answer = client.get(url).send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status);
    let mut answer = answer.map_err(|error| failed(error.to_string()))?;
    let mut file = NamedTempFile::new().map_err(EngineCommandError::Temporary)?;
    let mut bytes = 0_u64;
    loop {
        let chunk = answer.chunk().await;
        let Some(chunk) = chunk.map_err(|error| failed(error.to_string()))? else {
            return Ok(file);
        };
        bytes = bytes.saturating_add(chunk.len() as u64);
        if bytes > MAX_BYTES {
            return Err(failed(format!("it has more than {MAX_BYTES} bytes")));
        }
        let written = file.write_all(&chunk);
        written.map_err(EngineCommandError::Temporary)?;
    }
}
