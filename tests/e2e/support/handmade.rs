//! Components written by hand, for what no toolchain makes.

use super::plugin::{Plugin, file};

/// A component around a core module's items. Its function `$handle` (no parameters,
/// no results) is called for each event of type `custom.NAME.*`.
pub fn handmade(name: &str, items: &str) -> Plugin {
    let text = format!(
        r#"(component
    (core module $module
        (memory (export "memory") 1)
        {items}
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "handle") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
            (call $handle)
            (i32.const 0)))
    (core instance $instance (instantiate $module))
    (type $message (record
        (field "subject" string)
        (field "body" (list u8))
        (field "reply-to" (option string))))
    (component $handler
        (type $record (record
            (field "subject" string)
            (field "body" (list u8))
            (field "reply-to" (option string))))
        (import "message" (type $message (eq $record)))
        (import "handle" (func $handle
            (param "msg" $message) (result (result (error string)))))
        (export $exported "broker-message" (type $message))
        (export "handle-message" (func $handle) (func
            (param "msg" $exported) (result (result (error string))))))
    (func $handle (param "msg" $message) (result (result (error string)))
        (canon lift (core func $instance "handle")
            (memory (core memory $instance "memory"))
            (realloc (core func $instance "realloc"))))
    (instance $exported (instantiate $handler
        (with "message" (type $message))
        (with "handle" (func $handle))))
    (export "wasmcloud:messaging/handler@0.2.0" (instance $exported)))"#
    );
    let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    file(name, bytes).manifest(&format!("subscribe = [\"custom.{name}.*\"]\n"))
}
