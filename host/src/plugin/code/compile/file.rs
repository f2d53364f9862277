//! Component files as they are read: their size and kind are checked before their
//! content, and whatever is no file is not waited for.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;

use super::error::{CompileError, MAX_COMPONENT_BYTES};
use crate::plugin::code::complete::is_cut_off;

/// First eight bytes of a component: magic and the component layer's version.
const COMPONENT_PREAMBLE: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// First eight bytes of a core module.
const MODULE_PREAMBLE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// A component file as it was read.
#[derive(Clone)]
pub(crate) struct ComponentFile {
    pub(crate) bytes: Bytes,
    /// BLAKE3 of the bytes.
    pub(crate) hash: blake3::Hash,
}

impl ComponentFile {
    /// Reads a component file; checks its size and kind before its content.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// [`CompileError`] when it cannot be read or is no component.
    pub(crate) fn read(path: &Path) -> Result<Self, CompileError> {
        let failed = |source| CompileError::Read {
            path: path.to_owned(),
            source,
        };
        let mut file = open_regular(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        // In one piece from the begin, if it is as large as it seems.
        let expected = usize::try_from(size.min(MAX_COMPONENT_BYTES)).unwrap_or_default();
        let mut bytes = Vec::with_capacity(8);
        (&mut file)
            .take(8)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        check_preamble(&bytes)?;
        if size > MAX_COMPONENT_BYTES {
            return Err(CompileError::TooLarge(size));
        }
        bytes.reserve_exact(expected);
        file.take(MAX_COMPONENT_BYTES)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if is_cut_off(&bytes) {
            return Err(CompileError::CutOff);
        }
        let hash = blake3::hash(&bytes);
        Ok(Self {
            bytes: bytes.into(),
            hash,
        })
    }
}

/// Opens a file that has an end: a pipe or a device could be read for ever. It is
/// looked at once it is open, so that nothing else can take its place in between,
/// and opening does not wait for the other end of a pipe.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(
            (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits() as i32,
        );
    }
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    Ok(file)
}

fn check_preamble(bytes: &[u8]) -> Result<(), CompileError> {
    if bytes.is_empty() {
        Err(CompileError::Empty)
    } else if bytes == COMPONENT_PREAMBLE {
        Ok(())
    } else if bytes == MODULE_PREAMBLE {
        Err(CompileError::CoreModule)
    } else if COMPONENT_PREAMBLE.starts_with(bytes) {
        Err(CompileError::CutOff)
    } else if bytes.starts_with(b"\0asm") {
        Err(CompileError::Invalid(
            "an unknown version of the binary format".to_owned(),
        ))
    } else {
        Err(CompileError::NotWasm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<ComponentFile, CompileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        ComponentFile::read(file.path())
    }

    #[test]
    fn the_kind_of_file_is_told() {
        assert!(matches!(read(b""), Err(CompileError::Empty)));
        assert!(matches!(read(b"#!/bin/sh"), Err(CompileError::NotWasm)));
        assert!(matches!(
            read(&MODULE_PREAMBLE),
            Err(CompileError::CoreModule)
        ));
        assert!(matches!(
            read(b"\0asm\x0d\0\x02\0"),
            Err(CompileError::Invalid(_))
        ));
        assert!(read(&COMPONENT_PREAMBLE).is_ok());
    }

    #[test]
    fn a_huge_file_is_refused_by_its_size() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), COMPONENT_PREAMBLE).unwrap();
        file.as_file().set_len(200 << 20).unwrap();
        let refused = ComponentFile::read(file.path());
        assert!(matches!(refused, Err(CompileError::TooLarge(size)) if size == 200 << 20));
    }

    /// A pipe that nobody writes to, which is only found out by opening it: looking
    /// first would leave time for one to be put into a file's place.
    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.wasm");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("`mkfifo` is on every Unix").success());
        let refused = ComponentFile::read(&pipe).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("not a regular file"));
    }
}
