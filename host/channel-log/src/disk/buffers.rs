//! Memory that is read into, used again and again: what the system gives anew it first has
//! to clear, page by page, which takes longer than reading what is in its cache.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;

/// Bytes that are kept at most while nobody uses them.
const KEPT_BYTES: usize = 16 << 20;

/// Bytes of a buffer at least, and what it is a multiple of.
const STEP: usize = 64 << 10;

/// Buffers that nobody uses.
#[derive(Debug, Default)]
pub(super) struct Buffers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
    /// Whether one was wanted since the last look.
    is_used: bool,
}

/// A buffer, which is kept for others once nobody has a part of it any more.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    home: Arc<Buffers>,
}

impl Buffers {
    /// A buffer with at least so many bytes, whatever they are.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Buffer {
        let bytes = bytes.max(1).next_multiple_of(STEP);
        let mut kept = self.kept();
        kept.is_used = true;
        // Not one that is so much longer that others would miss it.
        let fits = |kept: &Vec<u8>| (bytes..=bytes.saturating_mul(2)).contains(&kept.len());
        let found = kept.buffers.iter().rposition(fits);
        let buffer = found.map(|at| kept.buffers.swap_remove(at));
        if let Some(buffer) = &buffer {
            kept.bytes -= buffer.len();
        }
        drop(kept);
        Buffer {
            bytes: buffer.unwrap_or_else(|| vec![0; bytes]),
            home: Arc::clone(self),
        }
    }

    /// Lets go of all, if none was wanted since the last look.
    pub(super) fn look(&self) {
        let mut kept = self.kept();
        if !std::mem::take(&mut kept.is_used) {
            *kept = Kept::default();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        let kept = self.0.lock();
        kept.expect("nobody panics while holding the buffers")
    }
}

impl Buffer {
    /// All of it, to write to.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The first bytes of it, for good.
    pub(super) fn freeze(self, bytes: usize) -> Bytes {
        Bytes::from_owner(self).slice(..bytes)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut kept = self.home.kept();
        if kept.bytes + self.bytes.len() <= KEPT_BYTES {
            kept.bytes += self.bytes.len();
            kept.buffers.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_nobody_has_a_part_of_it() {
        let buffers = Arc::<Buffers>::default();
        let mut buffer = buffers.take(100);
        buffer.bytes_mut()[..3].copy_from_slice(b"abc");
        let place = buffer.as_ref().as_ptr();
        let bytes = buffer.freeze(3);
        let part = bytes.slice(1..);
        drop(bytes);
        assert_ne!(buffers.take(100).as_ref().as_ptr(), place);
        assert_eq!(part, b"bc"[..]);
        drop(part);
        let places = [buffers.take(100), buffers.take(100)].map(|it| it.as_ref().as_ptr());
        assert!(places.contains(&place));
    }

    #[test]
    fn no_more_is_kept_than_may_be_and_nothing_for_long() {
        let buffers = Arc::<Buffers>::default();
        let many: Vec<Buffer> = (0..40).map(|_| buffers.take(1 << 20)).collect();
        drop(many);
        assert_eq!(buffers.kept().bytes, KEPT_BYTES);
        assert_eq!(buffers.kept().buffers.len(), 16);
        // A small one does not take a large one's place.
        assert_eq!(buffers.take(1).as_ref().len(), STEP);
        buffers.look();
        assert!(buffers.kept().bytes > 0);
        buffers.look();
        assert_eq!(buffers.kept().bytes, 0);
    }
}
