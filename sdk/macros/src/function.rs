//! `#[listener]` on a function.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, FnArg, Item, Result};

use crate::arguments::Arguments;
use crate::registration::{Registration, check_signature};

const USAGE: &str = "`#[listener]` goes on a function: `fn greet(event: Event) { … }`";

/// The function as it was written, and its registration or what is wrong with it.
pub fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let registration = register(arguments, item.clone()).unwrap_or_else(Error::into_compile_error);
    quote! {
        #item
        #registration
    }
}

fn register(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let parsed: Item = syn::parse2(item)?;
    let function = match &parsed {
        Item::Fn(function) => function,
        Item::Impl(block) => {
            return Err(Error::new_spanned(
                block.impl_token,
                format!("{USAGE}; an `impl` takes `#[hearken_sdk::listeners]`"),
            ));
        }
        other => return Err(Error::new_spanned(first_token(other), USAGE)),
    };
    let arguments: Arguments = syn::parse2(arguments)?;
    let signature = &function.sig;
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first() {
        return Err(Error::new_spanned(
            receiver,
            "a method listens only if its `impl` block has `#[hearken_sdk::listeners]`",
        ));
    }
    let parameters: Vec<&FnArg> = signature.inputs.iter().collect();
    check_signature(signature, &parameters)?;
    let name = &signature.ident;
    let registration = Registration {
        name: name.to_string(),
        index: 0,
        arguments,
        signature,
        parameters,
    };
    Ok(registration.expand(|arguments| quote!(#name(#arguments))))
}

fn first_token(item: &Item) -> TokenStream {
    item.to_token_stream().into_iter().take(1).collect()
}
