//! Texts that spin, leak and flood.

use super::{Answers, DoesNotStart, Fails, beside_a_neighbour, twin};

const TOO_LONG: &str = "deadline of 300ms exceeded";

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_all_the_time_is_ended() {
    beside_a_neighbour(&[
        twin("catches", "", "for (;;) { try { for (;;); } catch {} finally { continue; } }", Fails(TOO_LONG)),
        twin("expression", "", "/^(a+)+$/.test(`${'a'.repeat(60)}!`);", Fails(TOO_LONG)),
        twin("expressions", "", "for (;;) { try { /(x+x+)+y/.exec('x'.repeat(60)); } catch {} }", Fails(TOO_LONG)),
        twin("jobs", "", "const on = () => { Promise.resolve().then(on); };\non();\nawait new Promise(() => {});", Fails(TOO_LONG)),
        twin("timers", "", "const on = () => setTimeout(on, 0);\non();\nawait new Promise((end) => { while (false) end(); setInterval(() => { for (let n = 0; n < 1e6; n += 1); }, 0); });", Fails(TOO_LONG)),
        twin("sorts", "", "for (;;) Array.from({ length: 10000 }, (_, n) => -n).sort();", Fails(TOO_LONG)),
        twin("big", "", "let n = 3n; for (;;) n *= n;", Fails("")),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_all_the_memory_is_told_and_goes_on() {
    const FULL: &str = "InternalError: out of memory";
    beside_a_neighbour(&[
        twin("arrays", "", "const all = []; for (;;) all.push(new Uint8Array(65536).fill(1));", Fails(FULL)),
        twin("strings", "", "let text = 'ab'; for (;;) text = (text + text).replace('a', 'b');", Fails("Error: ")),
        twin("longest", "", "answer(told(() => 'x'.repeat(2 ** 30)));", Answers("RangeError: invalid")),
        twin("doubled-jobs", "", "const on = () => { Promise.resolve().then(on); Promise.resolve().then(on); };\non();\nawait new Promise(() => {});", Fails("")),
        twin("caught", "", "const thrown = told(() => { const all = []; for (;;) all.push(`${all.length}`.repeat(1000)); });\nanswer(thrown);", Answers(FULL)),
        twin("listeners", "for (let n = 0; n < 1e6; n += 1) listen(`custom.n${n}`, () => {});", "", DoesNotStart("a plugin may declare 256 listeners")),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_too_much_is_cut_off() {
    beside_a_neighbour(&[
        twin(
            "lines",
            "",
            "for (;;) console.log('flood');",
            Fails(TOO_LONG),
        ),
        twin(
            "line",
            "",
            "console.log('x'.repeat(4e6));\nanswer('said');",
            Answers("said"),
        ),
        twin(
            "reason",
            "",
            "throw new Error('x'.repeat(4e6));",
            Fails("Error: xxxx"),
        ),
        twin("thrown", "", "throw 'x'.repeat(4e6);", Fails("xxxx")),
        twin(
            "events",
            "",
            "for (;;) { try { send('flood'); } catch {} }",
            Fails(TOO_LONG),
        ),
        twin(
            "event",
            "",
            "answer(told(() => send('big', { data: 'x'.repeat(1.5e6) })));",
            Answers("Error: "),
        ),
        twin(
            "type",
            "",
            "answer(told(() => send('x'.repeat(1e6))));",
            Answers("Error: "),
        ),
    ])
    .await;
}
