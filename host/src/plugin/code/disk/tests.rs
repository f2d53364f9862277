use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

use futures_util::FutureExt;
use tokio::sync::mpsc;

use super::*;

const THREADS: usize = 4;

/// Longer than anything here takes on the slowest machine.
const LONG: Duration = Duration::from_secs(60);

/// What nobody waits for.
fn path() -> &'static Path {
    Path::new("/plugins/a.wasm")
}

fn disk(threads: usize) -> Disk {
    Disk::start("test", threads, LONG).unwrap()
}

/// Threads that wait for a disk which does not answer; it does when this is dropped.
pub(crate) struct Hung {
    _gates: Vec<Sender<()>>,
}

/// Has each thread wait for something of `path` which nobody else waits for.
pub(crate) async fn hang(disk: &Disk, path: &Path) -> Hung {
    let (tell, mut begun) = mpsc::unbounded_channel();
    let mut gates = Vec::new();
    for _ in 0..disk.0.threads.current_num_threads() {
        let (closed, gate) = channel::<()>();
        gates.push(closed);
        let (disk, path, tell) = (disk.clone(), path.to_owned(), tell.clone());
        tokio::spawn(async move {
            let work = move || {
                let _ = tell.send(());
                // Fails once the gate is open.
                let _ = gate.recv();
            };
            disk.done(&path, work).await
        });
        begun.recv().await.expect("it is begun");
    }
    Hung { _gates: gates }
}

#[tokio::test]
async fn all_work_is_done_on_a_few_threads() {
    let disk = disk(THREADS);
    let used = Arc::new(Mutex::new(HashSet::new()));
    let all: Vec<_> = (0..200)
        .map(|number| {
            let (disk, used) = (disk.clone(), Arc::clone(&used));
            tokio::spawn(async move {
                let note = move || {
                    used.lock().unwrap().insert(std::thread::current().id());
                    number
                };
                disk.run(path(), note).await
            })
        })
        .collect();
    for (number, work) in all.into_iter().enumerate() {
        assert_eq!(work.await.unwrap(), Ok(number));
    }
    assert!((1..=THREADS).contains(&used.lock().unwrap().len()));
}

#[tokio::test]
async fn work_that_panics_is_told_and_ends_no_thread() {
    let disk = disk(THREADS);
    for _ in 0..2 * THREADS {
        let done = disk.run(path(), || panic!("broken")).await;
        assert_eq!(done, Err::<(), _>(DiskError::Panicked("broken".to_owned())));
    }
    assert_eq!(disk.run(path(), || 1).await, Ok(1));
}

#[tokio::test]
async fn work_that_nobody_waits_for_any_more_is_not_begun_and_holds_nothing() {
    let disk = disk(1);
    let hung = hang(&disk, path()).await;
    let begun = Arc::new(AtomicBool::new(false));
    let begin = Arc::clone(&begun);
    let waiting = disk.run(path(), move || begin.store(true, Ordering::SeqCst));
    assert!(waiting.now_or_never().is_none(), "it waits for its turn");
    assert_eq!(Arc::strong_count(&begun), 1);
    drop(hung);
    disk.run(path(), || ()).await.unwrap();
    assert!(!begun.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_deadline_nor_again_for_what_was_silent() {
    let disk = disk(1);
    let hung = hang(&disk, path()).await;
    let silent = |path: &Path| DiskError::Silent {
        path: path.to_owned(),
        within: LONG,
    };
    let asked = Instant::now();
    // It waits for its turn in vain.
    let other = Path::new("/plugins/b.wasm");
    let error = disk.run(other, || ()).await.unwrap_err();
    assert_eq!(error, silent(other));
    assert!(asked.elapsed() >= LONG);
    let text = error.to_string();
    assert!(
        text.contains("/plugins/b.wasm did not answer within 1m"),
        "{text}"
    );
    let asked = Instant::now();
    assert_eq!(disk.run(path(), || ()).await, Err(silent(path())));
    assert_eq!(asked.elapsed(), Duration::ZERO);
    // The threads do not wait by this clock.
    tokio::time::resume();
    drop(hung);
    assert_eq!(disk.run(other, || 1).await, Ok(1));
    assert_eq!(disk.run(path(), || 2).await, Ok(2));
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[tokio::test]
async fn a_result_that_nobody_takes_and_whose_drop_panics_ends_neither_thread_nor_process() {
    let disk = disk(1);
    let (tell, begun) = oneshot::channel();
    let (closed, gate) = channel::<()>();
    let asking = disk.clone();
    let waiting = tokio::spawn(async move {
        let work = move || {
            let _ = tell.send(());
            let _ = gate.recv();
            Bomb
        };
        asking.run(path(), work).await.map(drop)
    });
    begun.await.expect("it is begun");
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    drop(closed);
    assert_eq!(disk.run(path(), || 1).await, Ok(1));
}

#[test]
fn work_that_nobody_waits_for_and_whose_drop_panics_goes_no_further() {
    let (tell, done) = oneshot::channel();
    drop(done);
    let bomb = Bomb;
    carry_out(move || drop(bomb), tell);
}
