//! Why a message was refused.

/// What is wrong with what a client sent. Nothing of what it sent is repeated, since tokens
/// are among it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is nothing.
    #[error("the message is empty")]
    Empty,
    /// There is too much.
    #[error("the message has {size} bytes, and at most {limit} are allowed")]
    TooLarge {
        /// Bytes of the message.
        size: usize,
        /// Most bytes.
        limit: usize,
    },
    /// There are too many commands.
    #[error("the message has more than {limit} commands")]
    TooManyCommands {
        /// Most commands.
        limit: usize,
    },
    /// A line is not JSON, or not of the protocol.
    #[error("line {line}, column {column}: {what}")]
    Json {
        /// Of the message, from 1.
        line: usize,
        /// Byte of the line, from 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// A command is not protobuf, or not of the protocol.
    #[error("command {command}: {what}")]
    Protobuf {
        /// Of the message, from 1.
        command: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A length goes beyond the message's end.
    #[error("command {command} should have {declared} bytes, and {left} are left of the message")]
    CutOff {
        /// Of the message, from 1.
        command: usize,
        /// The length before it.
        declared: usize,
        /// Bytes behind that.
        left: usize,
    },
    /// A command that is replied to has no number.
    #[error("command {command} needs an id above 0")]
    NoId {
        /// Of the message, from 1.
        command: usize,
    },
    /// A connect request names too much.
    #[error("command {command} has more than {limit} subscriptions or headers")]
    TooManyEntries {
        /// Of the message, from 1.
        command: usize,
        /// Most of each.
        limit: usize,
    },
    /// Data is nested too deep.
    #[error("the data of command {command} is nested deeper than {limit} levels")]
    TooDeep {
        /// Of the message, from 1.
        command: usize,
        /// Deepest.
        limit: usize,
    },
}
