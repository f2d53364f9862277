//! `#[listeners]` on the `impl` block of a struct with state.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, ImplItem, ImplItemFn, ItemImpl, Meta, Result, Type};

use crate::arguments::Arguments;
use crate::registration::{Registration, check_signature};

const USAGE: &str = "`#[listeners]` goes on the `impl` block of a struct: `impl Counter { #[listener(\"custom.x\")] fn on_x(&mut self, event: Event) { … } }`";

pub fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(
            arguments,
            "`#[listeners]` takes no arguments; they belong to the `#[listener(…)]` of each method",
        ));
    }
    let first: TokenStream = item.clone().into_iter().take(1).collect();
    let mut block: ItemImpl =
        syn::parse2(item).map_err(|error| match first.to_string().as_str() {
            "impl" | "#" => error,
            _ => Error::new_spanned(first, USAGE),
        })?;
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new_spanned(path, USAGE));
    }
    if !block.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &block.generics,
            "the struct of `#[listeners]` cannot be generic: the plugin has one value of it",
        ));
    }
    let state = format_ident!("STATE", span = Span::mixed_site());
    let mut registrations = Vec::new();
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        if let Some(attribute) = take_listener(method)? {
            let index = registrations.len();
            registrations.push(register(&attribute, method, &block.self_ty, &state, index)?);
        }
    }
    if registrations.is_empty() {
        return Err(Error::new_spanned(
            block.impl_token,
            "no method listens; put `#[listener(\"custom.…\")]` on one",
        ));
    }
    let self_type = &block.self_ty;
    let default = quote_spanned! {self_type.span()=>
        <#self_type as ::core::default::Default>::default()
    };
    Ok(quote! {
        #block
        const _: () = {
            ::std::thread_local! {
                static #state: ::std::cell::RefCell<#self_type> =
                    ::std::cell::RefCell::new(#default);
            }
            #(#registrations)*
        };
    })
}

/// Takes the `#[listener(…)]` off the method, which is no macro of its own here.
fn take_listener(method: &mut ImplItemFn) -> Result<Option<Attribute>> {
    let is_listener = |attribute: &Attribute| {
        let path = attribute.path();
        path.segments
            .last()
            .is_some_and(|segment| segment.ident == "listener")
    };
    let Some(at) = method.attrs.iter().position(is_listener) else {
        return Ok(None);
    };
    let attribute = method.attrs.remove(at);
    match method.attrs.iter().find(|other| is_listener(other)) {
        Some(second) => Err(Error::new_spanned(
            second,
            "one `#[listener]` a method; it takes several patterns: `#[listener(\"custom.a\", \"custom.b\")]`",
        )),
        None => Ok(Some(attribute)),
    }
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
