//! Runs cargo, and reads what it says while it runs.

use std::io;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use cargo_metadata::{Message, TargetKind};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

/// A component that one of cargo's messages names.
pub(super) struct Component {
    /// Cargo's unambiguous name for the package.
    pub(super) package: String,
    /// In cargo's target folder.
    pub(super) file: PathBuf,
    /// Whether there was nothing to compile.
    pub(super) fresh: bool,
}

/// Runs cargo to its end. Dropping the future ends it.
pub(super) async fn run(cargo: Command) -> io::Result<Output> {
    spawn(cargo, Stdio::piped())?.wait_with_output().await
}

/// As [`run`], for a build with messages in JSON: gives each component to `tell` as soon as
/// it is there, and returns the standard error as far as that is piped.
pub(super) async fn build(
    cargo: Command,
    stderr: Stdio,
    mut tell: impl FnMut(Component),
) -> io::Result<Vec<u8>> {
    let mut child = spawn(cargo, stderr)?;
    let stdout = child.stdout.take().expect("`spawn` pipes it");
    let messages = lines(stdout, |line| {
        if let Some(component) = component(line) {
            tell(component);
        }
    });
    // Together: cargo waits for whoever does not read on.
    let (told, finished) = tokio::join!(messages, child.wait_with_output());
    told?;
    Ok(finished?.stderr)
}

fn spawn(mut cargo: Command, stderr: Stdio) -> io::Result<Child> {
    cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn()
}

async fn lines(stdout: impl AsyncRead + Unpin, mut tell: impl FnMut(&[u8])) -> io::Result<()> {
    let mut lines = BufReader::new(stdout).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        tell(&line);
    }
    Ok(())
}

/// The component that is in one line of cargo's messages, if any.
fn component(line: &[u8]) -> Option<Component> {
    match Message::parse_stream(line).next()? {
        Ok(Message::CompilerArtifact(artifact))
            if artifact.target.kind.contains(&TargetKind::CDyLib) =>
        {
            let mut files = artifact.filenames.into_iter();
            Some(Component {
                file: files
                    .find(|file| file.extension() == Some("wasm"))?
                    .into_std_path_buf(),
                package: artifact.package_id.repr,
                fresh: artifact.fresh,
            })
        }
        _ => None,
    }
}
