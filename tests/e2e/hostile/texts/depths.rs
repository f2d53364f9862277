//! What is nested without end, and what calls itself. None of it ends an instance: it is an error
//! that its author can catch.

use super::{Answers, Fails, PATIENT, Twin, beside_a_neighbour, twin};

const TOO_DEEP: &str = "RangeError: Maximum call stack size exceeded";

/// Says what something throws that is done with a value within a value within a value.
fn nested(name: &'static str, what: &str) -> Twin {
    let body = format!(
        "let deep = [];\n\
         for (let n = 0; n < 50000; n += 1) deep = [deep];\n\
         answer(told(() => {{ {what} }}));"
    );
    patient(twin(name, "", &body, Answers(TOO_DEEP)))
}

/// With the time that it takes to come so deep.
fn patient(twin: Twin) -> Twin {
    Twin {
        limits: PATIENT,
        ..twin
    }
}

/// Says what a call throws.
fn called(name: &'static str, what: &str) -> Twin {
    let body = format!("answer(told(() => {{ {what} }}));");
    patient(twin(name, "", &body, Answers(TOO_DEEP)))
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_nested_too_deep_are_errors() {
    beside_a_neighbour(&[
        called(
            "parse",
            "JSON.parse('['.repeat(50000) + ']'.repeat(50000));",
        ),
        called(
            "parse-objects",
            "JSON.parse('{\"a\":'.repeat(50000) + '1' + '}'.repeat(50000));",
        ),
        nested("stringify", "JSON.stringify(deep);"),
        nested("send-deep", "send('deep', { data: deep });"),
        nested("flat", "deep.flat(Infinity);"),
        nested("join", "String(deep);"),
        nested("clone", "structuredClone(deep);"),
        called(
            "proxies",
            "let p = {}; for (let n = 0; n < 50000; n += 1) p = new Proxy(p, {}); p.x;",
        ),
        called(
            "classes",
            "let C = class {}; for (let n = 0; n < 20000; n += 1) C = class extends C {}; new C();",
        ),
        twin(
            "causes",
            "",
            "let error = new Error('0');\n\
             for (let n = 1; n < 100000; n += 1) error = new Error(`${n}`, { cause: error });\n\
             throw error;",
            Fails("caused by Error: 99998"),
        ),
        twin(
            "logged",
            "",
            "let deep = {};\n\
             for (let n = 0; n < 50000; n += 1) deep = { deep };\n\
             console.log(deep);\n\
             answer('logged');",
            Answers("logged"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_calls_itself_without_end_is_an_error() {
    beside_a_neighbour(&[
        called("getter", "const o = { get x() { return this.x; } }; o.x;"),
        called(
            "primitive",
            "const o = { [Symbol.toPrimitive]() { return +o; } }; +o;",
        ),
        called(
            "to-json",
            "const o = { toJSON() { return JSON.stringify(o); } }; send('o', { data: o });",
        ),
        called(
            "generators",
            "function* g(n) { yield* g(n + 1); } g(0).next();",
        ),
        called("replacer", "const f = () => 'a'.replace(/a/, f); f();"),
        called("from", "const f = () => Array.from([1], f); f();"),
        called("sort", "const f = () => [2, 1].sort(f); f();"),
        called(
            "options",
            "const p = new Proxy({}, { ownKeys() { send('x', p); return []; } }); send('x', p);",
        ),
        // Nothing of what is logged is called.
        twin(
            "log",
            "",
            "answer(told(() => {\n\
             const p = new Proxy({}, { ownKeys() { console.log(p); return []; } });\n\
             console.log(p);\n\
             }));",
            Answers("nothing is thrown"),
        ),
        called("evaluated", "const f = () => eval('f()'); f();"),
        called("bound", "const f = () => Reflect.apply(f, null, []); f();"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_nested_too_deep_is_an_error() {
    beside_a_neighbour(&[
        called(
            "brackets",
            "eval('('.repeat(50000) + '1' + ')'.repeat(50000));",
        ),
        called("arrays", "eval('['.repeat(50000) + ']'.repeat(50000));"),
        called("blocks", "eval('{'.repeat(50000) + '}'.repeat(50000));"),
        called("signs", "eval('- '.repeat(50000) + '1');"),
        called("powers", "eval('2**'.repeat(50000) + '1');"),
        called("choices", "eval('1?1:'.repeat(50000) + '1');"),
        called(
            "templates",
            "eval('`${'.repeat(20000) + '1' + '}`'.repeat(20000));",
        ),
        twin(
            "groups",
            "",
            "answer(told(() => new RegExp('('.repeat(50000) + ')'.repeat(50000))));",
            Answers("SyntaxError: too many captures"),
        ),
        twin(
            "unnamed-groups",
            "",
            "answer(told(() => new RegExp('(?:'.repeat(50000) + ')'.repeat(50000))));",
            Answers("Error: "),
        ),
    ])
    .await;
}
