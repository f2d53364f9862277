//! The arguments of `#[listener(…)]`.

use hearken_pattern::Pattern;
use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitInt, LitStr, Result, Token};

const USAGE: &str = "`listener` takes patterns as string literals, then `subject = \"…\"`, `channel = \"…\"`, `from = …`, `live` and `local_only`, separated by commas";

const FROM_USAGE: &str =
    "write `from = \"first\"`, `from = \"new\"`, or the number after which to begin: `from = 41`";

/// Where a listener begins in a channel.
pub enum StartingPoint {
    First,
    New,
    After(u64),
}

/// What stands in the brackets, checked.
#[derive(Default)]
pub struct Arguments {
    pub patterns: Vec<LitStr>,
    pub subject: Option<LitStr>,
    pub channel: Option<LitStr>,
    pub from: Option<StartingPoint>,
    pub live: bool,
    pub local_only: bool,
    /// Where `from` and `live` stand.
    from_span: Option<Span>,
    live_span: Option<Span>,
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
        arguments.check()?;
        Ok(arguments)
    }
}

impl Arguments {
    /// Whether events come as they are published, and not by a channel.
    pub(crate) fn is_live(&self) -> bool {
        // Several channels at once have no order and no place in them.
        let one = self
            .channel
            .as_ref()
            .filter(|name| !name.value().contains('*'));
        self.live || one.is_none()
    }

    /// Whether what is given goes together.
    fn check(&self) -> Result<()> {
        if let (Some(span), None) = (self.live_span, &self.channel) {
            return Err(Error::new(
                span,
                "a listener without `channel` is live anyway; leave `live` out",
            ));
        }
        if let (Some(span), None) = (self.from_span, &self.channel) {
            return Err(Error::new(
                span,
                "`from` says where to begin in a channel; say in which with `channel = \"…\"`",
            ));
        }
        if let (Some(span), true) = (self.from_span, self.is_live()) {
            return Err(Error::new(
                span,
                "a `live` listener gets what comes while it is there, and begins nowhere; leave out `from` or `live`",
            ));
        }
        Ok(())
    }

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
            "from" => self.parse_from(&name, input),
            "live" => {
                self.live_span = Some(name.span());
                switch(&mut self.live, &name, input)
            }
            "local_only" => switch(&mut self.local_only, &name, input),
            _ => Err(Error::new(
                name.span(),
                format!("unknown argument `{name}`; {USAGE}"),
            )),
        }
    }
}

impl Arguments {
    fn parse_from(&mut self, name: &Ident, input: ParseStream<'_>) -> Result<()> {
        if self.from.is_some() {
            return Err(twice(name));
        }
        let wrong = |span: Span| Error::new(span, FROM_USAGE);
        input
            .parse::<Token![=]>()
            .map_err(|error| wrong(error.span()))?;
        let from = if input.peek(LitInt) {
            let number: LitInt = input.parse()?;
            let after = number.base10_parse();
            StartingPoint::After(after.map_err(|_| wrong(number.span()))?)
        } else {
            let word: LitStr = input.parse().map_err(|error| wrong(error.span()))?;
            match word.value().as_str() {
                "first" => StartingPoint::First,
                "new" => StartingPoint::New,
                _ => return Err(wrong(word.span())),
            }
        };
        self.from = Some(from);
        self.from_span = Some(name.span());
        Ok(())
    }
}

/// A word that stands alone.
fn switch(place: &mut bool, name: &Ident, input: ParseStream<'_>) -> Result<()> {
    if *place {
        return Err(twice(name));
    }
    *place = true;
    if input.peek(Token![=]) {
        return Err(input.error(format!("`{name}` stands alone; leave it out for `false`")));
    }
    Ok(())
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
