//! Which interfaces this host offers to plugins, on which condition, and by which
//! it hands events over: the one list that loading and explaining plugins share.

use semver::Version;
use serde::Serialize;

/// On which condition a plugin can use an interface that the host offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "provision")]
pub enum Provision {
    /// Every plugin can.
    Always,
    /// A plugin can as far as its manifest says so; anything else is refused to it
    /// when it tries.
    ByGrant {
        /// The key of the manifest's table `[allow]`.
        key: &'static str,
        /// Stands for what that key lists.
        example: &'static str,
    },
    /// The plugin loads, and every use is refused to it.
    Refused {
        /// What is refused, as the end of a sentence.
        what: &'static str,
    },
}

impl Provision {
    /// The manifest's line that grants the interface, with a value to be replaced.
    #[must_use]
    pub fn manifest_line(&self) -> Option<String> {
        match self {
            Self::ByGrant { key, example } => Some(format!("{key} = [\"{example}\"]")),
            Self::Always | Self::Refused { .. } => None,
        }
    }
}

/// What the host has for an interface that a component asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// The interface, in a compatible version.
    Offered(Provision),
    /// The interface, but in no compatible version.
    OtherVersion {
        /// The version that the host has.
        spoken: &'static str,
    },
    /// Nothing of that name.
    Unknown {
        /// What the host has of the same package, with versions.
        same_package: Vec<String>,
    },
}

/// How a handler's functions are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
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

/// A way to hand events to a component, which it chooses by what it exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Handler {
    /// How its functions are called.
    pub convention: Convention,
    /// The exported interface, with its version.
    pub interface: &'static str,
    /// The functions that the interface must have.
    pub functions: &'static [&'static str],
    /// Whether the component itself says what it listens to; otherwise its
    /// manifest must, by `subscribe`.
    pub describes_itself: bool,
}

/// Every way to hand events over, the preferred one first.
pub const HANDLERS: &[Handler] = &[
    Handler {
        convention: Convention::Framed,
        interface: "hearken:plugin/framed-listener@0.2.0",
        functions: &["describe", "handle"],
        describes_itself: true,
    },
    Handler {
        convention: Convention::Framed0_1,
        interface: "hearken:plugin/framed-listener@0.1.0",
        functions: &["describe", "handle"],
        describes_itself: true,
    },
    Handler {
        convention: Convention::Typed,
        interface: "hearken:plugin/listener@0.2.0",
        functions: &["describe", "handle"],
        describes_itself: true,
    },
    Handler {
        convention: Convention::Typed0_1,
        interface: "hearken:plugin/listener@0.1.0",
        functions: &["describe", "handle"],
        describes_itself: true,
    },
    Handler {
        convention: Convention::Messaging,
        interface: "wasmcloud:messaging/handler@0.2.0",
        functions: &["handle-message"],
        describes_itself: false,
    },
];

/// Whether a component with this handler says itself what it listens to.
#[must_use]
pub fn describes_itself(interface: &str) -> bool {
    let handler = HANDLERS
        .iter()
        .find(|handler| handler.interface == interface);
    handler.is_some_and(|handler| handler.describes_itself)
}

/// Interfaces of one package that are offered on the same condition.
struct Offer {
    package: &'static str,
    version: &'static str,
    interfaces: &'static [&'static str],
    provision: Provision,
}

/// Version of the WASI base; every other 0.2 release is compatible with it.
const WASI: &str = "0.2.0";

const OFFERS: &[Offer] = &[
    Offer {
        package: "hearken:plugin",
        version: "0.2.0",
        interfaces: &["types", "events", "progress"],
        provision: Provision::Always,
    },
    Offer {
        package: "hearken:plugin",
        version: "0.1.0",
        interfaces: &["types", "events", "progress"],
        provision: Provision::Always,
    },
    Offer {
        package: "wasi:config",
        version: "0.2.0-rc.1",
        interfaces: &["store"],
        provision: Provision::Always,
    },
    Offer {
        package: "wasi:keyvalue",
        version: "0.2.0-draft",
        interfaces: &["store", "atomics", "batch"],
        provision: Provision::ByGrant {
            key: "keyvalue",
            example: "BUCKET",
        },
    },
    Offer {
        package: "wasi:logging",
        version: "0.1.0-draft",
        interfaces: &["logging"],
        provision: Provision::Always,
    },
    Offer {
        package: "wasmcloud:messaging",
        version: "0.2.0",
        interfaces: &["types", "consumer"],
        provision: Provision::Always,
    },
    Offer {
        package: "wasi:http",
        version: WASI,
        interfaces: &["types", "outgoing-handler"],
        provision: Provision::ByGrant {
            key: "http",
            example: "HOST",
        },
    },
    Offer {
        package: "wasi:cli",
        version: WASI,
        interfaces: &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
        provision: Provision::Always,
    },
    Offer {
        package: "wasi:io",
        version: WASI,
        interfaces: &["error", "poll", "streams"],
        provision: Provision::Always,
    },
    Offer {
        package: "wasi:clocks",
        version: WASI,
        interfaces: &["monotonic-clock", "wall-clock"],
        provision: Provision::Always,
    },
    Offer {
        package: "wasi:random",
        version: WASI,
        interfaces: &["random", "insecure", "insecure-seed"],
        provision: Provision::Always,
    },
    Offer {
        package: "wasi:filesystem",
        version: WASI,
        interfaces: &["types", "preopens"],
        provision: Provision::Refused {
            what: "there is no file that a plugin may open",
        },
    },
    Offer {
        package: "wasi:sockets",
        version: WASI,
        interfaces: &[
            "network",
            "instance-network",
            "tcp",
            "tcp-create-socket",
            "udp",
            "udp-create-socket",
            "ip-name-lookup",
        ],
        provision: Provision::Refused {
            what: "plugins have no sockets; HTTP goes through wasi:http",
        },
    },
];

/// What the host has for an import such as `wasi:http/types@0.2.3`.
#[must_use]
pub fn import_support(import: &str) -> Support {
    let name = Name::parse(import);
    let mut same_package = Vec::new();
    let mut other_version = None;
    for offer in OFFERS.iter().filter(|offer| offer.package == name.package) {
        if !offer.interfaces.contains(&name.interface) {
            same_package.extend(offer.interfaces.iter().map(|interface| {
                let Offer {
                    package, version, ..
                } = offer;
                format!("{package}/{interface}@{version}")
            }));
        } else if compatible(offer.version, name.version) {
            return Support::Offered(offer.provision);
        } else {
            // Of several the newest, which is the first.
            other_version.get_or_insert(offer.version);
        }
    }
    match other_version {
        Some(spoken) => Support::OtherVersion { spoken },
        None => Support::Unknown { same_package },
    }
}

/// What an export such as `hearken:plugin/listener@0.2.0` means to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandlerSupport {
    /// Events are handed over by it.
    Spoken(&'static Handler),
    /// It would be a handler, if its version were that of this one.
    OtherVersion(&'static Handler),
    /// It has nothing to do with events.
    NotAHandler,
}

/// What the host makes of an export.
fn handler_support(export: &str) -> HandlerSupport {
    let name = Name::parse(export);
    let mut other_version = None;
    for handler in HANDLERS {
        let spoken = Name::parse(handler.interface);
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

/// One export of a component, as far as handing events over is concerned.
#[derive(Clone, Debug)]
pub struct Export<'a> {
    /// The interface with its version, or the name of a function.
    pub name: &'a str,
    /// The functions of the interface.
    pub functions: Vec<&'a str>,
}

/// Why an import keeps a component from running here, and what to do about it.
#[must_use]
pub fn import_problem(name: &str) -> Option<String> {
    match import_support(name) {
        Support::Offered(_) => None,
        Support::OtherVersion { spoken } => Some(format!(
            "it imports {name}, and this host speaks {spoken} of that: build it against that version"
        )),
        Support::Unknown { same_package } if same_package.is_empty() => Some(format!(
            "it imports {name}, which this host does not have: build it without"
        )),
        Support::Unknown { same_package } => Some(format!(
            "it imports {name}, which this host does not have: build it without, or with {}",
            same_package.join(", ")
        )),
    }
}

/// The export by which events are handed over.
///
/// # Errors
/// Why there is none, and what to do about it.
pub fn find_handler(exports: &[Export<'_>]) -> Result<&'static Handler, String> {
    let mut other_version = None;
    let mut spoken: Vec<(&Handler, &Export<'_>)> = Vec::new();
    for export in exports {
        match handler_support(export.name) {
            HandlerSupport::Spoken(handler) => spoken.push((handler, export)),
            HandlerSupport::OtherVersion(handler) => other_version = Some((handler, export)),
            HandlerSupport::NotAHandler => {}
        }
    }
    for handler in HANDLERS {
        let Some((_, export)) = spoken.iter().find(|(found, _)| *found == handler) else {
            continue;
        };
        let missing: Vec<_> = (handler.functions.iter().copied())
            .filter(|function| !export.functions.contains(function))
            .collect();
        return if missing.is_empty() {
            Ok(handler)
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
            export.name, handler.interface
        ));
    }
    let handlers: Vec<_> = HANDLERS.iter().map(|handler| handler.interface).collect();
    Err(format!(
        "it exports nothing that takes events{}: a plugin exports {}",
        made_for(exports),
        handlers.join(" or ")
    ))
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

/// A name such as `wasi:http/types@0.2.3`; a plain name is all interface.
struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: Option<&'a str>,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Self {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (name, None),
        };
        let (package, interface) = path.split_once('/').unwrap_or(("", path));
        Self {
            package,
            interface,
            version,
        }
    }
}

/// Whether a component that asks for version `wanted` runs with version `spoken`:
/// the rule by which components are linked. Drafts are compatible with themselves only.
fn compatible(spoken: &str, wanted: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return false };
    if spoken == wanted {
        return true;
    }
    let (Ok(spoken), Ok(wanted)) = (Version::parse(spoken), Version::parse(wanted)) else {
        return false;
    };
    if !spoken.pre.is_empty() || !wanted.pre.is_empty() {
        return false;
    }
    match (spoken.major, spoken.minor) {
        (0, 0) => false,
        (0, minor) => (wanted.major, wanted.minor) == (0, minor),
        (major, _) => wanted.major == major,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_release_of_wasi_0_2_is_offered_and_no_draft_or_later_one() {
        for version in ["0.2.0", "0.2.3", "0.2.12"] {
            let import = format!("wasi:cli/stdout@{version}");
            assert_eq!(
                import_support(&import),
                Support::Offered(Provision::Always),
                "{import}"
            );
        }
        for version in ["0.3.0", "0.2.0-rc-2023-11-10", "0.1.0", "1.0.0", "x"] {
            let import = format!("wasi:cli/stdout@{version}");
            let spoken = "0.2.0";
            assert_eq!(
                import_support(&import),
                Support::OtherVersion { spoken },
                "{import}"
            );
        }
    }

    #[test]
    fn drafts_are_offered_in_exactly_their_version() {
        let offered = |import| matches!(import_support(import), Support::Offered(_));
        assert!(offered("wasi:keyvalue/store@0.2.0-draft"));
        assert!(!offered("wasi:keyvalue/store@0.2.0-draft2"));
        assert!(!offered("wasi:keyvalue/store@0.2.0"));
        assert!(!offered("wasi:keyvalue/store"));
    }

    #[test]
    fn both_versions_of_the_plugin_package_are_offered() {
        for version in ["0.1.0", "0.1.4", "0.2.0", "0.2.1"] {
            let import = format!("hearken:plugin/events@{version}");
            let offered = Support::Offered(Provision::Always);
            assert_eq!(import_support(&import), offered, "{import}");
        }
        assert_eq!(
            import_support("hearken:plugin/events@0.3.0"),
            Support::OtherVersion { spoken: "0.2.0" }
        );
    }

    #[test]
    fn what_needs_a_grant_says_which() {
        let Support::Offered(http) = import_support("wasi:http/outgoing-handler@0.2.4") else {
            panic!("outgoing HTTP is offered");
        };
        assert_eq!(http.manifest_line().unwrap(), "http = [\"HOST\"]");
    }

    #[test]
    fn an_unknown_interface_of_a_known_package_names_its_siblings() {
        assert_eq!(
            import_support("wasi:config/runtime@0.2.0-draft"),
            Support::Unknown {
                same_package: vec!["wasi:config/store@0.2.0-rc.1".to_owned()]
            }
        );
        for name in ["", "@", "/", "a:b/c@1.0.0", "function", "wasi:http"] {
            let same_package = Vec::new();
            assert_eq!(import_support(name), Support::Unknown { same_package });
        }
    }

    #[test]
    fn a_handler_of_another_version_is_told_from_something_else() {
        let listener = |version: &str| {
            let of_version = |handler: &&Handler| {
                handler.interface == format!("hearken:plugin/listener@{version}")
            };
            HANDLERS.iter().find(of_version).expect("it is spoken")
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
