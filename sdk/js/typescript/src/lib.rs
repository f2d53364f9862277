//! Makes JavaScript of TypeScript by putting spaces in the place of types, as Node does: each
//! line and each column stays, so that no source map is needed, and nothing else changes.
//!
//! What is more than types is refused, with the way out: enums, namespaces with code, parameters
//! that declare properties, `import =`, `export =`, decorators, `accessor`.
//!
//! - [`visit`] finds what is to go, and [`blanker`] blanks it; [`edits`] takes it out, [`tokens`]
//!   are the words between.

mod blanker;
mod edits;
mod problem;
mod tokens;
mod visit;

#[cfg(target_family = "wasm")]
mod component;

pub use problem::Problem;

use oxc_allocator::Allocator;
use oxc_ast_visit::Visit as _;
use oxc_parser::config::RuntimeParserConfig;
use oxc_parser::{Parser, ParserReturn};
use oxc_span::SourceType;

use blanker::Blanker;
use tokens::Tokens;

/// The text without types.
///
/// # Errors
/// What is no TypeScript, is more than types, or is no JavaScript without them.
pub fn blank(text: &str) -> Result<String, Problem> {
    let allocator = Allocator::default();
    // Asked for tokens at once, the parser comes by some mistakes into a state that its own
    // assertions forbid.
    parse(&allocator, text, false)?;
    let parsed = parse(&allocator, text, true)?;
    let tokens: Vec<(u32, u32)> = parsed
        .tokens
        .iter()
        .map(|token| (token.start(), token.end()))
        .collect();
    let mut blanker = Blanker::new(text, Tokens::new(text, &tokens));
    blanker.visit_program(&parsed.program);
    let left = blanker.finish()?;
    // The parser takes some texts for their types alone, such as `let <T>`.
    parse(&allocator, &left, false)?;
    Ok(left)
}

fn parse<'a>(
    allocator: &'a Allocator,
    text: &'a str,
    tokens: bool,
) -> Result<ParserReturn<'a>, Problem> {
    let parser = Parser::new(allocator, text, SourceType::ts().with_module(true));
    // One parser for both: with a type for each, the component would have two.
    let parsed = parser.with_config(RuntimeParserConfig::new(tokens)).parse();
    match parsed.diagnostics.iter().next() {
        Some(error) => Err(Problem::of_syntax(text, error)),
        None => Ok(parsed),
    }
}
