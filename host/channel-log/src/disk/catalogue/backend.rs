//! The database on a file of the device.

use std::io;
use std::sync::Arc;

use redb::StorageBackend;

use crate::disk::device::{DeviceFile, read_fully, write_fully};

/// The database on a file of the device.
#[derive(Debug)]
pub(super) struct Backend(Arc<dyn DeviceFile>);

impl Backend {
    pub(super) fn new(file: Arc<dyn DeviceFile>) -> Self {
        Self(file)
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if read_fully(self.0.as_ref(), offset, out)? < out.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        write_fully(self.0.as_ref(), offset, data)
    }
}
