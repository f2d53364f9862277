//! TLS, for all that opens and takes such connections.
//!
//! - `provider` is the cryptography beneath, one for the whole process.
//! - `pem` reads certificates, keys and lists from files, `validity` tells when they hold,
//!   and `follow` has files read again when they change.
//! - `authority` makes certificates, `made` their files, and `hosts` those of servers.

pub(crate) mod authority;
pub(crate) mod follow;
mod hosts;
mod made;
pub(crate) mod pem;
mod provider;
pub(crate) mod validity;

pub use hosts::{HostCertificateError, MadeHost, make_host};
pub use made::{Made, MakeError};
pub(crate) use made::{authority_in, new_authority, validity_of, write};
pub use pem::{PemError, Role};
pub use provider::choose_provider;
pub(crate) use provider::provider;
