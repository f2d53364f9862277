//! `hearken access certificate`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::made::{FOLDER, answer, line, now};
use crate::cli::output::Output;
use crate::tls::make_host;

/// Make a certificate and its private key for HTTP, and its authority (CA) if there is none
///
/// Named in a node's `http.tls` it encrypts HTTP; named with --cert and --cert-key it shows
/// who a client is.
#[derive(Args, Debug)]
pub(in crate::cli) struct Certificate {
    /// Names and IP addresses by which the node is reached; the first one names the files
    #[arg(value_name = "HOST", required = true)]
    hosts: Vec<String>,

    /// Folder of the CA's ca.crt and ca.key, which are made if they are missing
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    ca: PathBuf,

    /// Folder to make HOST.crt and HOST.key in; that of the CA unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// How long it is valid
    #[arg(long, default_value = "365", value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
}

impl Certificate {
    pub(super) fn run(self, mut output: Output) -> Result<(), CliError> {
        let out = self.out.as_ref().unwrap_or(&self.ca);
        let made = make_host(&self.hosts, &self.ca, out, self.days, now())?;
        let mut value = answer(&made.certificate);
        value["ca"] = made.ca.display().to_string().into();
        output.answer(&value, || {
            let mut text = String::new();
            if let Some(authority) = &made.authority {
                text.push_str(&format!(
                    "{}\n\
                     Keep {} off the nodes: whoever has it can make certificates that clients trust.\n",
                    line(authority),
                    authority.key.display()
                ));
            }
            let host = &self.hosts[0];
            text.push_str(&format!(
                "{}\n\
                 Give the node these two, and this in its hearken.toml\n  \
                 [http.tls]\n  \
                 certificate = \"{}\"\n  \
                 key = \"{}\"\n\
                 Whoever talks to it trusts {ca}:\n  \
                 hearken --host https://{host}:7070 --ca {ca} nodes",
                line(&made.certificate),
                made.certificate.certificate.display(),
                made.certificate.key.display(),
                ca = made.ca.display(),
            ));
            text
        })
    }
}
