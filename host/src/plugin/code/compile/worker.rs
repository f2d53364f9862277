//! A process that compiles, as its node sees it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::CompileError;
use super::protocol::{
    EXIT_OUT_OF_MEMORY, EXIT_TIMED_OUT, GREETING, HEAD_BYTES, Nonsense, Outcome, Task, decode_head,
    encode_head, max_answer_bytes,
};
use crate::config::CompileSettings;

/// Within which a process that was started must say that it is there.
const GREETED_WITHIN: Duration = Duration::from_secs(30);

/// Within which a process whose pipes are closed must have ended.
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// What is kept of the end of what a process prints on standard error, in bytes.
const LAST_WORDS: usize = 4 << 10;

/// Longest reason that a process gives, in bytes.
const MAX_REASON_BYTES: usize = 4 << 10;

/// How much more time than CPU a component may take: it shares a busy machine, at low
/// priority.
const WALL_PER_CPU: u32 = 10;

/// Most names of components that a worker remembers.
const MAX_KNOWN: usize = 1024;

/// A process that compiles for this node; dropping it kills it.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    last_words: AbortOnDropHandle<String>,
    /// The files whose functions it still has, as likely as not.
    known: HashSet<PathBuf>,
}

/// Why an exchange with a process came to nothing.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
}

impl Worker {
    /// Starts a process and waits until it is ready.
    ///
    /// # Errors
    /// [`CompileError::WorkerStart`] says why there is none.
    pub(super) async fn start(
        settings: &CompileSettings,
        threads: usize,
    ) -> Result<Self, CompileError> {
        let refused = |reason: String| CompileError::WorkerStart {
            program: settings.program.clone(),
            reason,
        };
        let mut worker =
            Self::spawn(settings, threads).map_err(|error| refused(error.to_string()))?;
        match timeout(GREETED_WITHIN, worker.greeting()).await {
            Ok(Ok(())) => Ok(worker),
            Ok(Err(Broken::Nonsense(_))) => {
                Err(refused("it is no `hearken` of this version".to_owned()))
            }
            Ok(Err(Broken::Io(_))) => {
                let (status, said) = worker.end().await;
                Err(refused(ended(status, &said)))
            }
            Err(_) => Err(refused(format!("it said nothing for {GREETED_WITHIN:?}"))),
        }
    }

    fn spawn(settings: &CompileSettings, threads: usize) -> io::Result<Self> {
        let mut command = Command::new(&settings.program);
        command
            .arg("compile-worker")
            .args(["--timeout-ms", &settings.timeout.as_millis().to_string()])
            .args(["--memory", &settings.memory.to_string()])
            .args(["--threads", &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // It handles what strangers made: it need not know the node's secrets.
        command.env_clear();
        // Otherwise the allocator takes a gigabyte at once, of which little is used.
        command.env("MIMALLOC_ARENA_RESERVE", "64MiB");
        if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        #[cfg(unix)]
        {
            command.arg0("hearken");
            command.current_dir("/");
            // What a terminal tells the node, the node alone acts on.
            command.process_group(0);
        }
        let mut child = command.spawn()?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("its pipes are missing"));
        };
        Ok(Self {
            child,
            input,
            output,
            last_words: AbortOnDropHandle::new(tokio::spawn(last_words(errors))),
            known: HashSet::new(),
        })
    }

    async fn greeting(&mut self) -> Result<(), Broken> {
        let mut greeting = [0; GREETING.len()];
        self.output.read_exact(&mut greeting).await?;
        if greeting == GREETING {
            Ok(())
        } else {
            Err(Nonsense.into())
        }
    }

    /// Whether it has compiled an earlier version of the file.
    pub(super) fn knows(&self, file: &Path) -> bool {
        self.known.contains(file)
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Has a component, the content of `file`, worked on. Gives the worker back unless
    /// it was lost over that. Dropping the future ends the process, and so the work.
    pub(super) async fn ask(
        mut self,
        task: Task,
        component: &[u8],
        file: &Path,
        settings: &CompileSettings,
    ) -> (Result<Vec<u8>, CompileError>, Option<Self>) {
        let longest = settings.timeout.saturating_mul(WALL_PER_CPU);
        let (outcome, content) = match timeout(longest, self.exchange(task, component)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(broken)) => return (Err(self.explain(&broken, settings).await), None),
            Err(_) => return (Err(CompileError::Starved(longest)), None),
        };
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(file.to_owned());
        let answer = match outcome {
            Outcome::Done => Ok(content),
            Outcome::Invalid => Err(CompileError::Invalid(reason(&content))),
            Outcome::Failed => Err(CompileError::Compiler(reason(&content))),
        };
        (answer, Some(self))
    }

    async fn exchange(
        &mut self,
        task: Task,
        component: &[u8],
    ) -> Result<(Outcome, Vec<u8>), Broken> {
        self.input
            .write_all(&encode_head(task as u8, component.len()))
            .await?;
        self.input.write_all(component).await?;
        self.input.flush().await?;
        let mut head = [0; HEAD_BYTES];
        self.output.read_exact(&mut head).await?;
        let (outcome, length) = decode_head(head, max_answer_bytes(component.len()))?;
        let mut content = Vec::new();
        (&mut self.output)
            .take(length)
            .read_to_end(&mut content)
            .await?;
        if content.len() as u64 == length {
            Ok((outcome, content))
        } else {
            Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
        }
    }

    /// Why the process did not answer, once it has ended.
    async fn explain(self, broken: &Broken, settings: &CompileSettings) -> CompileError {
        if matches!(broken, Broken::Nonsense(_)) {
            return CompileError::WorkerDied(format!("was ended: {broken}"));
        }
        let (status, said) = self.end().await;
        death(status, &said, settings)
    }

    /// Ends the process; returns how it ended, and its last words.
    async fn end(mut self) -> (Option<ExitStatus>, String) {
        drop((self.input, self.output));
        let status = match timeout(ENDED_WITHIN, self.child.wait()).await {
            Ok(status) => status.ok(),
            Err(_) => {
                // Dropping it does the same, but for the last words.
                let _ = self.child.start_kill();
                None
            }
        };
        let said = timeout(ENDED_WITHIN, self.last_words).await;
        (status, said.ok().and_then(Result::ok).unwrap_or_default())
    }
}

/// What a death means to the author of the component.
fn death(status: Option<ExitStatus>, said: &str, settings: &CompileSettings) -> CompileError {
    match status.and_then(|status| status.code()) {
        Some(EXIT_TIMED_OUT) => return CompileError::TooLong(settings.timeout),
        Some(EXIT_OUT_OF_MEMORY) => return CompileError::TooMuchMemory(settings.memory),
        _ => {}
    }
    // Neither the standard library's guard of stacks nor its allocator lets a program
    // choose how it ends.
    if said.contains("has overflowed its stack") {
        CompileError::TooDeep
    } else if said.contains("memory allocation of") {
        CompileError::TooMuchMemory(settings.memory)
    } else {
        CompileError::WorkerDied(ended(status, said))
    }
}

fn ended(status: Option<ExitStatus>, said: &str) -> String {
    let how = match status {
        Some(status) => format!("ended ({status})"),
        None => "was ended".to_owned(),
    };
    match said.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => format!("{how}: {}", line.trim()),
        None => how,
    }
}

/// A reason as it is shown.
fn reason(content: &[u8]) -> String {
    let kept = &content[..content.len().min(MAX_REASON_BYTES)];
    String::from_utf8_lossy(kept).into_owned()
}

/// The end of what a process prints until it ends.
async fn last_words(mut errors: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 1024];
    while let Ok(read @ 1..) = errors.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        kept.drain(..kept.len().saturating_sub(LAST_WORDS));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// What is said of a process that ended with this status, as `wait` has it.
    fn told(status: i32, said: &str) -> String {
        let status = ExitStatus::from_raw(status);
        death(Some(status), said, &CompileSettings::default()).to_string()
    }

    #[test]
    fn a_death_is_explained_by_what_it_was_of() {
        let exit = |code: i32| code << 8;
        assert!(told(exit(EXIT_TIMED_OUT), "").contains("`compile.timeout`"));
        assert!(told(exit(EXIT_OUT_OF_MEMORY), "").contains("`compile.memory`"));
        let deep = "\nthread 'compile-0' (7) has overflowed its stack\nfatal runtime error";
        assert!(told(6, deep).contains("nested too deeply"));
        let memory = "memory allocation of 4096 bytes failed\n";
        assert!(told(6, memory).contains("`compile.memory`"));
        let killed = told(9, "");
        assert!(killed.contains("signal: 9"), "{killed}");
        let refused = told(exit(1), "hearken: no\n\n");
        assert!(
            refused.contains("exit status: 1): hearken: no"),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn a_program_that_does_something_else_is_told_from_a_worker() {
        let start = async |program: &str| {
            let settings = CompileSettings {
                program: program.into(),
                ..CompileSettings::default()
            };
            let refused = Worker::start(&settings, 1).await;
            refused.map(|_| ()).expect_err(program).to_string()
        };
        let missing = start("/nowhere/hearken").await;
        assert!(
            missing.contains("/nowhere/hearken compile-worker"),
            "{missing}"
        );
        // Prints its arguments, which are as long as a greeting.
        let other = start("/bin/echo").await;
        assert!(other.contains("no `hearken` of this version"), "{other}");
        let refusing = start("/bin/false").await;
        assert!(refusing.contains("exit status: 1"), "{refusing}");
    }
}
