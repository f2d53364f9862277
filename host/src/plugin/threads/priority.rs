//! What the system is told of threads that let others go first.

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_current_thread_priority, set_thread_priority_and_policy, thread_native_id,
};

/// Of 99, where 50 is normal: on Linux nice 5, with which a thread has a quarter of a
/// core that it shares with a busy thread of normal priority.
const POLITE: u8 = 35;

/// Puts this thread into `SCHED_IDLE` on Linux and lowest priority elsewhere.
pub(crate) fn enter_lowest_class() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    let entered = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    if let Err(error) = entered {
        tracing::warn!(
            ?error,
            "background plugin threads keep normal priority; busy plugins may slow others down"
        );
    }
}

/// Lets threads of normal priority have more of the CPU than this one.
pub(crate) fn be_polite() {
    let priority = ThreadPriorityValue::try_from(POLITE).expect("it is below 100");
    // At normal priority it is merely less polite.
    let _ = set_current_thread_priority(ThreadPriority::Crossplatform(priority));
}
