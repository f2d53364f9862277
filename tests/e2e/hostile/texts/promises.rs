//! Promises that are never settled, or more than once, or after their event.

use super::{Answers, DoesNotStart, Fails, beside_a_neighbour, twin};

const NEVER: &str = "it waits for a promise that nothing can settle any more";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_settled_is_found() {
    beside_a_neighbour(&[
        twin("never", "", "await new Promise(() => {});", Fails(NEVER)),
        twin("thenable", "", "return { then() {} };", Fails(NEVER)),
        twin("at-the-top", "await new Promise(() => {});", "", DoesNotStart(NEVER)),
        twin("endless-top", "for (;;);", "", DoesNotStart("deadline of 300ms exceeded")),
        twin(
            "busy-top",
            "await new Promise(() => { const on = () => { Promise.resolve().then(on); }; on(); });",
            "",
            DoesNotStart("deadline of 300ms exceeded"),
        ),
        // It is over when the event is that began it.
        twin(
            "kept",
            "let kept; let seen = 0;",
            "seen += 1;\n\
             kept ??= fetch('http://a.example/').catch((error) => error);\n\
             if (seen === 1) { answer('begun'); return; }\n\
             const late = await Promise.race([kept, new Promise((end) => setTimeout(end, 5, 'late'))]);\n\
             answer(`begun, and ${late}`);",
            Answers("begun"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_settled_twice_is_settled_once() {
    beside_a_neighbour(&[
        twin(
            "twice",
            "",
            "answer('once');\n\
             return { then(resolve, reject) { resolve(1); reject(new Error('2')); resolve(3); throw new Error('4'); } };",
            Answers("once"),
        ),
        twin("thrown", "", "return { get then() { throw new Error('no then'); } };", Fails("Error: no then")),
        twin(
            "ring",
            "",
            "const ring = { then(resolve) { resolve(ring); } };\nawait ring;",
            Fails("deadline of 300ms exceeded"),
        ),
        twin(
            "handled-late",
            "",
            "const rejected = Array.from({ length: 5000 }, (_, n) => Promise.reject(new Error(n)));\n\
             await 1;\n\
             answer((await Promise.allSettled(rejected)).length);",
            Answers("5000"),
        ),
        twin(
            "never-handled",
            "",
            "for (let n = 0; n < 20000; n += 1) Promise.reject(new Error(`number ${n}`));",
            Fails("Error: number 0"),
        ),
        twin(
            "rejecting",
            "",
            "const rejected = () => {\n\
             \x20 const error = new Error('mine');\n\
             \x20 Object.defineProperty(error, 'stack', { get() { Promise.reject(rejected()); return ''; } });\n\
             \x20 return error;\n\
             };\n\
             Promise.reject(rejected());",
            Fails("Error: mine"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_when_a_value_is_gone_runs_within_an_event() {
    beside_a_neighbour(&[
        twin(
            "finalizers",
            "const gone = new FinalizationRegistry(() => { for (;;); });",
            "(() => { for (let n = 0; n < 100; n += 1) gone.register({ n }, n); })();\n\
             await 1;",
            Fails("deadline of 300ms exceeded"),
        ),
        twin(
            "again-and-again",
            "const gone = new FinalizationRegistry((n) => gone.register({}, n + 1));",
            "gone.register({}, 1);\nawait 1;",
            Fails("deadline of 300ms exceeded"),
        ),
        twin(
            "weak",
            "let weak;",
            "weak ??= new WeakRef({ of: event.data });\n\
             await 1;\n\
             answer(weak.deref()?.of);",
            Answers(""),
        ),
    ])
    .await;
}
