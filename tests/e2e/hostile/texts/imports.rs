//! Imports of what is not granted or not there, in circles, and odd names.

use super::{Answers, DoesNotStart, Fails, beside_a_neighbour, twin};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_imported_but_texts_of_the_folder() {
    beside_a_neighbour(&[
        twin(
            "computed",
            "",
            "const names = ['node:fs', './../../etc/passwd', '../../x.js', '/etc/passwd', 'file:///etc/passwd',\n\
             \x20 'hearken:engine/script', 'wasi:http/types', 'lodash', '', '.', './', './computed.js/../x', './\\0', 'x'.repeat(1e5)];\n\
             const got = [];\n\
             for (const name of names) got.push(await import(name).then(() => `${name} is there`, (error) => error.name));\n\
             answer([...new Set(got)]);",
            Answers("\"SyntaxError\""),
        ),
        twin("itself", "", "const self = await import('./itself.js');\nanswer(Object.keys(self).length);", Answers("0")),
        twin("hearken", "", "const { listen: late } = await import('hearken');\nanswer(told(() => late('custom.x', () => {})));", Answers("listen is for the top of the file")),
        twin("outside", "import './../../etc/passwd';", "", DoesNotStart("cannot import \\\"./../../etc/passwd\\\": it lies outside of the plugins folder (outside.js:")),
        twin("neighbour", "import './recorder.js';", "", DoesNotStart("cannot import \\\"./recorder.js\\\"")),
        twin("node", "const fs = await import('node:fs');", "", DoesNotStart("a plugin is no Node program and has no `fs`")),
        twin("required", "const fs = require('fs');", "", DoesNotStart("require is not defined")),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_shown_as_they_can_be() {
    beside_a_neighbour(&[
        twin(
            "odd",
            "for (const name of ['a\\nb', '\\u0000', '\\u202e', '\\u009b', '\\ud800', '  ', 'ü🦀', 'n'.repeat(100000)]) {\n\
             \x20 const handler = () => { throw new Error('odd'); };\n\
             \x20 Object.defineProperty(handler, 'name', { value: name });\n\
             \x20 listen('custom.odd', handler);\n\
             }",
            "answer('is there');",
            Answers("is there"),
        ),
        twin("number", "const handler = () => {}; Object.defineProperty(handler, 'name', { value: 5 }); listen('custom.odd', handler);", "answer('is there');", Answers("is there")),
        twin("getter", "const handler = () => {}; Object.defineProperty(handler, 'name', { get() { throw new Error('no name'); } }); listen('custom.odd', handler);", "answer('is there');", DoesNotStart("Error: no name")),
        twin("pattern", "listen(['custom.a', { toString() { return 'custom.b'; } }], () => {});", "", DoesNotStart("TypeError: ")),
        twin("thrown", "", "throw Object.assign(new Error('a\\u001b[31mred\\nb\\u202e'), { name: 'N\\u0000' });", Fails("red")),
    ])
    .await;
}
