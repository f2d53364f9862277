//! Writes the Rust code of the protocol that the nodes of a cluster speak, which the
//! host contains as a file: `cargo run -p hearken-protocol`, after each change of
//! `link.proto`. The compiler is a library, so that nobody has to install one.

use std::error::Error;
use std::fs;

/// Where definitions are looked up.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../host/proto");

/// What is compiled, within the root.
const DEFINITION: &str = "hearken/cluster/v1/link.proto";

/// Where the code stands, within the root.
const CODE: &str = "hearken/cluster/v1/link.rs";

/// The package of the definition, by which the code generator names its file.
const PACKAGE: &str = "hearken.cluster.v1";

fn main() -> Result<(), Box<dyn Error>> {
    fs::write(format!("{ROOT}/{CODE}"), generate()?)?;
    Ok(())
}

/// The code of the definition as it is now.
fn generate() -> Result<String, Box<dyn Error>> {
    let files = protox::compile([DEFINITION], [ROOT])?;
    let directory = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .bytes(format!(".{PACKAGE}"))
        .emit_rerun_if_changed(false)
        .out_dir(directory.path())
        .compile_fds(files)?;
    Ok(fs::read_to_string(
        directory.path().join(format!("{PACKAGE}.rs")),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_the_definition() {
        let written = fs::read_to_string(format!("{ROOT}/{CODE}")).unwrap();
        assert!(
            written == generate().unwrap(),
            "{CODE} is not that of {DEFINITION}: `cargo run -p hearken-protocol` writes it"
        );
    }
}
