//! How much the host keeps for an instance of a component besides its memories and
//! tables: a place for each global, import and function that may be referred to, for each
//! instance of each of its modules. Memory limits know nothing of it.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, ElementItems, ElementSectionReader, Instance, Parser, Payload,
};

/// Most bytes for one instance of a component: those of the largest language runtimes
/// take two or three MiB.
const MAX_BYTES: u64 = 64 << 20;

/// Bytes on the host of a global, or of a segment of data.
const GLOBAL_BYTES: u64 = 16;

/// Bytes on the host of an import, or of a function that may be referred to.
const FUNCTION_BYTES: u64 = 32;

/// Bytes on the host of a function between components and core modules.
const CANONICAL_BYTES: u64 = 64;

/// What has been seen of a component.
#[derive(Default)]
struct Tally {
    /// Of each component around the place that is looked at, its modules by their index:
    /// what an instance takes, or nothing where it is not known which module it is.
    modules: Vec<Vec<Option<u64>>>,
    /// The module that is looked at.
    module: Option<u64>,
    /// What an instance of the largest module takes.
    largest: u64,
    /// What the instances take whose modules are known.
    known: u64,
    /// Instances whose modules are not known, which may be the largest.
    unknown: u64,
    /// Instances of components.
    copies: u64,
    /// Whether those have instances of modules in them.
    copied: bool,
}

/// Checks what an instance of a component would take. What is not valid otherwise is left
/// to the validator, which has better words for it.
///
/// # Errors
/// A text for the component's author.
pub(super) fn check_instance_size(component: &[u8]) -> Result<(), String> {
    let mut tally = Tally::default();
    for payload in Parser::new(0).parse_all(component) {
        if payload.and_then(|payload| tally.see(payload)).is_err() {
            return Ok(());
        }
    }
    let bytes = tally.bytes();
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    Err(format!(
        "the host would keep {bytes} bytes for its globals, imports, exports and table entries, \
         in all instances of its modules; it may be {MAX_BYTES}"
    ))
}

impl Tally {
    /// At least what an instance takes, as far as components are not instantiated within
    /// components that are instantiated more than once.
    fn bytes(&self) -> u64 {
        let unknown = self.unknown.saturating_mul(self.largest);
        let once = self.known.saturating_add(unknown);
        let times = if self.copied { self.copies.max(1) } else { 1 };
        once.saturating_mul(times)
    }

    fn see(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::Version { .. } if self.module.is_none() => self.modules.push(Vec::new()),
            Payload::ModuleSection { .. } => self.module = Some(0),
            Payload::End(_) => match self.module.take() {
                Some(bytes) => {
                    self.largest = self.largest.max(bytes);
                    self.add_module(Some(bytes));
                }
                None => _ = self.modules.pop(),
            },
            Payload::GlobalSection(section) => self.count(section.count(), GLOBAL_BYTES),
            Payload::TagSection(section) => self.count(section.count(), GLOBAL_BYTES),
            Payload::DataSection(section) => self.count(section.count(), GLOBAL_BYTES),
            Payload::ImportSection(section) => self.count(section.count(), FUNCTION_BYTES),
            Payload::ExportSection(section) => self.count(section.count(), FUNCTION_BYTES),
            Payload::ElementSection(section) => self.count(items(section)?, FUNCTION_BYTES),
            Payload::ComponentCanonicalSection(section) => {
                let bytes = u64::from(section.count()) * CANONICAL_BYTES;
                self.known = self.known.saturating_add(bytes);
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        self.instantiate(module_index);
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    if let ComponentInstance::Instantiate { .. } = instance? {
                        self.copies = self.copies.saturating_add(1);
                    }
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    if is_module(&alias?) {
                        self.add_module(None);
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    if let ComponentTypeRef::Module(_) = import?.ty {
                        self.add_module(None);
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    if export?.kind == ComponentExternalKind::Module {
                        self.add_module(None);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The module has so many of something.
    fn count(&mut self, count: u32, bytes: u64) {
        if let Some(module) = &mut self.module {
            *module = module.saturating_add(u64::from(count) * bytes);
        }
    }

    fn add_module(&mut self, bytes: Option<u64>) {
        if let Some(modules) = self.modules.last_mut() {
            modules.push(bytes);
        }
    }

    fn instantiate(&mut self, module: u32) {
        let modules = self.modules.last();
        let bytes = modules.and_then(|modules| *modules.get(usize::try_from(module).ok()?)?);
        match bytes {
            Some(bytes) => self.known = self.known.saturating_add(bytes),
            None => self.unknown = self.unknown.saturating_add(1),
        }
        self.copied |= self.modules.len() > 1;
    }
}

fn is_module(alias: &ComponentAlias<'_>) -> bool {
    match alias {
        ComponentAlias::InstanceExport { kind, .. } => *kind == ComponentExternalKind::Module,
        ComponentAlias::Outer { kind, .. } => *kind == ComponentOuterAliasKind::CoreModule,
        ComponentAlias::CoreInstanceExport { .. } => false,
    }
}

/// How many functions the elements of a section refer to, at most.
fn items(section: ElementSectionReader<'_>) -> wasmparser::Result<u32> {
    let mut items = 0_u32;
    for element in section {
        items = items.saturating_add(match element?.items {
            ElementItems::Functions(functions) => functions.count(),
            ElementItems::Expressions(_, expressions) => expressions.count(),
        });
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of which an instance takes a MiB.
    fn module(name: &str) -> String {
        let globals = "(global i32 (i32.const 0))".repeat((1 << 20) / 16);
        format!("(core module ${name} {globals})")
    }

    fn check(items: &str) -> Result<(), String> {
        let component = wat::parse_str(format!("(component {items})"));
        check_instance_size(&component.expect("a valid component"))
    }

    /// What an instance of a component takes that has one module with these fields.
    fn bytes(fields: &str) -> u64 {
        let text =
            format!("(component (core module $m {fields}) (core instance (instantiate $m)))");
        let component = wat::parse_str(text).expect("a valid component");
        let mut tally = Tally::default();
        for payload in Parser::new(0).parse_all(&component) {
            tally.see(payload.expect("valid")).expect("valid");
        }
        tally.bytes()
    }

    #[test]
    fn everything_that_an_instance_has_is_counted() {
        assert_eq!(bytes(""), 0);
        assert_eq!(bytes("(global i32 (i32.const 0))"), GLOBAL_BYTES);
        let functions = "(func $f) (elem func $f $f) (export \"a\" (func $f))";
        assert_eq!(bytes(functions), 3 * FUNCTION_BYTES);
        assert_eq!(bytes("(memory 1) (data \"x\")"), GLOBAL_BYTES);
    }

    #[test]
    fn all_instances_of_a_module_are_counted_and_no_more_than_there_are() {
        let instances = |count: usize| "(core instance (instantiate $a))".repeat(count);
        let with = |count| {
            check(&format!(
                "{} {} (core module)",
                module("a"),
                instances(count)
            ))
        };
        assert_eq!(with(64), Ok(()));
        assert!(with(65).is_err());
        let small = "(core instance (instantiate $b))".repeat(100);
        let beside = format!("{} (core module $b) {small}", module("a"));
        assert_eq!(check(&beside), Ok(()));
    }

    #[test]
    fn a_module_by_another_name_is_taken_for_the_largest() {
        let aliased = |count: usize| {
            let instances = "(core instance (instantiate $b))".repeat(count);
            format!(
                "{} (component (alias outer 1 $a (core module $b)) {instances})",
                module("a")
            )
        };
        // Never made, but for all that is known here it may be.
        assert_eq!(check(&aliased(64)), Ok(()));
        assert!(check(&aliased(65)).is_err());
    }

    #[test]
    fn components_with_instances_count_as_often_as_they_are_made() {
        let copies = |count: usize| {
            let made = "(instance (instantiate $c))".repeat(count);
            let one = format!("{} (core instance (instantiate $a))", module("a"));
            format!("(component $c {one}) {made}")
        };
        assert_eq!(check(&copies(64)), Ok(()));
        assert!(check(&copies(65)).is_err());
        // Those that only give names to what there is cost nothing.
        let names = "(component $n) (instance (instantiate $n))".to_owned();
        let others = "(instance (instantiate $n))".repeat(100);
        let one = format!("{} (core instance (instantiate $a))", module("a"));
        assert_eq!(check(&format!("{one} {names} {others}")), Ok(()));
    }
}
