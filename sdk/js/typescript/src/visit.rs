//! Goes through a text, and finds what is to go: types, and words that are about them.

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_span::GetSpan as _;

use crate::blanker::{AMBIGUOUS, Blanker};

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
            ClassElement::AccessorProperty(accessor) => self.refuse(
                accessor.span,
                "`accessor` is not of JavaScript yet: write a field, or `get` and `set`",
            ),
            ClassElement::StaticBlock(_) | ClassElement::TSIndexSignature(_) => {}
        }
        walk::walk_class_element(self, element);
    }
}
