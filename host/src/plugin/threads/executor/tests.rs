use super::*;
use crate::plugin::code::engine::new_engine;
use crate::plugin::threads::task::current_poll;
use crate::plugin::threads::ticker::TICK;

fn executor(threads: usize) -> Executor {
    let ticker = Arc::new(Ticker::start(new_engine().unwrap()).unwrap());
    Executor::new(threads, &tokio::runtime::Handle::current(), &ticker).unwrap()
}

#[tokio::test]
async fn a_task_changes_between_foreground_and_background_when_it_is_woken() {
    let executor = executor(2);
    let handle = executor.handle(1, TICK);
    let background = executor
        .spawn(Arc::clone(&handle), async move {
            let mut background = Vec::new();
            for caught_up in [false, true] {
                background.push(current_poll().map(|poll| poll.in_background));
                handle.move_to_background();
                handle.set_caught_up(caught_up);
                tokio::task::yield_now().await;
            }
            background.push(current_poll().map(|poll| poll.in_background));
            background
        })
        .await;
    assert_eq!(background, [Some(false), Some(true), Some(false)]);
}

#[tokio::test]
async fn a_task_can_step_back_and_returns_once_it_has_nothing_to_do() {
    let executor = executor(1);
    let handle = executor.handle(1, TICK);
    let own = Arc::clone(&handle);
    let polls = executor.spawn(Arc::clone(&handle), async move {
        own.step_back().await;
        let back = current_poll().map(|poll| poll.in_background);
        own.set_caught_up(true);
        tokio::task::yield_now().await;
        (back, current_poll().map(|poll| poll.in_background))
    });
    assert_eq!(polls.await, (Some(true), Some(false)));
}

#[tokio::test]
async fn dropping_the_executor_ends_its_threads() {
    let executor = executor(1);
    let (held, ended) = tokio::sync::oneshot::channel::<()>();
    let task = executor.spawn(executor.handle(1, TICK), async move {
        let _held = held;
        std::future::pending::<()>().await;
    });
    drop(task);
    drop(executor);
    let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
    assert!(ended.expect("what it ran is dropped").is_err());
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[tokio::test]
async fn a_task_whose_drop_panics_ends_neither_thread_nor_process() {
    let executor = executor(1);
    let bomb = Bomb;
    let task = executor.spawn(executor.handle(1, TICK), async move {
        let _bomb = &bomb;
        std::future::pending::<()>().await;
    });
    assert_eq!(task.cancel().await, None);
    let task = executor.spawn(executor.handle(1, TICK), async { 1 });
    assert_eq!(task.await, 1);
}

fn work_for(time: Duration) {
    let began = ThreadTime::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Works for some ticks and rests for one, again and again; returns how many of so
/// many turns were in the background.
async fn bursts(executor: &Executor, handle: &Arc<TaskHandle>, turns: usize) -> usize {
    let own = Arc::clone(handle);
    let task = executor.spawn(Arc::clone(handle), async move {
        let mut background = 0;
        for _ in 0..turns {
            background += usize::from(current_poll().is_some_and(|poll| poll.in_background));
            work_for(5 * TICK);
            own.set_caught_up(true);
            tokio::time::sleep(TICK).await;
            own.set_caught_up(false);
        }
        background
    });
    task.await
}

#[tokio::test]
async fn whoever_works_in_bursts_ends_up_in_the_background_and_comes_back_by_rest() {
    const TURNS: usize = 100;
    let executor = executor(1);
    let handle = executor.handle(1, TICK);
    let background = bursts(&executor, &handle, TURNS).await;
    assert!(background > TURNS / 2, "{background} of {TURNS}");
    assert!(handle.in_background());
    let own = Arc::clone(&handle);
    let task = executor.spawn(Arc::clone(&handle), async move {
        own.set_caught_up(true);
        tokio::time::sleep(Duration::from_secs(1)).await;
        current_poll().map(|poll| poll.in_background)
    });
    assert_eq!(task.await, Some(false));
}
