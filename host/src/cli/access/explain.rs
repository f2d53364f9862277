//! `hearken access explain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::AccessCommandError;
use crate::access::{Act, Explanation, Principal};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::config::{NodeConfig, NodeFlags};
use crate::event::{EventType, Pattern};

/// Say whether somebody may do something, and which line of hearken.toml decides it
///
/// Exits 0 if so, and 1 if not.
#[derive(Args, Debug)]
pub(in crate::cli) struct Explain {
    /// Name of a key, or `key:NAME`, `user:SUBJECT`, `cert:NAME` or `anonymous`
    principal: String,

    /// What is to be done
    act: Right,

    /// To what: the type of an event, a pattern of types, or a channel
    what: Option<String>,

    /// Role that the token of a user claims; may be given again
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,

    /// Configuration file; it must exist
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// An act, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Right {
    Publish,
    Listen,
    Append,
    Read,
    Observe,
    Operate,
}

impl Explain {
    pub(super) fn run(self, mut output: Output) -> Result<(), CliError> {
        let explanation = self.explanation()?;
        output.answer(&explanation, || explanation.to_string())?;
        if explanation.allowed {
            return Ok(());
        }
        Err(CliError::NotAllowed {
            principal: explanation.principal,
            right: explanation.right,
        })
    }

    fn explanation(&self) -> Result<Explanation, CliError> {
        let principal = Principal::parse(&self.principal).map_err(AccessCommandError::from)?;
        let needs = |act, example| match &self.what {
            Some(what) => Ok(what.as_str()),
            None => Err(AccessCommandError::WhatMissing { act, example }),
        };
        let stands_alone = |act| match self.what {
            Some(_) => Err(AccessCommandError::WhatTooMuch(act)),
            None => Ok(()),
        };
        let (event_type, pattern);
        let act = match self.act {
            Right::Publish => {
                let what = needs("publish", "custom.shop.paid")?;
                event_type = EventType::custom(what).map_err(AccessCommandError::from)?;
                Act::Publish(event_type.as_str())
            }
            Right::Listen => {
                let what = needs("listen", "'custom.shop.*'")?;
                pattern = Pattern::new(what).map_err(AccessCommandError::from)?;
                Act::Listen(&pattern)
            }
            Right::Append => Act::Append(needs("append", "orders")?),
            Right::Read => Act::Read(needs("read", "orders")?),
            Right::Observe => {
                stands_alone("observe")?;
                Act::Observe
            }
            Right::Operate => {
                stands_alone("operate")?;
                Act::Operate
            }
        };
        let config = NodeConfig::load(&NodeFlags::of_file(self.config.clone()))?;
        Ok(Explanation::of(
            &config.access,
            &principal,
            &self.roles,
            &act,
            SystemClock.now_millis(),
        ))
    }
}
