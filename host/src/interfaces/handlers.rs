//! By which exports of a component events are handed over to it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::version::{Name, compatible};

/// By which a component is asked about sessions of clients.
pub const SESSION_HOOKS: &str = "hearken:plugin/session-hooks@0.2.0";

/// A way to hand events to a component, which it chooses by what it exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// Packed frames of events, of [`hearken_wire::LAYOUT`].
    Framed,
    /// The same by version 0.1.0 of the package: the listener shows no place where it
    /// could be told to stop.
    Framed0_1,
    /// One event a call.
    Typed,
    /// The same by version 0.1.0 of the package: an event has one time, the recorded one.
    Typed0_1,
    /// One message a call, as wasmCloud has it.
    Messaging,
}

/// Listeners of both versions of the package have frames of layout 1.
const _: () = assert!(hearken_wire::LAYOUT == 1);

impl Handler {
    /// Every way, the preferred one first.
    pub const ALL: [Self; 5] = [
        Self::Framed,
        Self::Framed0_1,
        Self::Typed,
        Self::Typed0_1,
        Self::Messaging,
    ];

    /// The exported interface, with its version.
    #[must_use]
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Framed => "hearken:plugin/framed-listener@0.2.0",
            Self::Framed0_1 => "hearken:plugin/framed-listener@0.1.0",
            Self::Typed => "hearken:plugin/listener@0.2.0",
            Self::Typed0_1 => "hearken:plugin/listener@0.1.0",
            Self::Messaging => "wasmcloud:messaging/handler@0.2.0",
        }
    }

    /// The functions that the interface must have.
    #[must_use]
    pub const fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Framed | Self::Framed0_1 | Self::Typed | Self::Typed0_1 => {
                &["describe", "handle"]
            }
            Self::Messaging => &["handle-message"],
        }
    }

    /// Whether the component itself says what it listens to; otherwise its manifest
    /// must, by `subscribe`.
    #[must_use]
    pub const fn describes_itself(self) -> bool {
        match self {
            Self::Framed | Self::Framed0_1 | Self::Typed | Self::Typed0_1 => true,
            Self::Messaging => false,
        }
    }
}

/// As the interface's name.
impl fmt::Display for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.interface())
    }
}

/// As the interface's name.
impl Serialize for Handler {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.interface())
    }
}

/// What an export such as `hearken:plugin/listener@0.2.0` means to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandlerSupport {
    /// Events are handed over by it.
    Spoken(Handler),
    /// It would be a handler, if its version were that of this one.
    OtherVersion(Handler),
    /// It has nothing to do with events.
    NotAHandler,
}

/// One export of a component, as far as handing events over is concerned.
#[derive(Clone, Debug)]
pub struct Export<'a> {
    /// The interface with its version, or the name of a function.
    pub name: &'a str,
    /// The functions of the interface.
    pub functions: Vec<&'a str>,
}

/// What of a component's exports the host calls; one of both at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called {
    /// By which events are handed over, if any are.
    pub handler: Option<Handler>,
    /// Whether it is asked what [`SESSION_HOOKS`] has.
    pub session_hooks: bool,
}

impl Called {
    /// The interface that says most of what the component is.
    #[must_use]
    pub fn interface(self) -> &'static str {
        self.handler.map_or(SESSION_HOOKS, Handler::interface)
    }
}

/// What of a component's exports the host calls.
///
/// # Errors
/// Why that is nothing, and what to do about it.
pub fn find_called(exports: &[Export<'_>]) -> Result<Called, String> {
    let session_hooks = find_session_hooks(exports)?;
    let handler = match find_handler(exports)? {
        None if !session_hooks => {
            let handlers = Handler::ALL.map(Handler::interface);
            return Err(format!(
                "it exports nothing that takes events{}: a plugin exports {}, or {SESSION_HOOKS}",
                made_for(exports),
                handlers.join(" or ")
            ));
        }
        handler => handler,
    };
    Ok(Called {
        handler,
        session_hooks,
    })
}

/// Whether there is the interface by which plugins are asked about sessions.
fn find_session_hooks(exports: &[Export<'_>]) -> Result<bool, String> {
    let spoken = Name::parse(SESSION_HOOKS);
    let is_it = |export: &&Export<'_>| {
        let name = Name::parse(export.name);
        (name.package, name.interface) == (spoken.package, spoken.interface)
    };
    let Some(export) = exports.iter().find(is_it) else {
        return Ok(false);
    };
    let version = Name::parse(export.name).version;
    match spoken.version {
        Some(spoken) if compatible(spoken, version) => Ok(true),
        _ => Err(format!(
            "it exports {}, and this host speaks {SESSION_HOOKS}: build it against that version",
            export.name
        )),
    }
}

/// The export by which events are handed over, if there is one.
fn find_handler(exports: &[Export<'_>]) -> Result<Option<Handler>, String> {
    let mut other_version = None;
    let mut spoken: Vec<(Handler, &Export<'_>)> = Vec::new();
    for export in exports {
        match handler_support(export.name) {
            HandlerSupport::Spoken(handler) => spoken.push((handler, export)),
            HandlerSupport::OtherVersion(handler) => other_version = Some((handler, export)),
            HandlerSupport::NotAHandler => {}
        }
    }
    for handler in Handler::ALL {
        let Some((_, export)) = spoken.iter().find(|(found, _)| *found == handler) else {
            continue;
        };
        let missing: Vec<_> = (handler.functions().iter().copied())
            .filter(|function| !export.functions.contains(function))
            .collect();
        return if missing.is_empty() {
            Ok(Some(handler))
        } else {
            Err(format!(
                "its {} lacks the function {}: build it against the interface's WIT",
                export.name,
                missing.join(" and ")
            ))
        };
    }
    if let Some((handler, export)) = other_version {
        return Err(format!(
            "it exports {}, and this host speaks {}: build it against that version",
            export.name, handler
        ));
    }
    Ok(None)
}

/// What a component without a handler was made for, where that is well known.
fn made_for(exports: &[Export<'_>]) -> &'static str {
    let exports_any = |prefix: &str| exports.iter().any(|export| export.name.starts_with(prefix));
    if exports_any("wasi:http/incoming-handler") || exports_any("wasi:http/handler") {
        "; it serves HTTP requests, for a host such as `wasmtime serve`, Spin or wasmCloud"
    } else if exports_any("wasi:cli/run") {
        "; it is a command, which `wasmtime run` runs"
    } else if exports_any("fermyon:spin/") || exports_any("spin:") {
        "; it is made for Spin"
    } else {
        ""
    }
}

/// What the host makes of an export.
fn handler_support(export: &str) -> HandlerSupport {
    let name = Name::parse(export);
    let mut other_version = None;
    for handler in Handler::ALL {
        let spoken = Name::parse(handler.interface());
        if (spoken.package, spoken.interface) == (name.package, name.interface) {
            match spoken.version {
                Some(version) if compatible(version, name.version) => {
                    return HandlerSupport::Spoken(handler);
                }
                // Of several the newest, which is the first.
                _ => other_version.get_or_insert(handler),
            };
        }
    }
    other_version.map_or(HandlerSupport::NotAHandler, HandlerSupport::OtherVersion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_takes_events_or_is_asked_about_sessions_or_both() {
        let export = |name: &'static str| Export {
            name,
            functions: vec!["describe", "handle"],
        };
        let listener = export("hearken:plugin/listener@0.2.0");
        let hooks = export(SESSION_HOOKS);
        let called = |exports: &[Export<'_>]| {
            let called = find_called(exports)?;
            Ok::<_, String>((called.handler, called.session_hooks))
        };
        let typed = Some(Handler::Typed);
        assert_eq!(called(std::slice::from_ref(&listener)), Ok((typed, false)));
        assert_eq!(called(std::slice::from_ref(&hooks)), Ok((None, true)));
        assert_eq!(called(&[hooks.clone(), listener]), Ok((typed, true)));
        let nothing = called(&[export("wasi:cli/run@0.2.0")]).unwrap_err();
        assert!(nothing.contains("it is a command"), "{nothing}");
        assert!(nothing.contains(SESSION_HOOKS), "{nothing}");
        let later = called(&[export("hearken:plugin/session-hooks@0.3.0")]).unwrap_err();
        assert!(
            later.contains("0.3.0") && later.contains(SESSION_HOOKS),
            "{later}"
        );
        let other = export("hearken:plugin/listener@0.3.0");
        assert!(called(&[hooks, other]).is_err(), "events would be lost");
    }

    #[test]
    fn a_handler_of_another_version_is_told_from_something_else() {
        let listener = |version: &str| {
            let name = format!("hearken:plugin/listener@{version}");
            let of_version = |handler: &Handler| handler.interface() == name;
            let mut handlers = Handler::ALL.into_iter();
            handlers.find(of_version).expect("it is spoken")
        };
        for (export, spoken) in [("0.1.7", "0.1.0"), ("0.2.0", "0.2.0"), ("0.2.3", "0.2.0")] {
            assert_eq!(
                handler_support(&format!("hearken:plugin/listener@{export}")),
                HandlerSupport::Spoken(listener(spoken))
            );
        }
        for export in ["0.3.0", "0.0.1", "1.0.0"] {
            assert_eq!(
                handler_support(&format!("hearken:plugin/listener@{export}")),
                HandlerSupport::OtherVersion(listener("0.2.0")),
                "the newest is named"
            );
        }
        assert_eq!(
            handler_support("wasi:cli/run@0.2.0"),
            HandlerSupport::NotAHandler
        );
    }
}
