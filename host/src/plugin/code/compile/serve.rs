//! The process that compiles: what `hearken compile-worker` runs.
//!
//! Compilers recurse, and need time and memory, as the component that they are given
//! has it. Here that costs a process that a node can lose, and not the node.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::time::Duration;

use cpu_time::ProcessTime;
use rayon::ThreadPool;
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use wasmtime::Engine;

use super::instance_size::check_instance_size;
use super::nesting::check_nesting;
use super::protocol::{
    EXIT_OUT_OF_MEMORY, EXIT_TIMED_OUT, GREETING, HEAD_BYTES, MAX_TASK_BYTES, Nonsense, Outcome,
    Task, decode_head, encode_head, max_answer_bytes,
};
use crate::panics::panic_text;
use crate::plugin::code::engine::compiling_engine;

/// Priority of compiling, out of 99 where 50 is normal: running plugins go
/// first, and a busy machine still compiles.
const POLITE: u8 = 25;

/// How often the process looks how much time a component has taken.
const LOOK: Duration = Duration::from_millis(20);

/// What one component may take.
#[derive(Clone, Copy, Debug)]
pub struct WorkerLimits {
    /// CPU time, over all threads.
    pub timeout: Duration,
    /// Bytes of memory of the process.
    pub memory: u64,
    /// Threads that compile; at least one.
    pub threads: usize,
}

/// Why the process cannot compile.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A limit cannot be set.
    #[error("the limits of the process cannot be set: {0}")]
    Limits(io::Error),
    /// A thread cannot be started.
    #[error("a thread cannot be started: {0}")]
    Thread(io::Error),
    /// The engine refuses its settings.
    #[error("the WebAssembly engine does not run here: {0}")]
    Engine(wasmtime::Error),
    /// The node does not read the answers.
    #[error("the node cannot be answered: {0}; this command is only for nodes")]
    Output(io::Error),
}

/// Compiles what comes over standard input, one component after the other, until that
/// ends, which ends the process. `examine` looks at a component's outside.
///
/// # Errors
/// [`WorkerError`] when the process cannot do its work.
pub fn serve_compile_tasks(
    limits: WorkerLimits,
    examine: fn(&[u8]) -> Vec<u8>,
) -> Result<Infallible, WorkerError> {
    confine(limits.memory).map_err(WorkerError::Limits)?;
    // Before any other thread starts, which then begins with the same. At normal
    // priority compiling is merely less polite.
    let _ = ThreadPriorityValue::try_from(POLITE)
        .map(|polite| set_current_thread_priority(ThreadPriority::Crossplatform(polite)));
    let engine = compiling_engine().map_err(WorkerError::Engine)?;
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(limits.threads.max(1))
        .thread_name(|index| format!("compile-{index}"))
        .build()
        .map_err(|error| WorkerError::Thread(io::Error::other(error)))?;
    let tasks = tasks().map_err(WorkerError::Thread)?;
    let mut output = io::stdout().lock();
    let mut say = |bytes: &[u8]| output.write_all(bytes).and_then(|()| output.flush());
    say(&GREETING).map_err(WorkerError::Output)?;
    loop {
        let Ok((task, component)) = tasks.recv() else {
            // Whoever reads the tasks ends the process with them.
            std::process::exit(0);
        };
        let work = {
            let engine = engine.clone();
            move || match task {
                Task::Compile => compile(&engine, &component),
                Task::Examine => examined(examine, &component),
            }
        };
        let (outcome, content) = within(limits.timeout, &threads, work);
        let head = encode_head(outcome as u8, content.len());
        say(&head)
            .and_then(|()| say(&content))
            .map_err(WorkerError::Output)?;
    }
}

/// Bounds what a component can make the process take of the machine.
fn confine(memory: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let at_most = |resource, bound: u64| {
            let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
            let bound = Some(bound.min(allowed));
            setrlimit(
                resource,
                Rlimit {
                    current: bound,
                    maximum: bound,
                },
            )
        };
        // Where a system counts what is written, it does not count what is only
        // reserved, nor the program.
        let counted = if cfg!(target_os = "linux") {
            Resource::Data
        } else {
            Resource::As
        };
        at_most(counted, memory)?;
        // A crash is reported; the memory of one would fill the disk.
        at_most(Resource::Core, 0)?;
    }
    #[cfg(not(unix))]
    let _ = memory;
    // Where the machine itself runs out of memory, this goes before the node. Where
    // that cannot be said, the system chooses by size.
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// The tasks as they come over standard input, read by a thread of its own: so the
/// process ends with the node, whatever it is busy with.
fn tasks() -> io::Result<Receiver<(Task, Vec<u8>)>> {
    let (task, tasks) = sync_channel(1);
    std::thread::Builder::new()
        .name("tasks".to_owned())
        .spawn(move || {
            let mut input = io::stdin().lock();
            while let Ok(next) = read_task(&mut input) {
                if task.send(next).is_err() {
                    break;
                }
            }
            std::process::exit(0);
        })?;
    Ok(tasks)
}

fn read_task(input: &mut impl Read) -> io::Result<(Task, Vec<u8>)> {
    let mut head = [0; HEAD_BYTES];
    input.read_exact(&mut head)?;
    let (task, length) = decode_head(head, MAX_TASK_BYTES).map_err(io::Error::other)?;
    let mut component = vec![0; usize::try_from(length).map_err(|_| io::Error::other(Nonsense))?];
    input.read_exact(&mut component)?;
    Ok((task, component))
}

type Answer = (Outcome, Vec<u8>);

/// Does the work on the threads, and ends the process when it takes too long: a
/// compiler cannot be stopped.
fn within(
    timeout: Duration,
    threads: &ThreadPool,
    work: impl FnOnce() -> Answer + Send + 'static,
) -> Answer {
    let begun = ProcessTime::now();
    let (done, answer) = channel();
    threads.spawn(move || {
        let worked = std::panic::catch_unwind(AssertUnwindSafe(work));
        let answer = worked
            .unwrap_or_else(|panic| (Outcome::Failed, panic_text(&*panic).as_bytes().to_vec()));
        // Somebody waits, or the process has ended.
        let _ = done.send(answer);
    });
    loop {
        match answer.recv_timeout(LOOK) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) if begun.elapsed() > timeout => {
                std::process::exit(EXIT_TIMED_OUT)
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return (Outcome::Failed, b"a thread ended".to_vec());
            }
        }
    }
}

fn compile(engine: &Engine, component: &[u8]) -> Answer {
    let bounds = [check_nesting, check_instance_size];
    if let Err(reason) = bounds.iter().try_for_each(|check| check(component)) {
        return (Outcome::Invalid, reason.into_bytes());
    }
    let most = max_answer_bytes(component.len());
    match engine.precompile_component(component) {
        Ok(code) if code.len() as u64 > most => {
            let (code, has) = (code.len(), component.len());
            let reason = format!(
                "its code has {code} bytes; that of a component of {has} bytes may have {most}"
            );
            (Outcome::Invalid, reason.into_bytes())
        }
        Ok(code) => (Outcome::Done, code),
        Err(error) if is_out_of_memory(&error) => std::process::exit(EXIT_OUT_OF_MEMORY),
        Err(error) => (Outcome::Invalid, format!("{error:#}").into_bytes()),
    }
}

/// Whether the system refused memory where the compiler asks for it without dying.
fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory)
    })
}

fn examined(examine: fn(&[u8]) -> Vec<u8>, component: &[u8]) -> Answer {
    match check_nesting(component) {
        Ok(()) => (Outcome::Done, examine(component)),
        Err(reason) => (Outcome::Invalid, reason.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads() -> ThreadPool {
        rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap()
    }

    #[test]
    fn a_panic_of_the_compiler_is_an_answer() {
        let work = || panic!("a mistake");
        let answer = within(Duration::MAX, &threads(), work);
        assert_eq!(answer, (Outcome::Failed, b"a mistake".to_vec()));
    }

    #[test]
    fn a_task_is_read_whole_or_not_at_all() {
        let mut sent = encode_head(Task::Examine as u8, 3).to_vec();
        sent.extend(b"abc");
        let read = read_task(&mut &sent[..]).unwrap();
        assert_eq!(read, (Task::Examine, b"abc".to_vec()));
        for cut in 0..sent.len() {
            assert!(read_task(&mut &sent[..cut]).is_err());
        }
        let huge = encode_head(Task::Compile as u8, usize::MAX);
        assert!(read_task(&mut &huge[..]).is_err());
    }

    /// Modules whose memories begin and end with a byte.
    #[test]
    fn a_small_component_has_no_large_code() {
        let module = "(core module (memory 256)
            (data (i32.const 0) \"a\") (data (i32.const 0xfffff0) \"z\"))";
        let text = format!("(component {})", module.repeat(5));
        let component = wat::parse_str(text).expect("a valid component");
        assert!(component.len() < 1024);
        let (outcome, reason) = compile(&compiling_engine().unwrap(), &component);
        let reason = String::from_utf8_lossy(&reason[..reason.len().min(200)]);
        assert_eq!(outcome, Outcome::Invalid, "{reason}");
        assert!(reason.contains("its code has"), "{reason}");
    }

    #[test]
    fn components_that_are_not_valid_are_explained() {
        let engine = compiling_engine().unwrap();
        let (outcome, reason) = compile(&engine, b"\0asm\x0d\0\x01\0\xff\xff");
        assert_eq!(outcome, Outcome::Invalid, "{reason:?}");
        let (outcome, code) = compile(&engine, b"\0asm\x0d\0\x01\0");
        assert_eq!((outcome, code.is_empty()), (Outcome::Done, false));
    }
}
