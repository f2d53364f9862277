//! What can be wrong with a configuration, and where.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytesize::ByteSize;

use super::place::Place;
use super::setting::Setting;
use crate::access::KEY_PREFIX;
use crate::nearest::nearest;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{place}: not valid TOML: {message}")]
    Syntax {
        /// Where the first mistake is.
        place: Place,
        /// What the parser said.
        message: String,
    },
    /// A key or a variable that does not exist.
    #[error("{}", unknown(place, key, known))]
    UnknownKey {
        /// Where it stands.
        place: Place,
        /// The key with its table, e.g. `limits.memroy`, or the variable.
        key: String,
        /// What could stand there instead.
        known: Vec<String>,
    },
    /// A value of the wrong type, with the wrong unit or out of its range.
    #[error(transparent)]
    WrongValue(#[from] Box<WrongValue>),
    /// Anybody who reaches the machine could publish events and command plugins.
    #[error(
        "{place}: `listen` is {listen}, which other machines can reach, and this node asks nobody \
         who they are; make a key with `hearken access key NAME` and put it into `[access.keys.NAME]`, \
         listen on 127.0.0.1, or allow it with `--allow-unauthenticated` \
         (`allow_unauthenticated = true`, HEARKEN_ALLOW_UNAUTHENTICATED=true)"
    )]
    Exposed {
        /// Where the address was given.
        place: Place,
        /// The address.
        listen: SocketAddr,
    },
    /// Anybody on the way could read and change what clients send.
    #[error(
        "{place}: `listen` is {listen}, which other machines can reach, and without TLS anybody on \
         the way can read and change what they send; make a certificate with `hearken access \
         certificate HOST` and name it with --http-cert and --http-key (`[http.tls]`); or, in a \
         network that you trust or behind a proxy that encrypts, allow it with \
         `--http-allow-plaintext` (`http.allow_plaintext = true`, HEARKEN_HTTP_ALLOW_PLAINTEXT=true)"
    )]
    Unencrypted {
        /// Where the address was given.
        place: Place,
        /// The address.
        listen: SocketAddr,
    },
    /// Some of the files for HTTP's TLS are named, and some are not.
    #[error(
        "{place}: TLS on HTTP takes a certificate and its key: name {} as well",
        missing.join(" and ")
    )]
    HttpTlsIncomplete {
        /// Where the first of those that are named stands.
        place: Place,
        /// The others, by key, flag and variable.
        missing: Vec<String>,
    },
    /// The secret of the API of ganomede-events stands in two places.
    #[error(
        "{place}: `ganomede.secret_file` and `ganomede.secret` exclude each other; take one of \
         them out"
    )]
    GanomedeSecrets {
        /// Where the file is named.
        place: Place,
    },
    /// Other machines would be talked to without TLS.
    #[error(
        "{place}: `{key}` is {address}, which is not on this machine alone, and without TLS anybody \
         on the way can read and forge events; make certificates with `hearken cluster ca` and \
         `hearken cluster cert`, and name them with --cluster-ca, --cluster-cert and --cluster-key; \
         or, in a network that you trust, allow it with `--cluster-allow-plaintext` \
         (`cluster.allow_plaintext = true`, HEARKEN_CLUSTER_ALLOW_PLAINTEXT=true)"
    )]
    Plaintext {
        /// Where the address was given.
        place: Place,
        /// The key with its table.
        key: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// Some of the files for TLS are named, and some are not.
    #[error(
        "{place}: TLS between nodes takes three files or none: name {} as well",
        missing.join(" and ")
    )]
    TlsIncomplete {
        /// Where the first of those that are named stands.
        place: Place,
        /// The others, by key, flag and variable.
        missing: Vec<String>,
    },
    /// Several nodes may read the table, and a channel lies on one.
    #[error(
        "{place}: the channel `{channel}` is declared on a node of a cluster, and has to say which \
         node it lies on: add `node = \"{node}\"` to its table, or the name of another node"
    )]
    ChannelWithoutNode {
        /// Where it is declared.
        place: String,
        /// Its name.
        channel: String,
        /// The node that reads it.
        node: String,
    },
    /// A name would be that of a channel of its own and that of a session channel.
    #[error(
        "{place}: the channel `{channel}` is declared, and `[sessions.namespaces.{namespace}]` has \
         all channels that begin with `{namespace}:`; give one of the two another name"
    )]
    ChannelInNamespace {
        /// Where the channel is declared.
        place: String,
        /// Its name.
        channel: String,
        /// The namespace.
        namespace: String,
    },
    /// The largest allowed event would never fit a plugin's mailbox.
    #[error(
        "`limits.mailbox_bytes` ({mailbox_bytes} bytes) is less than `max_event_size` \
         ({max_event_size} bytes), so that the largest events could never be delivered; \
         raise the first or lower the second"
    )]
    MailboxTooSmall {
        /// Bytes of a mailbox.
        mailbox_bytes: usize,
        /// Bytes of the largest event.
        max_event_size: usize,
    },
    /// The memory for HTTP is less than what it has to hold.
    #[error(
        "`http.memory` ({}) does not hold {connections} connections (`http.max_connections`) \
         and some events of {} (`max_event_size`): allow at least {}, or fewer connections \
         or smaller events",
        shown(*.memory), shown(*.max_event_size), shown(*.needed)
    )]
    HttpMemoryTooSmall {
        /// Bytes that were allowed.
        memory: usize,
        /// Connections at a time.
        connections: usize,
        /// Bytes of the largest event.
        max_event_size: usize,
        /// Bytes that are needed.
        needed: usize,
    },
}

fn shown(bytes: usize) -> ByteSize {
    ByteSize(bytes as u64)
}

/// What stands in an error in place of a value that may be secret.
pub(super) const NOT_SHOWN: &str = "what is not shown here";

/// Whether a value has what nobody else should see, wherever it was put by mistake: a key of
/// somebody, or the password in a URL.
pub(super) fn is_secret(value: &str) -> bool {
    let after_scheme = value.split_once("://").map(|(_, rest)| rest);
    value.contains(KEY_PREFIX) || after_scheme.is_some_and(|rest| rest.contains('@'))
}

/// A value as an error repeats it.
pub(super) fn repeated(value: String) -> String {
    if is_secret(&value) {
        return NOT_SHOWN.to_owned();
    }
    value
}

/// A value that is not understood, and what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: `{key}` is {found}: {problem}; expected {expected}")]
pub struct WrongValue {
    /// Where it stands.
    pub place: Place,
    /// The key with its table.
    pub key: String,
    /// The value as it was written.
    pub found: String,
    /// What is wrong with it.
    pub problem: String,
    /// What is right, with an example.
    pub expected: &'static str,
}

impl ConfigError {
    /// The error for the value of a setting that `problem` describes.
    pub(super) fn wrong(
        place: Place,
        setting: &Setting,
        found: impl fmt::Debug,
        problem: String,
    ) -> Self {
        Self::from(Box::new(WrongValue {
            place,
            key: setting.key.to_owned(),
            found: repeated(format!("{found:?}")),
            problem,
            expected: setting.expected,
        }))
    }
}

fn unknown(place: &Place, key: &str, known: &[String]) -> String {
    let mut message = match place {
        Place::Variable(name) => format!("unknown environment variable {name}"),
        _ => format!("{place}: unknown key `{key}`"),
    };
    if let Some(nearest) = nearest(key, known.iter().map(String::as_str)) {
        message.push_str(&format!("; did you mean `{nearest}`?"));
    }
    message.push_str(&format!(" (known here: {})", known.join(", ")));
    message
}
