//! How much the host keeps for each instance of a core module besides its memories and
//! tables: a place for each global, import and function that may be referred to. Memory
//! limits know nothing of it, and an instance has up to two hundred of them.

use wasmparser::{ElementItems, ElementSectionReader, Parser, Payload};

/// Most bytes for one instance: the largest language runtimes need half of it, and they
/// are made within about a tick.
const MAX_BYTES: u64 = 1 << 20;

/// Bytes on the host of a global, or of a segment of data.
const GLOBAL_BYTES: u64 = 16;

/// Bytes on the host of an import, or of a function that may be referred to.
const FUNCTION_BYTES: u64 = 32;

/// Bytes on the host of a function between components and core modules.
const CANONICAL_BYTES: u64 = 64;

/// Checks the modules of a component, and the component itself. What is not valid
/// otherwise is left to the validator, which has better words for it.
///
/// # Errors
/// A text for the component's author.
pub(super) fn check_instance_size(component: &[u8]) -> Result<(), String> {
    let (mut module, mut between) = (0, 0);
    for payload in Parser::new(0).parse_all(component) {
        let Ok(payload) = payload else {
            return Ok(());
        };
        let (of, count, bytes) = match payload {
            Payload::ModuleSection { .. } => {
                module = 0;
                continue;
            }
            Payload::GlobalSection(section) => (&mut module, section.count(), GLOBAL_BYTES),
            Payload::TagSection(section) => (&mut module, section.count(), GLOBAL_BYTES),
            Payload::DataSection(section) => (&mut module, section.count(), GLOBAL_BYTES),
            Payload::ImportSection(section) => (&mut module, section.count(), FUNCTION_BYTES),
            Payload::ExportSection(section) => (&mut module, section.count(), FUNCTION_BYTES),
            Payload::ElementSection(section) => (&mut module, items(section), FUNCTION_BYTES),
            Payload::ComponentCanonicalSection(section) => {
                (&mut between, section.count(), CANONICAL_BYTES)
            }
            _ => continue,
        };
        *of = u64::saturating_add(*of, u64::from(count) * bytes);
        if *of > MAX_BYTES {
            return Err(format!(
                "it has so many globals, imports, exports or table entries that the host would \
                 keep more than {MAX_BYTES} bytes for each of its instances"
            ));
        }
    }
    Ok(())
}

/// How many functions the elements of a section refer to, at most.
fn items(section: ElementSectionReader<'_>) -> u32 {
    let elements = section.into_iter().map_while(Result::ok);
    let items = elements.map(|element| match element.items {
        ElementItems::Functions(functions) => functions.count(),
        ElementItems::Expressions(_, expressions) => expressions.count(),
    });
    items.fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &str) -> Result<(), String> {
        let component = format!("(component (core module {fields}) (core module))");
        check_instance_size(&wat::parse_str(component).expect("a valid component"))
    }

    #[test]
    fn what_an_instance_takes_of_the_host_is_bounded() {
        let most = usize::try_from(MAX_BYTES / GLOBAL_BYTES).unwrap();
        let global = "(global i32 (i32.const 0))";
        assert_eq!(check(&global.repeat(most)), Ok(()));
        assert!(check(&global.repeat(most + 1)).is_err());
        let most = usize::try_from(MAX_BYTES / FUNCTION_BYTES).unwrap();
        let elements = |count: usize| format!("(func $f) (elem func {})", "$f ".repeat(count));
        assert_eq!(check(&elements(most)), Ok(()));
        assert!(check(&elements(most + 1)).is_err());
        let import = "(import \"a\" \"b\" (func))";
        assert!(check(&import.repeat(most + 1)).is_err());
    }

    #[test]
    fn modules_are_looked_at_one_by_one() {
        let most = usize::try_from(MAX_BYTES / GLOBAL_BYTES).unwrap();
        let module = format!(
            "(core module {})",
            "(global i32 (i32.const 0))".repeat(most)
        );
        let component = wat::parse_str(format!("(component {module} {module})")).unwrap();
        assert_eq!(check_instance_size(&component), Ok(()));
    }
}
