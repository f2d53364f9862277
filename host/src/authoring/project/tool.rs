//! Runs the programs that projects are made with.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::error::ProjectError;

/// Most of what a program says that is shown, in bytes, from its beginning: the first error
/// explains the others.
const MAX_OUTPUT: usize = 16 << 10;

/// What a program said, and whether it has done what it was asked to.
pub(super) struct Said {
    pub(super) is_success: bool,
    /// Both its outputs.
    pub(super) output: String,
}

/// Runs a program in a folder to its end, for so long. Dropping the future ends it.
pub(super) async fn run(
    program: &Path,
    arguments: &[String],
    dir: &Path,
    within: Duration,
) -> Result<Said, ProjectError> {
    let tool = || {
        let name = program.file_name().unwrap_or(program.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let running = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let Ok(ran) = tokio::time::timeout(within, running).await else {
        let tool = tool();
        return Err(ProjectError::Slow { tool, within });
    };
    let ran = ran.map_err(|error| ProjectError::Tool {
        tool: tool(),
        reason: error.to_string(),
    })?;
    let parts = [&ran.stderr, &ran.stdout].map(|part| String::from_utf8_lossy(part));
    let parts = parts.iter().map(|part| part.trim());
    let output: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let mut output = output.join("\n");
    output.truncate(output.floor_char_boundary(MAX_OUTPUT));
    Ok(Said {
        is_success: ran.status.success(),
        output,
    })
}
