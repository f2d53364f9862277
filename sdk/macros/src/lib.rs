//! The attribute macros of `hearken-sdk`, which re-exports them.

mod arguments;
mod function;
mod methods;
mod registration;

use proc_macro::TokenStream;

/// Makes a function a listener of the plugin.
///
/// ```
/// use hearken_sdk::Event;
///
/// #[hearken_sdk::listener("custom.hello.*")]
/// fn greet(event: Event) {
///     println!("hello, {}", event.subject().unwrap_or("world"));
/// }
/// ```
///
/// Arguments:
/// - one or more patterns on the event's type, as string literals: `*` matches any
///   run of characters, `{a,b}` is either, everything else is literal. Types that
///   plugins and clients publish all begin with `custom.`;
/// - `subject = "…"`: only events with exactly this subject;
/// - `channel = "…"`: only events of this durable channel;
/// - `local_only`: only events published on this node.
///
/// The function takes the event (`Event` or `&Event`) and, if it likes, its JSON
/// data as a second parameter of any `Deserialize` type. It returns nothing or
/// `Result<(), E>` with an `E` that can be displayed. It stays a plain function, so
/// tests can call it.
///
/// A plugin may have any number of listeners, in any of its modules. The host
/// delivers an event once; it goes to each listener that it matches, in the order
/// of their source. An event that matches none of them, because the manifest's
/// `subscribe` asks for other types, goes to all of them.
#[proc_macro_attribute]
pub fn listener(arguments: TokenStream, item: TokenStream) -> TokenStream {
    function::expand(arguments.into(), item.into()).into()
}

/// Makes methods of a struct with state listeners of the plugin.
///
/// ```
/// use hearken_sdk::Event;
///
/// #[derive(Default)]
/// struct Counter {
///     seen: u64,
/// }
///
/// #[hearken_sdk::listeners]
/// impl Counter {
///     #[listener("custom.cart.*")]
///     fn count(&mut self, event: &Event) {
///         self.seen += 1;
///         println!("{} is number {}", event.event_type(), self.seen);
///     }
/// }
/// ```
///
/// Each method with `#[listener(…)]` is one listener, with the arguments and the
/// signature of a listener function after `&mut self` or `&self`. There is one
/// value of the struct: it is made by `Default` for the first event, and lives
/// until the plugin's instance ends by a reload, a trap or the node's end.
#[proc_macro_attribute]
pub fn listeners(arguments: TokenStream, item: TokenStream) -> TokenStream {
    methods::expand(arguments.into(), item.into()).into()
}
