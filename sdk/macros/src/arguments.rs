//! The arguments of `#[listener(…)]`.

use hearken_pattern::Pattern;
use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitStr, Result, Token};

const USAGE: &str = "`listener` takes patterns as string literals, then `subject = \"…\"`, `channel = \"…\"` and `local_only`, separated by commas";

/// What stands in the brackets, checked.
#[derive(Default)]
pub struct Arguments {
    pub patterns: Vec<LitStr>,
    pub subject: Option<LitStr>,
    pub channel: Option<LitStr>,
    pub local_only: bool,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            arguments.parse_one(input)?;
            if !input.is_empty() {
                input
                    .parse::<Token![,]>()
                    .map_err(|error| Error::new(error.span(), USAGE))?;
            }
        }
        if arguments.patterns.is_empty() {
            return Err(Error::new(
                Span::call_site(),
                "say what to listen to, for example `#[listener(\"custom.hello.*\")]`; `\"*\"` is everything",
            ));
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        if input.peek(LitStr) {
            let pattern: LitStr = input.parse()?;
            Pattern::new(&pattern.value()).map_err(|error| Error::new(pattern.span(), error))?;
            self.patterns.push(pattern);
            return Ok(());
        }
        let name: Ident = input
            .parse()
            .map_err(|error| Error::new(error.span(), USAGE))?;
        match name.to_string().as_str() {
            "subject" => set(&mut self.subject, &name, input),
            "channel" => set(&mut self.channel, &name, input),
            "local_only" if self.local_only => Err(twice(&name)),
            "local_only" => {
                self.local_only = true;
                if input.peek(Token![=]) {
                    return Err(input.error("`local_only` stands alone; leave it out for `false`"));
                }
                Ok(())
            }
            _ => Err(Error::new(
                name.span(),
                format!("unknown argument `{name}`; {USAGE}"),
            )),
        }
    }
}

fn set(place: &mut Option<LitStr>, name: &Ident, input: ParseStream<'_>) -> Result<()> {
    if place.is_some() {
        return Err(twice(name));
    }
    let value: LitStr = input
        .parse::<Token![=]>()
        .and_then(|_| input.parse())
        .map_err(|error| {
            Error::new(
                error.span(),
                format!("write `{name} = \"…\"` with a string literal"),
            )
        })?;
    if value.value().is_empty() {
        return Err(Error::new(
            value.span(),
            format!("`{name}` is empty and no event could match; leave it out or give it a value"),
        ));
    }
    *place = Some(value);
    Ok(())
}

fn twice(name: &Ident) -> Error {
    Error::new(name.span(), format!("`{name}` is given twice"))
}
