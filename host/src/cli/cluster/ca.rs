//! `hearken cluster ca`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::made::{FOLDER, answer, line, now};
use crate::cli::output::Output;
use crate::cluster::certificates::make_ca;

/// Make a certificate authority (CA), which signs the certificates of a cluster's nodes
#[derive(Args, Debug)]
pub(in crate::cli) struct Ca {
    /// Folder to make ca.crt and ca.key in
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    out: PathBuf,

    /// How long it is valid
    #[arg(long, default_value = "3650", value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
}

impl Ca {
    pub(super) fn run(self, mut output: Output) -> Result<(), CliError> {
        let made = make_ca(&self.out, self.days, now())?;
        output.answer(&answer(&made), || {
            let ca = if self.out.as_os_str() == FOLDER {
                String::new()
            } else {
                format!(" --ca {}", self.out.display())
            };
            format!(
                "{}\n\
                 Keep {} off the nodes: whoever has it can make nodes of the cluster.\n\
                 Next, for each node:\n  \
                 hearken cluster cert NODE{ca}",
                line(&made),
                made.key.display()
            )
        })
    }
}
