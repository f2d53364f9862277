//! A plugin's texts within a component: the engine that evaluates them, and behind it a
//! custom section that has them. It means what the texts alone mean, and runs where no engine
//! of that language is.

use super::texts::{MAX_TEXTS, Script};

/// Name of the section.
pub const SECTION: &str = "hearken:script";

/// Longest content of the section, in bytes.
pub const MAX_SECTION_BYTES: usize = 32 << 20;

/// Bytes of the preamble of a component.
const PREAMBLE_BYTES: usize = 8;

/// Why a section is not understood.
#[derive(Debug, thiserror::Error)]
pub enum ScriptSectionError {
    /// It is larger than any that is written.
    #[error("its section `{SECTION}` has more than {MAX_SECTION_BYTES} bytes")]
    TooLarge,
    /// It is not what is written into one.
    #[error("its section `{SECTION}` cannot be read: {0}")]
    Content(serde_json::Error),
    /// There is no text in it, or more than a plugin may have.
    #[error("its section `{SECTION}` has {0} texts; 1 to {MAX_TEXTS} are possible")]
    Texts(usize),
}

/// The component `engine` with the texts behind it.
///
/// # Errors
/// [`ScriptSectionError`] when they are too many or too large.
pub fn append(engine: &[u8], script: &Script) -> Result<Vec<u8>, ScriptSectionError> {
    check(script)?;
    let content = serde_json::to_vec(script).map_err(ScriptSectionError::Content)?;
    if content.len() > MAX_SECTION_BYTES {
        return Err(ScriptSectionError::TooLarge);
    }
    let mut section = Vec::with_capacity(content.len() + 64);
    leb(&mut section, SECTION.len());
    section.extend_from_slice(SECTION.as_bytes());
    section.extend_from_slice(&content);
    let mut component = Vec::with_capacity(engine.len() + section.len() + 8);
    component.extend_from_slice(engine);
    component.push(0);
    leb(&mut component, section.len());
    component.extend_from_slice(&section);
    Ok(component)
}

/// The length of the engine at the beginning of a component, and the texts behind it; none
/// if it is any other component.
///
/// # Errors
/// [`ScriptSectionError`] when there is such a section and it is not understood.
pub fn split(component: &[u8]) -> Result<Option<(usize, Script)>, ScriptSectionError> {
    let Some((engine, content)) = last_section(component) else {
        return Ok(None);
    };
    if content.len() > MAX_SECTION_BYTES {
        return Err(ScriptSectionError::TooLarge);
    }
    let script: Script = serde_json::from_slice(content).map_err(ScriptSectionError::Content)?;
    check(&script)?;
    Ok(Some((engine, script)))
}

fn check(script: &Script) -> Result<(), ScriptSectionError> {
    match script.texts.len() {
        1..=MAX_TEXTS => Ok(()),
        texts => Err(ScriptSectionError::Texts(texts)),
    }
}

/// Where the last section begins, and its content, if it has the name.
fn last_section(component: &[u8]) -> Option<(usize, &[u8])> {
    let mut at = PREAMBLE_BYTES;
    let mut last = None;
    while let Some((&number, after)) = component.get(at..).and_then(<[u8]>::split_first) {
        let (length, rest) = number_of(after)?;
        let content = rest.get(..length)?;
        last = (number == 0).then_some((at, content));
        at = component.len() - rest.len() + length;
    }
    let (at, content) = last?;
    let (length, rest) = number_of(content)?;
    let name = rest.get(..length)?;
    (name == SECTION.as_bytes()).then_some((at, &rest[length..]))
}

/// A number below 2^32 in LEB128, and what follows it.
fn number_of(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let number = u32::try_from(number).ok()?;
            return Some((usize::try_from(number).ok()?, &bytes[at + 1..]));
        }
    }
    None
}

fn leb(out: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::super::texts::Text;
    use super::*;

    fn script(text: &str) -> Script {
        let (name, text) = ("a.ts".into(), text.into());
        Script::of(Language::TypeScript, vec![Text { name, text }])
    }

    #[test]
    fn what_was_appended_is_split_off_again() {
        let engine = b"\0asm\x0d\0\x01\0\0\x05\x04name";
        for text in ["", "x", &"é\n".repeat(100_000)] {
            let component = append(engine, &script(text)).unwrap();
            let (length, read) = split(&component).unwrap().expect("there is a section");
            assert_eq!(&component[..length], engine);
            assert_eq!(read, script(text));
        }
    }

    #[test]
    fn other_components_have_no_texts() {
        for other in [
            &b"\0asm\x0d\0\x01\0"[..],
            b"\0asm\x0d\0\x01\0\0\x05\x04name",
            b"\0asm\x0d\0\x01\0\0\xff\xff\xff\xff\xff",
            b"\0asm\x0d\0\x01\0\0\x05\x04na",
            b"",
        ] {
            assert!(split(other).unwrap().is_none(), "{other:?}");
        }
        // Not at the end.
        let component = append(b"\0asm\x0d\0\x01\0", &script("x")).unwrap();
        let more = [&component[..], b"\0\x05\x04name"].concat();
        assert!(split(&more).unwrap().is_none());
    }

    #[test]
    fn a_section_of_nonsense_is_an_error() {
        let content = [&[14][..], SECTION.as_bytes(), b"nonsense"].concat();
        let mut component = b"\0asm\x0d\0\x01\0\0".to_vec();
        leb(&mut component, content.len());
        component.extend_from_slice(&content);
        let error = split(&component).unwrap_err().to_string();
        assert!(error.contains(SECTION), "{error}");
        let none = Script {
            texts: Vec::new(),
            ..script("")
        };
        assert!(append(b"\0asm\x0d\0\x01\0", &none).is_err());
    }
}
