//! The report as a person reads it on a terminal.

use std::fmt::{self, Display, Formatter, Write};
use std::path::Path;

use bytesize::ByteSize;

use super::{Availability, CheckReport, ExportReport, FileKind, ImportReport};
use crate::admin::DeliveryStatus;
use crate::interfaces::SESSION_HOOKS;
use crate::script::Language;

impl Display for CheckReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { file, bytes, .. } = self;
        writeln!(
            f,
            "{file}: {}, {}",
            self.what(),
            ByteSize(*bytes).display().iec()
        )?;
        if let Some(engine) = &self.engine {
            let whose = match engine.built_in {
                true => "built in",
                false => "added",
            };
            let hash = engine.hash.get(..12).unwrap_or(&engine.hash);
            writeln!(f, "engine {}, {whose}, {hash}", engine.name)?;
        }
        list(f, "imports", &self.imports)?;
        list(f, "exports", &self.exports)?;
        let listeners = self.listeners.as_ref();
        if let Some(listeners) = listeners.filter(|_| self.handler.is_some()) {
            writeln!(f, "listens to")?;
            for listener in listeners {
                let name = Told(&listener.name);
                write!(f, "  {} ({name})", listener.pattern)?;
                if let Some(subject) = &listener.subject {
                    write!(f, ", subject {}", Told(subject))?;
                }
                if let Some(channel) = &listener.channel {
                    let how = match listener.delivery {
                        DeliveryStatus::Live => "channel",
                        DeliveryStatus::Channel => "consumes the channel",
                    };
                    write!(f, ", {how} {}", Told(channel))?;
                }
                writeln!(
                    f,
                    "{}",
                    if listener.local_only {
                        ", this node only"
                    } else {
                        ""
                    }
                )?;
            }
        }
        if let Some(rights) = &self.rights {
            let lines = rights.lines();
            let lines: Vec<String> =
                (lines.iter().map(|(right, what)| format!("{right} {what}"))).collect();
            list(f, "may", &lines)?;
            list(f, "asks for and may not", &rights.withheld)?;
        }
        for problem in &self.problems {
            let mut lines = problem.lines().map(Told);
            writeln!(f, "problem: {}", lines.next().unwrap_or(Told("")))?;
            lines.try_for_each(|line| writeln!(f, "    {line}"))?;
        }
        if !self.runnable || !self.session_hooks && self.handler.is_none() {
            return write!(f, "this host cannot run it");
        }
        write!(f, "this host can run it")?;
        if let Some(line) = self.missing_manifest_line {
            let manifest = Path::new(file).with_extension("toml");
            let manifest = manifest.display();
            write!(f, " once {manifest} says what it listens to, e.g. {line}")?;
        }
        if let Some(handler) = self.handler {
            write!(f, "; events are handed over by {handler}")?;
        }
        match self.session_hooks {
            true => write!(f, "; sessions ask it by {SESSION_HOOKS}"),
            false => Ok(()),
        }
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, title: &str, items: &[T]) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}")?;
    let mut items = items.iter().map(ToString::to_string);
    items.try_for_each(|item| writeln!(f, "  {}", Told(&item)))
}

/// A text that a component or its manifest has chosen, on one line: it neither commands the
/// terminal of whoever reads what the component may do, nor looks like a line about that.
struct Told<'a>(&'a str);

impl Display for Told<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}

impl CheckReport {
    fn what(&self) -> String {
        match self.language {
            Language::Component => self.kind.to_string(),
            language if self.kind == FileKind::Text => language.title().to_owned(),
            language => format!("{} in {}", language.title(), self.kind),
        }
    }
}

impl Display for FileKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Component => "a WebAssembly component",
            Self::Text => "a text",
            Self::CoreModule { .. } => "a core WebAssembly module",
            Self::OtherEncoding { .. } => "WebAssembly of another binary version",
            Self::Damaged { .. } => "an unsound WebAssembly component",
            Self::NotExamined { .. } => "a WebAssembly file that cannot be looked into",
            Self::TooLarge { .. } => "too large a WebAssembly file",
            Self::NotWasm { looks_like } => looks_like,
        })
    }
}

impl Display for ImportReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match &self.availability {
            Availability::Provided => write!(f, "provided"),
            Availability::ByGrant { manifest_line } => {
                write!(
                    f,
                    "provided as granted in the manifest: [allow] {manifest_line}"
                )
            }
            Availability::BySecret => write!(
                f,
                "provided as named in the manifest: [secrets] NAME = {{ file = \"FILE\" }}"
            ),
            Availability::RefusedWhenUsed { reason } => write!(f, "refused when used: {reason}"),
            Availability::OtherVersion { spoken } => write!(f, "this host speaks {spoken}"),
            Availability::Unknown { .. } => write!(f, "unknown to this host"),
        }
    }
}

impl Display for ExportReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if !self.functions.is_empty() {
            write!(f, ": {}", self.functions.join(", "))?;
        }
        Ok(())
    }
}
