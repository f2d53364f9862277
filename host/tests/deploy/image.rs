//! The image.

use hearken::config::{CLUSTER_PORT, NodeConfig};

use crate::program::read;

/// The arguments of the instructions of this name.
fn instructions<'a>(file: &'a str, name: &str) -> Vec<&'a str> {
    let lines = file.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(instruction, _)| *instruction == name)
        .map(|(_, arguments)| arguments)
        .collect()
}

#[test]
fn the_image_runs_the_program_that_it_builds() {
    let file = read("Dockerfile");
    let workspace = include_str!("../../../Cargo.toml");
    assert!(instructions(&file, "RUN")[0].contains("--profile dist"));
    assert!(workspace.contains("[profile.dist]"));
    let rust = format!("rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(instructions(&file, "FROM")[0].starts_with(&rust), "{rust}");
    let program = "/usr/local/bin/hearken";
    assert!(
        instructions(&file, "COPY")
            .iter()
            .any(|copy| copy.ends_with(program))
    );
    assert_eq!(
        instructions(&file, "ENTRYPOINT"),
        [format!("[\"{program}\"]")]
    );
    assert_eq!(instructions(&file, "CMD"), ["[\"run\"]"]);
}

#[test]
fn the_image_tells_the_ports_of_a_node() {
    let ports = format!("{} {CLUSTER_PORT}", NodeConfig::default().listen.port());
    assert_eq!(instructions(&read("Dockerfile"), "EXPOSE"), [ports]);
}
