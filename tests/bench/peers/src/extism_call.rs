//! Extism: one call an event on an instance that stays, bytes in and nothing out.

use std::path::Path;

use extism::{Manifest, Plugin, Wasm};

use crate::{Error, Peer};

/// An Extism plugin with the defaults of its host kit.
pub struct ExtismCall(Plugin);

impl ExtismCall {
    pub fn open(module: &Path) -> Result<Self, Error> {
        let manifest = Manifest::new([Wasm::data(std::fs::read(module)?)]);
        Ok(Self(Plugin::new(&manifest, [], false)?))
    }
}

impl Peer for ExtismCall {
    fn handle(&mut self, data: &[u8]) -> Result<(), Error> {
        self.0.call::<&[u8], ()>("handle", data)?;
        Ok(())
    }
}
