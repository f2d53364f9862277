//! The attribute macros of `hearken-sdk`, which re-exports them.

mod arguments;
mod function;
mod hooks;
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
/// - `channel = "…"`: the events of this durable channel, each at least once and in order
///   for each subject, also those that were appended while the plugin was not there. One
///   that fails is tried again after a while; see `hearken_sdk::Reject` for one that is not
///   worth it;
/// - `from = "first"`, `"new"` or a number: where to begin in a channel in which the plugin
///   has no place yet: with its first event, which is the default, with the next one, or
///   behind the event of this number;
/// - `live`: of the channel's events those that come while the plugin runs, at most once, as
///   of events that go to no channel. Of several channels at once, `channel = "chat:*"`, there
///   are no others;
/// - `local_only`: only events published on this node.
///
/// The function takes the event (`Event` or `&Event`) and, if it likes, its JSON
/// data as a second parameter of any `Deserialize` type. It returns nothing or
/// `Result<(), E>` with an `E` that can be displayed. It stays a plain function, so
/// tests can call it.
///
/// A plugin may have any number of listeners, in any of its modules. The host
/// delivers an event once; it goes to each listener that it matches, in the order
/// of their source. A delivery of a channel goes to the listeners on that channel, a live
/// one to the others. An event that matches none of them, because the manifest's
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

/// Has the methods of a struct answer what sessions of clients ask.
///
/// ```
/// use hearken_sdk::sessions::{Refusal, Session, Subscribed, Subscribing};
///
/// #[derive(Default)]
/// struct Doorman {
///     let_in: u64,
/// }
///
/// #[hearken_sdk::sessions("chat")]
/// impl Doorman {
///     fn subscribe(
///         &mut self,
///         session: &Session,
///         request: &Subscribing,
///     ) -> Result<Subscribed, Refusal> {
///         if session.user.is_empty() {
///             return Err(Refusal::permission_denied());
///         }
///         self.let_in += 1;
///         println!("{} is number {} in {}", session.user, self.let_in, request.channel);
///         Ok(Subscribed::new())
///     }
/// }
/// ```
///
/// Each method of one of these names is asked; others are methods like any other, and what has
/// no method is not asked:
/// - `connect(&mut self, request: &Connecting) -> Result<Connected, E>`;
/// - `refresh(&mut self, session: &Session, token: Option<&str>) -> Result<Refreshed, E>`;
/// - `subscribe(&mut self, session: &Session, request: &Subscribing) -> Result<Subscribed, E>`;
/// - `sub_refresh(&mut self, session: &Session, channel: &str) -> Result<Refreshed, E>`;
/// - `publish(&mut self, session: &Session, request: &Publishing) -> Result<Published, E>`;
/// - `rpc(&mut self, session: &Session, method: &str, data: &[u8]) -> Result<Vec<u8>, E>`.
///
/// `E` is `Refusal`, or whatever becomes one by `Into`. The arguments are the namespaces of
/// channels that the plugin answers for; without any it is whichever it is asked about.
///
/// There is one value of the struct: it is made by `Default` for the first question, and lives
/// until the plugin's instance ends by a reload, a trap or the node's end. A plugin has one such
/// block, beside as many listeners as it likes.
#[proc_macro_attribute]
pub fn sessions(arguments: TokenStream, item: TokenStream) -> TokenStream {
    hooks::expand(arguments.into(), item.into()).into()
}
