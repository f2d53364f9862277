//! `hearken cluster cert`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::made::{FOLDER, answer, line, now};
use crate::cli::output::Output;
use crate::cluster::certificates::make_node;

/// Make the certificate and the private key of a node, signed by the cluster's CA
#[derive(Args, Debug)]
pub(in crate::cli) struct Cert {
    /// Name of the node, as `hearken run --node` is given it
    node: String,

    /// Folder of the CA's ca.crt and ca.key
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    ca: PathBuf,

    /// Folder to make NODE.crt and NODE.key in
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    out: PathBuf,

    /// How long it is valid
    #[arg(long, default_value = "365", value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
}

impl Cert {
    pub(super) fn run(self, mut output: Output) -> Result<(), CliError> {
        let made = make_node(&self.node, &self.ca, &self.out, self.days, now())?;
        output.answer(&answer(&made), || {
            let ca = self.ca.join("ca.crt");
            let (ca, certificate, key) =
                (ca.display(), made.certificate.display(), made.key.display());
            let node = &self.node;
            format!(
                "{}\n\
                 Give the node these two and {ca}, and start it with\n  \
                 hearken run --node {node} --cluster-ca {ca} --cluster-cert {certificate} \
                 --cluster-key {key}\n\
                 or with this in its hearken.toml\n  \
                 node = \"{node}\"\n  \
                 [cluster.tls]\n  \
                 ca = \"{ca}\"\n  \
                 certificate = \"{certificate}\"\n  \
                 key = \"{key}\"",
                line(&made)
            )
        })
    }
}
