//! What plugins may import, and on which condition.

use serde::Serialize;

use super::version::{Name, compatible};

/// On which condition a plugin can use an interface that the host offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "provision")]
pub enum Provision {
    /// Every plugin can.
    Always,
    /// A plugin can as far as its manifest says so; anything else is refused to it
    /// when it tries.
    ByGrant {
        /// The keys of the manifest's table `[allow]`, each for some of its functions.
        keys: &'static [&'static str],
        /// Stands for what each key lists.
        example: &'static str,
    },
    /// A plugin gets those that its manifest names in `[secrets]`, and an error for others.
    BySecret,
    /// The plugin loads, and every use is refused to it.
    Refused {
        /// What is refused, as the end of a sentence.
        what: &'static str,
    },
}

impl Provision {
    /// What in the manifest grants the interface, with values to be replaced.
    #[must_use]
    pub fn manifest_line(&self) -> Option<String> {
        match self {
            Self::ByGrant { keys, example } => {
                let lines = keys.iter().map(|key| format!("{key} = [\"{example}\"]"));
                Some(lines.collect::<Vec<_>>().join(", "))
            }
            Self::Always | Self::BySecret | Self::Refused { .. } => None,
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
        interfaces: &["types", "events", "waiting", "progress", "session-types"],
        provision: Provision::Always,
    },
    Offer {
        package: "hearken:plugin",
        version: "0.2.0",
        interfaces: &["sessions"],
        provision: Provision::ByGrant {
            keys: &["sessions"],
            example: "NAMESPACE",
        },
    },
    Offer {
        package: "hearken:plugin",
        version: "0.2.0",
        interfaces: &["channels"],
        provision: Provision::ByGrant {
            keys: &["append", "read"],
            example: "CHANNEL",
        },
    },
    Offer {
        package: "hearken:plugin",
        version: "0.1.0",
        interfaces: &["types", "events", "progress"],
        provision: Provision::Always,
    },
    Offer {
        package: "hearken:engine",
        version: "0.1.0",
        interfaces: &["deadline", "frames", "script"],
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
            keys: &["keyvalue"],
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
        package: "wasmcloud:secrets",
        version: "0.1.0-draft",
        interfaces: &["store", "reveal"],
        provision: Provision::BySecret,
    },
    Offer {
        package: "wasi:http",
        version: WASI,
        interfaces: &["types", "outgoing-handler"],
        provision: Provision::ByGrant {
            keys: &["http"],
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
        let Support::Offered(channels) = import_support("hearken:plugin/channels@0.2.0") else {
            panic!("channels are offered");
        };
        let line = channels.manifest_line().unwrap();
        assert_eq!(line, "append = [\"CHANNEL\"], read = [\"CHANNEL\"]");
        let Support::Offered(sessions) = import_support("hearken:plugin/sessions@0.2.0") else {
            panic!("sessions are offered");
        };
        let line = sessions.manifest_line().unwrap();
        assert_eq!(line, "sessions = [\"NAMESPACE\"]");
        assert_eq!(
            import_support("hearken:plugin/channels@0.1.0"),
            Support::OtherVersion { spoken: "0.2.0" }
        );
    }

    #[test]
    fn secrets_are_offered() {
        for interface in ["store", "reveal"] {
            let import = format!("wasmcloud:secrets/{interface}@0.1.0-draft");
            assert_eq!(
                import_support(&import),
                Support::Offered(Provision::BySecret)
            );
        }
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
}
