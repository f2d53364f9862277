//! What becomes of TypeScript, and what of it is refused.

use hearken_typescript::{Problem, blank};

/// The text without types, its runs of spaces as one.
fn squeezed(text: &str) -> String {
    let blanked = blank(text).unwrap_or_else(|problem| panic!("{text}\n{problem:?}"));
    check_places(text, &blanked);
    let lines = blanked
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Each character is where it was, or a space is, or one of those that hold a place.
fn check_places(before: &str, after: &str) {
    assert_eq!(
        before.chars().count(),
        after.chars().count(),
        "{before}\n{after}"
    );
    for (was, is) in before.chars().zip(after.chars()) {
        let stays = was == is || (is == ' ' && was != '\n') || ";()".contains(is);
        assert!(stays, "{was:?} became {is:?} in\n{before}\n{after}");
    }
}

fn refused(text: &str) -> Problem {
    match blank(text) {
        Err(problem) => problem,
        Ok(blanked) => panic!("{text}\nbecame\n{blanked}"),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(squeezed(text), *expected, "{text}");
    }
}

#[test]
fn javascript_stays_as_it_is() {
    let text = "import { listen } from \"hearken\";\n// ein Täxt\nlisten('a', (e) => e?.data ?? `x${1 < 2}`);\nclass A { #x = 1; static { } get y() { return this.#x } }\n";
    assert_eq!(blank(text).as_deref(), Ok(text));
}

#[test]
fn annotations_go() {
    check(&[
        ("let x: number = 1;", "let x = 1;"),
        ("let x!: number;", "let x ;"),
        (
            "const { a, b }: { a: string; b: number } = c;",
            "const { a, b } = c;",
        ),
        (
            "function f(a: string, b?: number, ...c: string[]): void {}",
            "function f(a , b , ...c ) {}",
        ),
        (
            "function f(this: Window, a: number) {}",
            "function f( a ) {}",
        ),
        ("function f(this: Window) {}", "function f( ) {}"),
        (
            "const f = (a: number): string => `${a}`;",
            "const f = (a ) => `${a}`;",
        ),
        (
            "const f = async <T,>(a: T): Promise<T> => a;",
            "const f = async (a ) => a;",
        ),
        (
            "function f<T extends object = {}>(x: T): x is T { return true }",
            "function f (x ) { return true }",
        ),
        ("try {} catch (e: unknown) {}", "try {} catch (e ) {}"),
        (
            "for (const x of xs as string[]) {}",
            "for (const x of xs ) {}",
        ),
        ("let a = (b?: number) => b;", "let a = (b ) => b;"),
        (
            "function f(a: number = 1, { b }: { b: string } = {}) {}",
            "function f(a = 1, { b } = {}) {}",
        ),
    ]);
}

#[test]
fn expressions_lose_what_is_said_of_them() {
    check(&[
        ("x = y as any;", "x = y ;"),
        ("x = y as const;", "x = y ;"),
        ("x = y satisfies Z;", "x = y ;"),
        ("x = y as A as B;", "x = y ;"),
        ("x = y!.z![0]!;", "x = y .z [0] ;"),
        ("x = <any>y;", "x = y;"),
        (
            "f<string>(x); new Map<string, number>(); tag<T>`x`; const g = f<T>;",
            "f (x); new Map (); tag `x`; const g = f ;",
        ),
        ("a?.b!.c; a?.<T>(1);", "a?.b .c; a?. (1);"),
        ("(x as any).y = 1;", "(x ).y = 1;"),
    ]);
}

#[test]
fn statements_of_types_leave_a_semicolon() {
    check(&[
        ("type A = string;\nlet x = 1;", ";\nlet x = 1;"),
        ("interface A {\n  b: string;\n}", ";\n\n"),
        ("export type A = string;", ";"),
        ("export interface A { b: string }", ";"),
        ("export default interface A { b: string }", ";"),
        ("declare const x: number;", ";"),
        ("declare function f(): void;", ";"),
        ("declare class A { x: number }", ";"),
        ("declare module \"x\" { export const y: number }", ";"),
        ("declare global { interface Window { x: number } }", ";"),
        ("declare enum E { A }", ";"),
        (
            "namespace N { export type A = string; interface B {} }",
            ";",
        ),
        ("import type { A } from \"a\";", ";"),
        ("import type A from \"a\";", ";"),
        ("export type { A } from \"a\";", ";"),
        ("export type * from \"a\";", ";"),
        ("import type a = require(\"a\");", ";"),
        (
            "function f(a: string): void;\nfunction f(a: number): void;\nfunction f(a: unknown) {}",
            ";\n;\nfunction f(a ) {}",
        ),
        (
            "export function f(a: string): void;\nexport function f(a: unknown) {}",
            ";\nexport function f(a ) {}",
        ),
        ("if (x) { type A = 1 }", "if (x) { ; }"),
    ]);
}

#[test]
fn imports_and_exports_lose_their_types() {
    check(&[
        (
            "import { listen, type Event } from \"hearken\";",
            "import { listen, } from \"hearken\";",
        ),
        (
            "import { type Event, listen } from \"hearken\";",
            "import { listen } from \"hearken\";",
        ),
        (
            "import { type A as B } from \"x\";",
            "import { } from \"x\";",
        ),
        (
            "import x, { type Y } from \"x\";",
            "import x, { } from \"x\";",
        ),
        ("export { a, type B, c };", "export { a, c };"),
    ]);
}

#[test]
fn classes_lose_what_is_said_of_their_members() {
    check(&[
        (
            "class A<T> extends B<T> implements C, D<T> {}",
            "class A extends B {}",
        ),
        ("class A implements B {}", "class A {}"),
        (
            "abstract class A { abstract x: number; abstract f(): void; g(): void {} }",
            "class A { ; ; g() {} }",
        ),
        ("export abstract class A {}", "export class A {}"),
        (
            "export default abstract class A {}",
            "export default class A {}",
        ),
        (
            "class A { private x: number = 1; readonly y?: string; static readonly z = 1; declare w: number; v!: string }",
            "class A { ; x = 1; ; y ; static z = 1; ; v }",
        ),
        (
            "class A { constructor(x: number); constructor(x: any) {} }",
            "class A { ; constructor(x ) {} }",
        ),
        (
            "class A { [key: string]: unknown; f?(): void; }",
            "class A { ; ; }",
        ),
        (
            "class A { f?() {} get x(): number { return 1 } set x(v: number) {} }",
            "class A { f () {} get x() { return 1 } set x(v ) {} }",
        ),
        (
            "class A { override async *f<T>(): AsyncGenerator<T> {} }",
            "class A { ; async *f () {} }",
        ),
        (
            "class A { private static async f(): Promise<void> {} }",
            "class A { ; static async f() {} }",
        ),
        (
            "class A { readonly: boolean = true; declare = 1; private() {} }",
            "class A { readonly = true; declare = 1; private() {} }",
        ),
    ]);
}

#[test]
fn lines_go_on_only_where_they_did() {
    check(&[
        // The next line would be called, or would be an index.
        ("let x = y as any\n(z)", "let x = y ;\n(z)"),
        ("let x = y satisfies T\n[z]", "let x = y ;\n[z]"),
        ("let x = y as any\n`z`", "let x = y ;\n`z`"),
        ("x\ntype A = 1\n(y)", "x\n;\n(y)"),
        (
            "class A {\n  a = 1\n  private ['b'] = 2\n  c = 1\n  declare d: number\n  *e() {}\n}",
            "class A {\na = 1\n; ['b'] = 2\nc = 1\n;\n*e() {}\n}",
        ),
        (
            "class A {\n  get: number\n  foo() {}\n}",
            "class A {\nget;\nfoo() {}\n}",
        ),
        // What is returned begins on the line of its `return`, an arrow stands where it must.
        (
            "const f = () => { return <T\n>(x: T) => x }",
            "const f = () => { return (\nx ) => x }",
        ),
        (
            "const f = (x: number): Array<\n  string\n> => [];",
            "const f = (x\n\n) => [];",
        ),
        (
            "const f = async <\n  T\n>(x: T) => x;",
            "const f = async (\n\nx ) => x;",
        ),
    ]);
}

#[test]
fn what_is_more_than_types_is_refused_with_the_way_out() {
    for (text, line, column, way_out) in [
        ("\nenum A { B }", 2, 1, "as const"),
        ("const enum A { B }", 1, 1, "as const"),
        ("let x = 1;\nexport enum A { B }", 2, 8, "as const"),
        ("namespace N { export const x = 1 }", 1, 1, "_name.ts"),
        (
            "class A { constructor(private x: number) {} }",
            1,
            23,
            "this.x = x",
        ),
        (
            "class A { constructor(readonly x: number) {} }",
            1,
            23,
            "this.x = x",
        ),
        ("import a = require(\"a\");", 1, 1, "import … from"),
        ("export = 1;", 1, 1, "export default"),
        ("class A { accessor x = 1 }", 1, 11, "`get`"),
        ("@dec class A {}", 1, 1, "decorators"),
        ("class A { @dec f() {} }", 1, 11, "decorators"),
        ("const f = () => <T>{ a: 1 };", 1, 17, "x as T"),
    ] {
        let problem = refused(text);
        assert_eq!(
            (problem.line, problem.column),
            (line, column),
            "{text}: {problem:?}"
        );
        assert!(problem.message.contains(way_out), "{text}: {problem:?}");
    }
}

#[test]
fn what_is_no_typescript_is_told_with_its_place() {
    let problem = refused("let a = 1;\nlet ä = ;\n");
    assert_eq!((problem.line, problem.column), (2, 9), "{problem:?}");
    assert!(!problem.message.is_empty());

    // Behind some mistakes the parser cannot say which tokens there are.
    let problem = refused("let a)\nconstonst\n");
    assert_eq!((problem.line, problem.column), (1, 6), "{problem:?}");

    // It takes this for its types, and nothing is left that means something.
    let problem = refused("let <T>");
    assert_eq!((problem.line, problem.column), (1, 8), "{problem:?}");
}

#[test]
fn columns_stay_behind_characters_of_several_bytes() {
    let text = "let x: \"ä\" | \"€\" | \"🦀\" = f(); throw x;";
    let blanked = blank(text).expect("it is valid");
    check_places(text, &blanked);
    let column = |text: &str| text.chars().position(|character| character == 'f');
    assert_eq!(column(text), column(&blanked));
}
