//! Compiles the protocol of the cluster, with a compiler that is a library, so
//! that nobody has to install one.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const PROTOCOL: &str = "proto/hearken/cluster/v1/link.proto";
    println!("cargo::rerun-if-changed={PROTOCOL}");
    let files = protox::compile([PROTOCOL], ["proto"])?;
    tonic_prost_build::configure()
        .bytes(".hearken.cluster.v1")
        .compile_fds(files)?;
    Ok(())
}
