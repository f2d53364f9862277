//! Texts that put something else in the place of what the engine may rely on. What they break is
//! theirs; the engine goes on, and nothing is told that is not so.

use super::{Answers, Fails, beside_a_neighbour, twin};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_text_makes_of_the_globals_is_its_own() {
    beside_a_neighbour(&[
        // In whose constructors the engine's own functions are called again.
        twin(
            "errors",
            "globalThis.RangeError = globalThis.TypeError = globalThis.Error = class {\n\
             \x20 constructor() { setTimeout(() => {}, 1); fetch('http://a.example/'); }\n\
             };",
            "const set = () => { for (let n = 0; n < 2000; n += 1) setTimeout(() => {}, 1); };\n\
             answer(told(set) + told(() => send(5)));",
            Answers("RangeError: no more than 1024 timers can be setTypeError: send"),
        ),
        twin(
            "no-errors",
            "for (const name of ['Error', 'TypeError', 'RangeError']) delete globalThis[name];",
            "answer(told(() => send(5)));",
            Answers("TypeError: send: the type is a text"),
        ),
        twin(
            "json",
            "JSON.parse = () => 'forged'; JSON.stringify = () => 'forged'; globalThis.JSON = null;",
            "answer(event.data);",
            Answers("answers"),
        ),
        twin(
            "promises",
            "Promise.prototype.then = () => { throw new Error('then'); };\n\
             Promise.resolve = null;\n\
             globalThis.Promise = undefined;",
            "await 1;\n\
             await (async () => 2)();\n\
             answer('awaited');",
            Answers("awaited"),
        ),
        twin(
            "arrays",
            "for (const name of ['push', 'map', 'join', 'filter']) Array.prototype[name] = null;\n\
             Object.defineProperty(Array.prototype, '0', { set() { throw new Error('set'); } });\n\
             Array.prototype[Symbol.iterator] = () => { throw new Error('iterator'); };",
            "answer(event.data);",
            Answers("answers"),
        ),
        twin(
            "objects",
            "for (const name of ['data', 'subject', 'type', 'name', 'message']) {\n\
             \x20 Object.defineProperty(Object.prototype, name, {\n\
             \x20   get() { return undefined; },\n\
             \x20   set() { throw new Error(`polluted ${name}`); },\n\
             \x20 });\n\
             }",
            "send('answered', { subject: 'objects', data: `got ${event.data}` });",
            Answers("got "),
        ),
        twin(
            "then",
            "Object.prototype.then = function (resolve) { resolve(1); };",
            "answer('done');",
            Answers("done"),
        ),
        twin(
            "species",
            "Object.defineProperty(Uint8Array, Symbol.species, { value: class { constructor() { return [1]; } } });\n\
             class P extends Promise { static get [Symbol.species]() { throw new Error('species'); } }",
            "const thrown = await new Promise((resolve) => resolve(told(() => new P(() => {}).then())));\n\
             send('bytes', { data: new Uint8Array([1, 2]) });\n\
             answer(thrown);",
            Answers("Error: species"),
        ),
        twin("frozen", "", "Object.freeze(event);\nanswer(event.data + event.data);", Answers("answers")),
        twin(
            "event",
            "let kept;",
            "kept ??= Object.getPrototypeOf(event);\n\
             const get = Object.getOwnPropertyDescriptor(kept, 'data').get;\n\
             Object.defineProperty(kept, 'id', { get() { return 'forged'; } });\n\
             answer(told(() => get.call({})) + event.toJSON().id);",
            Answers("Error"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_run_when_they_are_looked_at_are_only_looked_at() {
    beside_a_neighbour(&[
        twin(
            "getters",
            "",
            "answer(told(() => send('x', { data: { get a() { throw new Error('from a getter'); } } })));",
            Answers("Error: from a getter"),
        ),
        twin(
            "options",
            "",
            "const options = new Proxy({}, {\n\
             \x20 ownKeys: () => ['data', 'subject'],\n\
             \x20 getOwnPropertyDescriptor: () => ({ value: 1, configurable: true, enumerable: true }),\n\
             \x20 get(_, name) { throw new Error(`from a proxy, ${name}`); },\n\
             });\n\
             answer(told(() => send('x', options)));",
            Answers("Error: from a proxy, "),
        ),
        twin(
            "long",
            "",
            "const data = new Proxy([], { get: (_, name) => (name === 'length' ? 2 ** 31 : 0) });\n\
             send('x', { data });",
            Fails(""),
        ),
        twin(
            "shrunk",
            "",
            "const buffer = new ArrayBuffer(8, { maxByteLength: 64 });\n\
             const data = new Uint8Array(buffer);\n\
             buffer.resize(2);\n\
             send('x', { data });\n\
             class Liar extends Uint8Array { get length() { return 1e9; } get byteLength() { return 1e9; } }\n\
             send('x', { data: new Liar(4) });\n\
             const moved = new Uint8Array(8);\n\
             moved.buffer.transfer();\n\
             answer(told(() => send('x', { data: moved })));",
            Answers("answers"),
        ),
        twin("name", "", "const error = new Error('mine');\n\
             Object.defineProperty(error, 'name', { get() { for (;;); } });\n\
             throw error;", Fails("deadline of 300ms exceeded")),
        twin("proxy", "", "throw new Proxy(new Error('mine'), { get(_, name) { throw new Error('trap'); } });", Fails("")),
        twin("bare", "", "throw Object.create(null);", Fails("")),
        twin("symbol", "", "throw Symbol('none');", Fails("ymbol")),
        twin("nothing", "", "throw undefined;", Fails("undefined")),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_down_errors_himself_is_not_believed_with_all() {
    beside_a_neighbour(&[
        twin(
            "throws",
            "Error.prepareStackTrace = () => { throw new Error('again'); };",
            "throw new TypeError('the first');",
            Fails(""),
        ),
        twin(
            "other",
            "Error.prepareStackTrace = (error, calls) => ({ error, calls });\n\
             Error.stackTraceLimit = -5;",
            "throw new TypeError('the first');",
            Fails("TypeError: the first"),
        ),
        twin(
            "endless",
            "Error.prepareStackTrace = () => { for (;;); };",
            "null.property;",
            Fails(""),
        ),
        twin(
            "within",
            "Error.prepareStackTrace = () => { for (let n = 0; n < 9; n += 1) setTimeout(() => {}, 1); return ''; };",
            "const many = () => { for (;;) setTimeout(() => {}, 1); };\n\
             answer(told(many));",
            Answers("Error"),
        ),
    ])
    .await;
}
