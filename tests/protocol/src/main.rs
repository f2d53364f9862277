//! Writes the Rust code of the protocols that the nodes of a cluster and their sessions speak,
//! which the host contains as files: `cargo run -p hearken-protocol`, after each change of a
//! definition. The compiler is a library, so that nobody has to install one.

use std::error::Error;
use std::fs;

/// Where definitions are looked up.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../host/proto");

/// A protocol.
struct Protocol {
    /// What is compiled, within the root.
    definition: &'static str,
    /// Where the code stands, within the root.
    code: &'static str,
    /// The package of the definition, by which the code generator names its file.
    package: &'static str,
}

/// All of them.
const PROTOCOLS: [Protocol; 2] = [
    Protocol {
        definition: "hearken/cluster/v1/link.proto",
        code: "hearken/cluster/v1/link.rs",
        package: "hearken.cluster.v1",
    },
    Protocol {
        definition: "hearken/sessions/v1/across.proto",
        code: "hearken/sessions/v1/across.rs",
        package: "hearken.sessions.v1",
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    for protocol in &PROTOCOLS {
        fs::write(format!("{ROOT}/{}", protocol.code), protocol.generate()?)?;
    }
    Ok(())
}

impl Protocol {
    /// The code of the definition as it is now.
    fn generate(&self) -> Result<String, Box<dyn Error>> {
        let files = protox::compile([self.definition], [ROOT])?;
        let directory = tempfile::tempdir()?;
        tonic_prost_build::configure()
            .bytes(format!(".{}", self.package))
            // What is said is the same whenever it is.
            .btree_map(format!(".{}", self.package))
            .emit_rerun_if_changed(false)
            .out_dir(directory.path())
            .compile_fds(files)?;
        Ok(fs::read_to_string(
            directory.path().join(format!("{}.rs", self.package)),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_the_definitions() {
        for protocol in &PROTOCOLS {
            let written = fs::read_to_string(format!("{ROOT}/{}", protocol.code)).unwrap();
            assert!(
                written == protocol.generate().unwrap(),
                "{} is not that of {}: `cargo run -p hearken-protocol` writes it",
                protocol.code,
                protocol.definition
            );
        }
    }
}
