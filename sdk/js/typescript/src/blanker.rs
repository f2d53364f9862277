//! Blanks what is to go, and knows what of a text is about types alone.

use oxc_ast::ast::*;
use oxc_span::{GetSpan as _, Span};

use crate::edits::{Edits, is_line_break};
use crate::problem::Problem;
use crate::tokens::{Token, Tokens};

/// Words before a member of a class that are about types.
const MODIFIERS: [&str; 7] = [
    "public",
    "private",
    "protected",
    "readonly",
    "override",
    "abstract",
    "declare",
];

/// Names of fields that mean something else when the next line is another member.
pub(crate) const AMBIGUOUS: [&str; 5] = ["get", "set", "static", "async", "accessor"];

/// Goes through a text.
pub(crate) struct Blanker<'t> {
    pub(crate) text: &'t str,
    pub(crate) tokens: Tokens<'t>,
    pub(crate) edits: Edits,
    /// The first that was found.
    pub(crate) problem: Option<Problem>,
}

impl<'t> Blanker<'t> {
    pub(crate) fn new(text: &'t str, tokens: Tokens<'t>) -> Self {
        Self {
            text,
            tokens,
            edits: Edits::default(),
            problem: None,
        }
    }

    /// The text without what was found.
    ///
    /// # Errors
    /// What is more than types.
    pub(crate) fn finish(self) -> Result<String, Problem> {
        match self.problem {
            Some(problem) => Err(problem),
            None => Ok(self.edits.apply(self.text)),
        }
    }

    pub(crate) fn refuse(&mut self, span: Span, message: &str) {
        self.problem
            .get_or_insert_with(|| Problem::at(self.text, span.start, message));
    }

    pub(crate) fn blank(&mut self, span: Span) {
        self.edits.blank(span.start, span.end);
    }

    /// A statement, or a member of a class: a semicolon in its place ends what is before it, as
    /// it did itself.
    pub(crate) fn blank_whole(&mut self, span: Span) {
        self.blank(span);
        self.edits.put(span.start, ';');
    }

    pub(crate) fn has_line_break(&self, from: u32, to: u32) -> bool {
        let between = self
            .text
            .get(from as usize..to as usize)
            .unwrap_or_default();
        between.contains(is_line_break)
    }

    pub(crate) fn next_token(&self, from: u32) -> Option<Token<'t>> {
        self.tokens.from(from).next()
    }

    /// With the comma behind it, if there is one.
    pub(crate) fn blank_of_list(&mut self, span: Span) {
        self.blank(span);
        if let Some(comma) = self.next_token(span.end).filter(|token| token.text == ",") {
            self.edits.blank(comma.start, comma.end);
        }
    }

    /// `?` or `!` behind something.
    pub(crate) fn blank_mark(&mut self, behind: u32, mark: &str) {
        if let Some(token) = self.next_token(behind).filter(|token| token.text == mark) {
            self.edits.blank(token.start, token.end);
        }
    }

    /// What is behind an expression, such as `as T`. What the next line begins with is not
    /// called by it, nor an index of it.
    pub(crate) fn blank_behind(&mut self, expression: Span, whole: Span) {
        self.edits.blank(expression.end, whole.end);
        let Some(word) = self.next_token(expression.end) else {
            return;
        };
        let goes_on = |token: &Token<'_>| token.text.starts_with(['(', '[', '`']);
        if let Some(next) = self.next_token(whole.end).filter(goes_on)
            && self.has_line_break(whole.end, next.start)
        {
            self.edits.put(word.start, ';');
        }
    }

    /// Whether a declaration says nothing but types; refuses those that say more.
    pub(crate) fn is_of_types(&mut self, declaration: &Declaration<'_>) -> bool {
        match declaration {
            Declaration::VariableDeclaration(variables) => variables.declare,
            Declaration::FunctionDeclaration(function) => {
                function.declare || function.body.is_none()
            }
            Declaration::ClassDeclaration(class) => class.declare,
            Declaration::TSTypeAliasDeclaration(_)
            | Declaration::TSInterfaceDeclaration(_)
            | Declaration::TSExternalModuleDeclaration(_)
            | Declaration::TSGlobalDeclaration(_) => true,
            Declaration::TSEnumDeclaration(declared) => {
                if !declared.declare {
                    let name = declared.id.name.as_str();
                    self.refuse(declared.span, &format!(
                        "an enum is more than a type: write `const {name} = {{ A: \"a\" }} as const` \
                         and `type {name} = (typeof {name})[keyof typeof {name}]`"
                    ));
                }
                true
            }
            Declaration::TSNamespaceDeclaration(namespace) => {
                if !namespace.declare && !has_only_types(namespace) {
                    self.refuse(
                        namespace.span,
                        "a namespace with code is more than a type: put it into a file of its own, \
                         `_name.ts`, and import that",
                    );
                }
                true
            }
            Declaration::TSImportEqualsDeclaration(import) => {
                if !import.import_kind.is_type() {
                    self.refuse(
                        import.span,
                        "`import =` is not of JavaScript: write `import … from \"…\"`",
                    );
                }
                true
            }
        }
    }

    /// Whether a statement says nothing but types.
    pub(crate) fn is_statement_of_types(&mut self, statement: &Statement<'_>) -> bool {
        if let Some(declaration) = statement.as_declaration() {
            return self.is_of_types(declaration);
        }
        match statement {
            Statement::ImportDeclaration(import) => import.import_kind.is_type(),
            Statement::ExportAllDeclaration(export) => export.export_kind.is_type(),
            Statement::ExportNamedDeclaration(export) => export.export_kind.is_type(),
            Statement::ExportFromDeclaration(export) => export.export_kind.is_type(),
            Statement::ExportDeclaration(export) => self.is_of_types(&export.declaration),
            Statement::ExportDefaultDeclaration(export) => match &export.declaration {
                ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => true,
                ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                    function.body.is_none()
                }
                _ => false,
            },
            Statement::TSExportAssignment(export) => {
                self.refuse(
                    export.span,
                    "`export =` is not of JavaScript: write `export default`",
                );
                true
            }
            Statement::TSNamespaceExportDeclaration(_) => true,
            _ => false,
        }
    }

    /// The words before a member that are about types.
    pub(crate) fn blank_modifiers(&mut self, member: Span, key: u32) {
        let tokens = self.tokens;
        for (place, token) in tokens.between(member.start, key).enumerate() {
            if !MODIFIERS.contains(&token.text) {
                continue;
            }
            self.edits.blank(token.start, token.end);
            if place == 0 {
                // What is before it does not go on with `[` or `*`.
                self.edits.put(token.start, ';');
            }
        }
    }

    /// Where the name of a member ends.
    pub(crate) fn end_of_key(&self, key: &PropertyKey<'_>, computed: bool) -> u32 {
        let end = key.span().end;
        if !computed {
            return end;
        }
        let bracket = self.tokens.from(end).find(|token| token.text == "]");
        bracket.map_or(end, |bracket| bracket.end)
    }

    pub(crate) fn member(&mut self, member: Span, key: &PropertyKey<'_>, computed: bool) {
        self.blank_modifiers(member, key.span().start);
        let end = self.end_of_key(key, computed);
        self.blank_mark(end, "?");
        self.blank_mark(end, "!");
    }
}

fn has_only_types(namespace: &TSNamespaceDeclaration<'_>) -> bool {
    match &namespace.body {
        TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) => has_only_types(inner),
        TSNamespaceDeclarationBody::TSModuleBlock(block) => block.body.iter().all(|statement| {
            let declaration = match statement {
                Statement::ExportDeclaration(export) => Some(&export.declaration),
                statement => statement.as_declaration(),
            };
            match declaration {
                Some(
                    Declaration::TSTypeAliasDeclaration(_) | Declaration::TSInterfaceDeclaration(_),
                ) => true,
                Some(Declaration::TSNamespaceDeclaration(inner)) => has_only_types(inner),
                Some(Declaration::VariableDeclaration(variables)) => variables.declare,
                Some(Declaration::FunctionDeclaration(function)) => function.declare,
                Some(Declaration::ClassDeclaration(class)) => class.declare,
                _ => false,
            }
        }),
    }
}
