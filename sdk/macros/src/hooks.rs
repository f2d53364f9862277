//! `#[sessions]` on the `impl` block of a struct that answers what sessions ask.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, Result, Token};

const USAGE: &str = "`#[sessions(\"chat\")]` goes on the `impl` block of a struct: `impl Chat { fn subscribe(&mut self, session: &Session, request: &Subscribing) -> Result<Subscribed, Refusal> { … } }`";

/// Longest name of a namespace, in bytes.
const MAX_NAMESPACE_BYTES: usize = 63;

/// A question, and the parameters of the method that answers it.
struct Question {
    name: &'static str,
    parameters: &'static [&'static str],
}

const QUESTIONS: [Question; 6] = [
    Question {
        name: "connect",
        parameters: &["request: &Connecting"],
    },
    Question {
        name: "refresh",
        parameters: &["session: &Session", "token: Option<&str>"],
    },
    Question {
        name: "subscribe",
        parameters: &["session: &Session", "request: &Subscribing"],
    },
    Question {
        name: "sub_refresh",
        parameters: &["session: &Session", "channel: &str"],
    },
    Question {
        name: "publish",
        parameters: &["session: &Session", "request: &Publishing"],
    },
    Question {
        name: "rpc",
        parameters: &["session: &Session", "method: &str", "data: &[u8]"],
    },
];

/// The block as it was written, and the registration of its hooks or what is wrong with it.
pub fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let registration = register(arguments, item.clone()).unwrap_or_else(Error::into_compile_error);
    quote! {
        #item
        #registration
    }
}

fn register(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let first: TokenStream = item.clone().into_iter().take(1).collect();
    let block: ItemImpl = syn::parse2(item).map_err(|error| match first.to_string().as_str() {
        "impl" | "#" => error,
        _ => Error::new_spanned(first, USAGE),
    })?;
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new_spanned(path, USAGE));
    }
    if !block.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &block.generics,
            "the struct of `#[sessions]` cannot be generic: the plugin has one value of it",
        ));
    }
    let namespaces = namespaces(arguments)?;
    let state = format_ident!("STATE", span = Span::mixed_site());
    let mut hooks = Vec::new();
    for item in &block.items {
        let ImplItem::Fn(method) = item else { continue };
        let is_it = |question: &&Question| method.sig.ident == question.name;
        if let Some(question) = QUESTIONS.iter().find(is_it) {
            hooks.push(hook(method, question, &state)?);
        }
    }
    if hooks.is_empty() {
        let names = QUESTIONS.map(|question| format!("`{}`", question.name));
        return Err(Error::new_spanned(
            block.impl_token,
            format!(
                "no method answers a session; name one of them {}",
                names.join(", ")
            ),
        ));
    }
    let self_type = &block.self_ty;
    let default = quote_spanned! {self_type.span()=>
        <#self_type as ::core::default::Default>::default()
    };
    Ok(quote! {
        const _: () = {
            ::std::thread_local! {
                static #state: ::std::cell::RefCell<#self_type> =
                    ::std::cell::RefCell::new(#default);
            }
            ::hearken_sdk::__private::inventory::submit! {
                ::hearken_sdk::__private::SessionHooks {
                    namespaces: &[#(#namespaces),*],
                    version: ::core::env!("CARGO_PKG_VERSION"),
                    #(#hooks,)*
                    ..::hearken_sdk::__private::SessionHooks::NONE
                }
            }
            ::hearken_sdk::__export_sessions!();
        };
    })
}

/// The namespaces that are named, checked.
fn namespaces(arguments: TokenStream) -> Result<Vec<LitStr>> {
    let parsed = Punctuated::<LitStr, Token![,]>::parse_terminated.parse2(arguments);
    let parsed = parsed.map_err(|error| {
        Error::new(
            error.span(),
            "`sessions` takes the names of namespaces as string literals, e.g. `#[sessions(\"chat\")]`",
        )
    })?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    for name in &parsed {
        let value = name.value();
        if value.is_empty() || value.len() > MAX_NAMESPACE_BYTES || !value.chars().all(is_allowed) {
            return Err(Error::new(
                name.span(),
                "a namespace has 1 to 63 characters of A-Z a-z 0-9 . _ -, and no channel's name \
                 after it",
            ));
        }
    }
    Ok(parsed.into_iter().collect())
}

/// The field of the registration for a method.
fn hook(method: &ImplItemFn, question: &Question, state: &Ident) -> Result<TokenStream> {
    let signature = &method.sig;
    let name = &signature.ident;
    let expected = || {
        format!(
            "write `fn {name}(&mut self, {})`",
            question.parameters.join(", ")
        )
    };
    if let Some(keyword) = &signature.asyncness {
        return Err(Error::new_spanned(
            keyword,
            "a hook is not `async`: a session waits for its answer; write a plain `fn`",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &signature.generics,
            "a hook cannot be generic: nobody would choose the types; name them",
        ));
    }
    match signature.receiver() {
        Some(receiver) if receiver.reference.is_some() && receiver.colon_token.is_none() => {}
        Some(receiver) => return Err(Error::new_spanned(receiver, expected())),
        None => return Err(Error::new_spanned(signature, expected())),
    }
    let parameters: Vec<&FnArg> = signature.inputs.iter().skip(1).collect();
    if parameters.len() != question.parameters.len() {
        return Err(Error::new_spanned(signature, expected()));
    }
    let numbers = 0..parameters.len();
    let values: Vec<Ident> = numbers
        .map(|number| format_ident!("value_{}", number, span = Span::mixed_site()))
        .collect();
    let span = signature.output.span();
    let call = quote_spanned! {span=>
        #state.with_borrow_mut(|state| state.#name(#(#values),*))
            .map_err(::core::convert::Into::into)
    };
    Ok(quote! {
        #name: ::core::option::Option::Some(|#(#values),*| #call)
    })
}
