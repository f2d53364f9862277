//! Finds what is to go: types, and words that are about them.

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
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
const AMBIGUOUS: [&str; 5] = ["get", "set", "static", "async", "accessor"];

/// Goes through a text.
pub(crate) struct Blanker<'t> {
    text: &'t str,
    tokens: Tokens<'t>,
    edits: Edits,
    /// The first that was found.
    problem: Option<Problem>,
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

    fn refuse(&mut self, span: Span, message: &str) {
        self.problem
            .get_or_insert_with(|| Problem::at(self.text, span.start, message));
    }

    fn blank(&mut self, span: Span) {
        self.edits.blank(span.start, span.end);
    }

    /// A statement, or a member of a class: a semicolon in its place ends what is before it, as
    /// it did itself.
    fn blank_whole(&mut self, span: Span) {
        self.blank(span);
        self.edits.put(span.start, ';');
    }

    fn has_line_break(&self, from: u32, to: u32) -> bool {
        let between = self
            .text
            .get(from as usize..to as usize)
            .unwrap_or_default();
        between.contains(is_line_break)
    }

    fn next_token(&self, from: u32) -> Option<Token<'t>> {
        self.tokens.from(from).next()
    }

    /// With the comma behind it, if there is one.
    fn blank_of_list(&mut self, span: Span) {
        self.blank(span);
        if let Some(comma) = self.next_token(span.end).filter(|token| token.text == ",") {
            self.edits.blank(comma.start, comma.end);
        }
    }

    /// `?` or `!` behind something.
    fn blank_mark(&mut self, behind: u32, mark: &str) {
        if let Some(token) = self.next_token(behind).filter(|token| token.text == mark) {
            self.edits.blank(token.start, token.end);
        }
    }

    /// What is behind an expression, such as `as T`. What the next line begins with is not
    /// called by it, nor an index of it.
    fn blank_behind(&mut self, expression: Span, whole: Span) {
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
    fn is_of_types(&mut self, declaration: &Declaration<'_>) -> bool {
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
    fn is_statement_of_types(&mut self, statement: &Statement<'_>) -> bool {
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
    fn blank_modifiers(&mut self, member: Span, key: u32) {
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
    fn end_of_key(&self, key: &PropertyKey<'_>, computed: bool) -> u32 {
        let end = key.span().end;
        if !computed {
            return end;
        }
        let bracket = self.tokens.from(end).find(|token| token.text == "]");
        bracket.map_or(end, |bracket| bracket.end)
    }

    fn member(&mut self, member: Span, key: &PropertyKey<'_>, computed: bool) {
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

impl<'a> Visit<'a> for Blanker<'_> {
    fn visit_statement(&mut self, statement: &Statement<'a>) {
        if self.is_statement_of_types(statement) {
            self.blank_whole(statement.span());
            return;
        }
        walk::walk_statement(self, statement);
    }

    fn visit_import_specifier(&mut self, specifier: &ImportSpecifier<'a>) {
        if specifier.import_kind.is_type() {
            self.blank_of_list(specifier.span);
        }
    }

    fn visit_export_specifier(&mut self, specifier: &ExportSpecifier<'a>) {
        if specifier.export_kind.is_type() {
            self.blank_of_list(specifier.span);
        }
    }

    fn visit_ts_type_annotation(&mut self, annotation: &TSTypeAnnotation<'a>) {
        self.blank(annotation.span);
    }

    fn visit_ts_type_parameter_declaration(&mut self, parameters: &TSTypeParameterDeclaration<'a>) {
        self.blank(parameters.span);
    }

    fn visit_ts_type_parameter_instantiation(
        &mut self,
        arguments: &TSTypeParameterInstantiation<'a>,
    ) {
        self.blank(arguments.span);
    }

    fn visit_ts_this_parameter(&mut self, parameter: &TSThisParameter<'a>) {
        self.blank_of_list(parameter.span);
    }

    fn visit_ts_as_expression(&mut self, expression: &TSAsExpression<'a>) {
        self.visit_expression(&expression.expression);
        self.blank_behind(expression.expression.span(), expression.span);
    }

    fn visit_ts_satisfies_expression(&mut self, expression: &TSSatisfiesExpression<'a>) {
        self.visit_expression(&expression.expression);
        self.blank_behind(expression.expression.span(), expression.span);
    }

    fn visit_ts_non_null_expression(&mut self, expression: &TSNonNullExpression<'a>) {
        self.visit_expression(&expression.expression);
        self.edits
            .blank(expression.expression.span().end, expression.span.end);
    }

    fn visit_ts_type_assertion(&mut self, assertion: &TSTypeAssertion<'a>) {
        let inner = assertion.expression.span();
        let means_another = ["{", "function", "class", "let", "async"];
        let first = self.next_token(inner.start).map_or("", |token| token.text);
        if means_another.contains(&first) || self.has_line_break(assertion.span.start, inner.start)
        {
            self.refuse(assertion.span, "write `x as T` in the place of `<T>x`");
        }
        self.edits.blank(assertion.span.start, inner.start);
        self.visit_expression(&assertion.expression);
    }

    fn visit_formal_parameter(&mut self, parameter: &FormalParameter<'a>) {
        if parameter.accessibility.is_some() || parameter.readonly || parameter.r#override {
            self.refuse(
                parameter.span,
                "a parameter that declares a property is more than a type: declare the field, and \
                 assign it in the constructor: `this.x = x`",
            );
        }
        if parameter.optional {
            self.blank_mark(parameter.pattern.span().end, "?");
        }
        walk::walk_formal_parameter(self, parameter);
    }

    fn visit_decorator(&mut self, decorator: &Decorator<'a>) {
        self.refuse(
            decorator.span,
            "decorators are not of JavaScript yet: call the function with what it decorates",
        );
    }

    fn visit_variable_declarator(&mut self, variable: &VariableDeclarator<'a>) {
        if variable.definite {
            self.blank_mark(variable.id.span().end, "!");
        }
        walk::walk_variable_declarator(self, variable);
    }

    fn visit_arrow_function_expression(&mut self, function: &ArrowFunctionExpression<'a>) {
        let params = function.params.span;
        if let Some(types) = &function.type_parameters
            && self.has_line_break(types.span.start, params.start)
        {
            // It begins on the line on which it did.
            self.edits.put(types.span.start, '(');
            self.edits.blank(params.start, params.start + 1);
        }
        if let Some(returned) = &function.return_type {
            let arrow = self
                .next_token(returned.span.end)
                .map_or(returned.span.end, |arrow| arrow.start);
            if self.has_line_break(params.end, arrow) {
                // The arrow stands on the line on which the parameters end.
                self.edits.blank(params.end - 1, params.end);
                self.edits.put(returned.span.end - 1, ')');
            }
        }
        walk::walk_arrow_function_expression(self, function);
    }

    fn visit_class(&mut self, class: &Class<'a>) {
        if class.r#abstract {
            let tokens = self.tokens;
            let word = tokens
                .from(class.span.start)
                .take(2)
                .find(|token| token.text == "abstract");
            if let Some(word) = word {
                self.edits.blank(word.start, word.end);
            }
        }
        if let (Some(first), Some(last)) = (class.implements.first(), class.implements.last()) {
            let word = self.tokens.before(first.span.start);
            let from = word.map_or(first.span.start, |word| word.start);
            self.edits.blank(from, last.span.end);
        }
        walk::walk_class(self, class);
    }

    fn visit_ts_class_implements(&mut self, _: &TSClassImplements<'a>) {}

    fn visit_class_element(&mut self, element: &ClassElement<'a>) {
        let is_of_types = match element {
            ClassElement::StaticBlock(_) => false,
            ClassElement::TSIndexSignature(_) => true,
            ClassElement::MethodDefinition(method) => {
                method.r#type == MethodDefinitionType::TSAbstractMethodDefinition
                    || method.value.body.is_none()
            }
            ClassElement::PropertyDefinition(field) => {
                field.declare
                    || field.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition
            }
            ClassElement::AccessorProperty(accessor) => {
                accessor.r#type == AccessorPropertyType::TSAbstractAccessorProperty
            }
        };
        if is_of_types {
            self.blank_whole(element.span());
            return;
        }
        match element {
            ClassElement::MethodDefinition(method) => {
                self.member(method.span, &method.key, method.computed);
            }
            ClassElement::PropertyDefinition(field) => {
                self.member(field.span, &field.key, field.computed);
                let name = self
                    .next_token(field.key.span().start)
                    .map_or("", |token| token.text);
                if let Some(annotation) = &field.type_annotation
                    && field.value.is_none()
                    && AMBIGUOUS.contains(&name)
                {
                    self.edits.put(annotation.span.start, ';');
                }
            }
            ClassElement::AccessorProperty(accessor) => {
                self.member(accessor.span, &accessor.key, accessor.computed);
            }
            ClassElement::StaticBlock(_) | ClassElement::TSIndexSignature(_) => {}
        }
        walk::walk_class_element(self, element);
    }
}
