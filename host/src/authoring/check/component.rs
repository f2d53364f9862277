//! Reads from a component what it imports and exports.

use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;
use wasmparser::{
    BinaryReaderError, ComponentTypeRef, Parser, Payload, TypeBounds, Validator, WasmFeatures,
};

use super::shape::{ExportReport, Shape};

/// The features that this host's engine has: those of WebAssembly 3.0 but for what
/// needs a garbage collector, and components without the asynchronous ABI.
fn features() -> WasmFeatures {
    (WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL)
        .difference(WasmFeatures::GC_TYPES | WasmFeatures::EXCEPTIONS)
}

/// Validates a component and lists its outside.
pub(super) fn inspect(bytes: &[u8]) -> Result<Shape, BinaryReaderError> {
    let types = Validator::new_with_features(features()).validate_all(bytes)?;
    let mut shape = Shape {
        imports: Vec::new(),
        exports: Vec::new(),
    };
    // Sections of the modules and components inside come in the same stream.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import?;
                    // A type that is equal to a known one asks nothing of the host.
                    if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                        shape.imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let name = export?.name.name;
                    shape.exports.push(ExportReport {
                        name: name.to_owned(),
                        functions: functions(types.as_ref(), name),
                    });
                }
            }
            _ => {}
        }
    }
    Ok(shape)
}

/// The functions of the exported instance `name`.
fn functions(types: TypesRef<'_>, name: &str) -> Vec<String> {
    let Some(ComponentEntityType::Instance(instance)) =
        types.component_item_for_export(name).map(|item| item.ty)
    else {
        return Vec::new();
    };
    types[instance]
        .exports
        .iter()
        .filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)))
        .map(|(function, _)| function.clone())
        .collect()
}
