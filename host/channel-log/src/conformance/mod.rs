//! What every engine is held to: run it from a test of the engine.

mod appending;
mod cells;
mod channels;
mod restart;
mod retention;
mod trial;

pub use trial::{Bench, ManualEnvironment, event, key};

use trial::Trial;

/// Runs the suite; `bench` makes a place where no engine has been before.
///
/// # Panics
/// Where the engine does not conform.
pub async fn run<B: Bench>(mut bench: impl FnMut() -> B) {
    macro_rules! cases {
        ($($case:path,)*) => {
            $({
                let mut trial = Trial::new(bench());
                $case(&mut trial).await;
                trial.close().await;
            })*
        };
    }
    cases![
        channels::one_is_made_changed_and_removed,
        channels::a_new_one_of_the_same_name_is_another_log,
        channels::none_is_made_with_settings_that_cannot_be_honoured,
        channels::nothing_works_on_one_that_is_not_there,
        channels::watchers_see_the_bounds_change_and_the_end,
        channels::nothing_works_once_it_is_closed,
        appending::numbers_go_on_and_pages_have_them_all,
        appending::pages_are_as_long_as_asked_for,
        appending::what_is_expected_is_checked,
        appending::a_repeat_is_stored_once,
        appending::a_repeat_is_known_only_so_long,
        appending::time_does_not_go_back,
        appending::many_append_at_once,
        appending::a_batch_that_no_log_could_hold_is_refused,
        retention::as_many_events_are_kept_as_set,
        retention::no_more_bytes_are_kept_than_set,
        retention::events_are_kept_as_long_as_set,
        retention::a_clock_that_jumps_makes_nothing_old,
        retention::a_full_log_refuses_if_told_to,
        retention::what_is_not_read_is_kept,
        retention::what_is_trimmed_is_a_gap,
        cells::cells_have_versions,
        cells::changes_are_made_together_or_not_at_all,
        cells::cells_are_listed_in_order,
        cells::cells_go_with_their_channel,
        restart::everything_is_there_again,
        restart::repeats_are_known_again,
    ];
}
