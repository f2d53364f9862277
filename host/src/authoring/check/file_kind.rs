//! Tells from a file's first bytes and its size what it is.

use serde::Serialize;

/// Files larger than this are not looked into. The largest components of note,
/// which carry a Python interpreter, have 40 MiB; checking takes a few times the
/// file's size in memory.
pub const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// How much of a file's beginning [`FileKind::of_head`] wants to see.
pub(super) const HEAD_BYTES: u64 = 512;

const WASM_MAGIC: &[u8] = b"\0asm";

/// What kind of file it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum FileKind {
    /// A sound WebAssembly component.
    Component,
    /// A text in a language of plugins.
    Text,
    /// A WebAssembly module that is not wrapped into a component.
    CoreModule {
        /// How to make a component of it.
        advice: String,
    },
    /// A component or module in a binary format that this host does not know.
    OtherEncoding {
        /// The four bytes after the magic number, in hexadecimal.
        version: String,
    },
    /// A component that is cut short, damaged, or uses features of WebAssembly that
    /// this host does not have.
    Damaged {
        /// Where, in bytes from the beginning.
        offset: usize,
        /// What is wrong there.
        message: String,
    },
    /// WebAssembly that could not be looked into.
    NotExamined {
        /// Why not.
        reason: String,
    },
    /// WebAssembly of more than [`MAX_FILE_BYTES`].
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Not WebAssembly.
    NotWasm {
        /// What it seems to be.
        looks_like: &'static str,
    },
}

impl FileKind {
    /// What a file of `length` bytes is that begins with `head`, if that can be said
    /// without seeing the rest: it is then neither a component nor a core module.
    pub(super) fn of_head(head: &[u8], length: u64) -> Option<Self> {
        let Some(version) = head.strip_prefix(WASM_MAGIC) else {
            return Some(Self::NotWasm {
                looks_like: looks_like(head),
            });
        };
        if !wasmparser::Parser::is_component(head) && !wasmparser::Parser::is_core_wasm(head) {
            let version = version.iter().take(4).map(|byte| format!("{byte:02x}"));
            return Some(Self::OtherEncoding {
                version: version.collect(),
            });
        }
        (length > MAX_FILE_BYTES).then_some(Self::TooLarge {
            limit: MAX_FILE_BYTES,
        })
    }

    /// Why a file of this kind cannot be run, and what to do; a component can.
    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Component | Self::Text => None,
            Self::CoreModule { advice } => Some(format!(
                "it is a core WebAssembly module, and plugins are components: {advice}"
            )),
            Self::OtherEncoding { version } => Some(format!(
                "it is WebAssembly of binary version `{version}`, which this host does not know: \
                 build it with a current toolchain"
            )),
            Self::Damaged { offset, message } => Some(format!(
                "it is not a sound component for this host, at byte {offset}: {message}; build or \
                 copy it again"
            )),
            Self::NotExamined { reason } => Some(format!("it cannot be looked into: {reason}")),
            Self::TooLarge { limit } => Some(format!(
                "it is larger than {} MiB: build it in release mode and without debug information",
                limit / (1024 * 1024)
            )),
            Self::NotWasm { looks_like } => Some(format!(
                "it is not WebAssembly but {looks_like}: build a component with \
                 `hearken plugin build`"
            )),
        }
    }
}

fn looks_like(head: &[u8]) -> &'static str {
    const SIGNATURES: &[(&[u8], &str)] = &[
        (b"\x7fELF", "a native Linux program or library (ELF)"),
        (b"MZ", "a native Windows program or library"),
        (b"\xcf\xfa\xed\xfe", "a native macOS program or library"),
        (
            b"\xca\xfe\xba\xbe",
            "a native macOS program or a Java class",
        ),
        (b"!<arch>\n", "a static library or Rust's .rlib"),
        (b"\x1f\x8b", "a gzip archive, which must be unpacked first"),
        (b"PK\x03\x04", "a zip archive, which must be unpacked first"),
        (
            b"\x28\xb5\x2f\xfd",
            "a zstd archive, which must be unpacked first",
        ),
        (b"BC\xc0\xde", "LLVM bitcode"),
        (
            b"version https://git-lfs",
            "a Git LFS pointer: fetch the file itself with `git lfs pull`",
        ),
    ];
    if head.is_empty() {
        return "an empty file";
    }
    for (signature, name) in SIGNATURES {
        if head.starts_with(signature) {
            return name;
        }
    }
    if head.iter().all(|&byte| byte == 0) {
        return "a file of zeros, as left by an interrupted copy";
    }
    text_like(head).unwrap_or("data of an unknown kind")
}

fn text_like(head: &[u8]) -> Option<&'static str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    if text.contains('\0') {
        return None;
    }
    let text = text.trim_start().to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    Some(if begins(&["(module", "(component"]) {
        "WebAssembly in text form: encode it with `wasm-tools parse`"
    } else if begins(&["<!doctype html", "<html"]) {
        "a web page, perhaps an error in place of a download"
    } else if begins(&["{", "["]) {
        "JSON or TOML text"
    } else if begins(&["package "]) {
        "text, perhaps WIT, which only describes interfaces"
    } else {
        "text"
    })
}
