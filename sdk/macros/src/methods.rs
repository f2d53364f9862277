//! `#[listeners]` on the `impl` block of a struct with state.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, ImplItem, ImplItemFn, ItemImpl, Meta, Result, Type};

use crate::arguments::Arguments;
use crate::registration::{Registration, check_signature};

const USAGE: &str = "`#[listeners]` goes on the `impl` block of a struct: `impl Counter { #[listener(\"custom.x\")] fn on_x(&mut self, event: Event) { … } }`";

/// The block without its `#[listener(…)]` attributes, which are no macros of their
/// own here, and the registrations or what is wrong with them.
pub fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut block = match parse(item.clone()) {
        Ok(block) => block,
        Err(error) => {
            let error = error.into_compile_error();
            return quote!(#item #error);
        }
    };
    let listeners = take_listeners(&mut block);
    let registrations = check(&arguments, &block)
        .and_then(|()| register_all(&block, listeners?))
        .unwrap_or_else(Error::into_compile_error);
    quote! {
        #block
        #registrations
    }
}

fn parse(item: TokenStream) -> Result<ItemImpl> {
    let first: TokenStream = item.clone().into_iter().take(1).collect();
    syn::parse2(item).map_err(|error| match first.to_string().as_str() {
        "impl" | "#" => error,
        _ => Error::new_spanned(first, USAGE),
    })
}

fn check(arguments: &TokenStream, block: &ItemImpl) -> Result<()> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(
            arguments,
            "`#[listeners]` takes no arguments; they belong to the `#[listener(…)]` of each method",
        ));
    }
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new_spanned(path, USAGE));
    }
    if !block.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &block.generics,
            "the struct of `#[listeners]` cannot be generic: the plugin has one value of it",
        ));
    }
    Ok(())
}

/// A listening method's position in the block, and its attribute.
type Listening = (usize, Attribute);

/// Takes the attributes off all methods, also when one is wrong.
fn take_listeners(block: &mut ItemImpl) -> Result<Vec<Listening>> {
    let mut listeners = Vec::new();
    let mut wrong: Option<Error> = None;
    for (at, item) in block.items.iter_mut().enumerate() {
        let ImplItem::Fn(method) = item else { continue };
        let (own, others): (Vec<_>, Vec<_>) = method.attrs.drain(..).partition(is_listener);
        method.attrs = others;
        if let [_, second, ..] = &own[..] {
            wrong.get_or_insert_with(|| {
                Error::new_spanned(
                    second,
                    "one `#[listener]` a method; it takes several patterns: `#[listener(\"custom.a\", \"custom.b\")]`",
                )
            });
        }
        listeners.extend(own.into_iter().map(|attribute| (at, attribute)));
    }
    match wrong {
        Some(error) => Err(error),
        None => Ok(listeners),
    }
}

fn is_listener(attribute: &Attribute) -> bool {
    let last = attribute.path().segments.last();
    last.is_some_and(|segment| segment.ident == "listener")
}

fn register_all(block: &ItemImpl, listeners: Vec<Listening>) -> Result<TokenStream> {
    if listeners.is_empty() {
        return Err(Error::new_spanned(
            block.impl_token,
            "no method listens; put `#[listener(\"custom.…\")]` on one",
        ));
    }
    let self_type = &block.self_ty;
    let state = format_ident!("STATE", span = Span::mixed_site());
    let mut registrations = Vec::new();
    for (at, attribute) in listeners {
        let ImplItem::Fn(method) = &block.items[at] else {
            continue;
        };
        registrations.push(register(&attribute, method, self_type, &state, at)?);
    }
    let default = quote_spanned! {self_type.span()=>
        <#self_type as ::core::default::Default>::default()
    };
    Ok(quote! {
        const _: () = {
            ::std::thread_local! {
                static #state: ::std::cell::RefCell<#self_type> =
                    ::std::cell::RefCell::new(#default);
            }
            #(#registrations)*
        };
    })
}

fn register(
    attribute: &Attribute,
    method: &ImplItemFn,
    self_type: &Type,
    state: &syn::Ident,
    index: usize,
) -> Result<TokenStream> {
    let arguments: Arguments = match &attribute.meta {
        Meta::List(_) => attribute.parse_args()?,
        other => {
            return Err(Error::new_spanned(
                other,
                "say what to listen to, for example `#[listener(\"custom.hello.*\")]`",
            ));
        }
    };
    let signature = &method.sig;
    let name = &signature.ident;
    match signature.receiver() {
        Some(receiver) if receiver.reference.is_some() && receiver.colon_token.is_none() => {}
        Some(receiver) => {
            return Err(Error::new_spanned(
                receiver,
                "a listener borrows its state; write `&mut self` or `&self`",
            ));
        }
        None => {
            return Err(Error::new_spanned(
                signature,
                format!(
                    "a listener of a struct takes its state first: `fn {name}(&mut self, event: Event)`"
                ),
            ));
        }
    }
    let parameters: Vec<&FnArg> = signature.inputs.iter().skip(1).collect();
    check_signature(signature, &parameters)?;
    let type_name: String = self_type
        .to_token_stream()
        .into_iter()
        .map(|token| token.to_string())
        .collect();
    let registration = Registration {
        name: format!("{type_name}::{name}"),
        index,
        arguments,
        signature,
        parameters,
    };
    Ok(registration
        .expand(|arguments| quote!(#state.with_borrow_mut(|state| state.#name(#arguments)))))
}
