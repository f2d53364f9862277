//! The registration that every listener expands to.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Result, ReturnType, Signature, Type};

use crate::arguments::{Arguments, StartingPoint};

/// One listener, function or method.
pub struct Registration<'a> {
    /// What the host calls it.
    pub name: String,
    /// Position among the listeners of the same macro call.
    pub index: usize,
    pub arguments: Arguments,
    pub signature: &'a Signature,
    /// The parameters without `self`.
    pub parameters: Vec<&'a FnArg>,
}

/// Refuses what can be seen to be wrong without knowing types; the rest is left to
/// the traits `EventArgument` and `Outcome` of the SDK, with the author's spans.
pub fn check_signature(signature: &Signature, parameters: &[&FnArg]) -> Result<()> {
    if let Some(keyword) = &signature.asyncness {
        return Err(Error::new_spanned(
            keyword,
            "a listener is not `async`: the host gives it one event at a time and waits for it; write a plain `fn`",
        ));
    }
    if let Some(keyword) = &signature.unsafety {
        return Err(Error::new_spanned(
            keyword,
            "a listener is called by the host and cannot be `unsafe`",
        ));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new_spanned(
            abi,
            "a listener is a plain Rust `fn`; leave the ABI out",
        ));
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        let generics: &dyn ToTokens = match &signature.generics.where_clause {
            Some(clause) if signature.generics.params.is_empty() => clause,
            _ => &signature.generics,
        };
        return Err(Error::new_spanned(
            generics.to_token_stream(),
            "a listener cannot be generic: nobody would choose the types; name them",
        ));
    }
    match parameters {
        [_] => Ok(()),
        [_, data] => check_data(data),
        [] => Err(Error::new_spanned(
            signature,
            format!(
                "a listener takes the event: `fn {}(event: Event)`",
                signature.ident
            ),
        )),
        [_, _, third, ..] => Err(Error::new_spanned(
            third,
            "a listener takes the event and at most its data: `fn on_added(event: Event, data: Added)`",
        )),
    }
}

fn check_data(parameter: &FnArg) -> Result<()> {
    match parameter {
        FnArg::Typed(typed) if matches!(*typed.ty, Type::Reference(_)) => Err(Error::new_spanned(
            &typed.ty,
            "a listener owns its data; write the type without `&`, and `String` for `&str`",
        )),
        _ => Ok(()),
    }
}

impl Registration<'_> {
    /// The item that registers the listener; `call` makes the call of the author's
    /// function from its arguments.
    pub fn expand(&self, call: impl FnOnce(TokenStream) -> TokenStream) -> TokenStream {
        let Self {
            name,
            index,
            arguments,
            ..
        } = self;
        let event = format_ident!("event", span = Span::mixed_site());
        let data = format_ident!("data", span = Span::mixed_site());
        let mut values = Vec::new();
        let mut read_data = None;
        if let Some(first) = self.parameters.first() {
            let span = type_span(first);
            values.push(quote_spanned!(span=> ::hearken_sdk::__private::event(#event)));
        }
        if let Some(second) = self.parameters.get(1) {
            let span = type_span(second);
            let read = quote_spanned!(span=> ::hearken_sdk::__private::data(#event));
            read_data = Some(quote!(let #data = #read?;));
            values.push(quote!(#data));
        }
        let call = call(quote!(#(#values),*));
        // On the returned type's span, so that the author reads there what is wrong.
        let returned_span = match &self.signature.output {
            ReturnType::Default => Span::mixed_site(),
            ReturnType::Type(_, returned) => returned.span(),
        };
        let returned = Ident::new("returned", returned_span);
        let outcome = quote_spanned! {returned_span=>
            ::hearken_sdk::__private::Outcome::outcome(#returned)
        };
        let patterns = &arguments.patterns;
        let subject = option(arguments.subject.as_ref());
        let channel = option(arguments.channel.as_ref());
        let delivery = delivery(arguments);
        let local_only = arguments.local_only;
        quote! {
            ::hearken_sdk::__private::inventory::submit! {
                ::hearken_sdk::__private::Listener {
                    name: #name,
                    patterns: &[#(#patterns),*],
                    subject: #subject,
                    channel: #channel,
                    delivery: #delivery,
                    local_only: #local_only,
                    version: ::core::env!("CARGO_PKG_VERSION"),
                    place: (::core::file!(), ::core::line!(), #index),
                    handle: |#event| {
                        #read_data
                        let #returned = #call;
                        #outcome
                    },
                }
            }
        }
    }
}

fn delivery(arguments: &Arguments) -> TokenStream {
    let from = match &arguments.from {
        _ if arguments.is_live() => {
            return quote!(::hearken_sdk::__private::Delivery::Live);
        }
        None => quote!(::core::option::Option::None),
        Some(from) => {
            let point = match from {
                StartingPoint::First => quote!(First),
                StartingPoint::New => quote!(New),
                StartingPoint::After(after) => quote!(After(#after)),
            };
            quote!(::core::option::Option::Some(::hearken_sdk::__private::StartingPoint::#point))
        }
    };
    quote!(::hearken_sdk::__private::Delivery::Channel(#from))
}

fn option(value: Option<&syn::LitStr>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// Where the author wrote the parameter's type.
fn type_span(parameter: &FnArg) -> Span {
    match parameter {
        FnArg::Typed(typed) => Type::span(&typed.ty),
        FnArg::Receiver(receiver) => receiver.span(),
    }
}
