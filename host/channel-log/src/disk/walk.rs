//! Reading the batches of a segment one after the other.

use std::io;

use std::sync::Arc;

use bytes::Bytes;

use super::buffers::Buffers;
use super::device::{DeviceFile, read_into, read_what_can_be};
use super::format::{BATCH_HEAD, BatchHead, find_batch};

/// Reads the batches of a segment one after the other, beginning with a batch.
#[derive(Debug)]
pub(super) struct Walk<'f> {
    file: &'f dyn DeviceFile,
    store: u64,
    channel: u64,
    at: u64,
    end: u64,
    /// Bytes that are read at once.
    window: usize,
    /// What was read last,
    buffer: Bytes,
    /// and from where.
    buffer_at: u64,
    /// The batch in it that was found to be what was written.
    checked: Option<u64>,
    /// Where buffers come from, if they are large.
    buffers: Option<&'f Arc<Buffers>>,
}

/// What a walk has read, for one that goes on where it was.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) bytes: Bytes,
    at: u64,
    checked: Option<u64>,
}

/// What is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The head of a batch at this offset.
    Batch(u64, BatchHead),
    /// Bytes that are not what was written, or cannot be read, up to the next batch or the end.
    Bad,
    /// No more.
    End,
}

impl<'f> Walk<'f> {
    /// Walks from one offset to another.
    pub(super) fn new(
        file: &'f dyn DeviceFile,
        (store, channel): (u64, u64),
        (at, end): (u64, u64),
        window: usize,
    ) -> Self {
        Self {
            file,
            store,
            channel,
            at,
            end,
            window: window.max(BATCH_HEAD),
            buffer: Bytes::new(),
            buffer_at: at,
            checked: None,
            buffers: None,
        }
    }

    /// Takes buffers from there.
    pub(super) fn with_buffers(mut self, buffers: &'f Arc<Buffers>) -> Self {
        self.buffers = Some(buffers);
        self
    }

    /// Goes on with what another walk of the same file has read.
    pub(super) fn with_window(mut self, window: Window) -> Self {
        self.buffer = window.bytes;
        self.buffer_at = window.at;
        self.checked = window.checked;
        self
    }

    /// What it has read last.
    pub(super) fn into_window(self) -> Window {
        Window {
            bytes: self.buffer,
            at: self.buffer_at,
            checked: self.checked,
        }
    }

    /// Where it is.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The head of the next batch. It is passed by.
    pub(super) fn next(&mut self) -> io::Result<Found> {
        if self.at >= self.end {
            return Ok(Found::End);
        }
        let head = self.bytes(BATCH_HEAD)?;
        let head = BatchHead::read(&head, self.store);
        let whole = head.filter(|head| {
            head.channel == self.channel && self.at + head.bytes() as u64 <= self.end
        });
        let Some(head) = whole else {
            self.at = self.next_whole()?;
            return Ok(Found::Bad);
        };
        let at = self.at;
        self.at += head.bytes() as u64;
        Ok(Found::Batch(at, head))
    }

    /// The bytes of a batch that was passed by last, if they are what was written.
    pub(super) fn batch(&mut self, at: u64, head: &BatchHead) -> io::Result<Option<Bytes>> {
        let behind = std::mem::replace(&mut self.at, at);
        let batch = self.bytes(head.bytes())?;
        self.at = behind;
        // What is in memory stays what it was found to be.
        if self.checked == Some(at) || head.holds(&batch) {
            self.checked = Some(at);
            return Ok(Some(batch));
        }
        Ok(None)
    }

    /// So many bytes where it is, or as many as there are.
    fn bytes(&mut self, count: usize) -> io::Result<Bytes> {
        let range = self.buffered(count);
        if let Some(range) = range {
            return Ok(self.buffer.slice(range));
        }
        let rest = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let window = self.window.max(count).min(rest);
        self.buffer = self.read(window)?;
        self.buffer_at = self.at;
        self.checked = None;
        Ok(self.buffer.slice(..count.min(self.buffer.len())))
    }

    /// Reads so many bytes from where it is, but for what it has of them.
    fn read(&self, window: usize) -> io::Result<Bytes> {
        let Some(buffers) = self.buffers else {
            let read = read_what_can_be(self.file, self.at, window)?;
            return Ok(read.bytes.into());
        };
        let mut buffer = buffers.take(window);
        let out = &mut buffer.bytes_mut()[..window];
        let known = self
            .buffered(0)
            .map_or(0..0, |start| start.start..self.buffer.len());
        let known = &self.buffer[known];
        out[..known.len()].copy_from_slice(known);
        let behind = self.at + known.len() as u64;
        let (read, _) = read_into(self.file, behind, &mut out[known.len()..])?;
        Ok(buffer.freeze(known.len() + read))
    }

    /// Where in the buffer so many bytes are.
    fn buffered(&self, count: usize) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(self.at.checked_sub(self.buffer_at)?).ok()?;
        let end = start.checked_add(count)?;
        (end <= self.buffer.len()).then_some(start..end)
    }

    /// Where the next batch begins behind this offset, or the end.
    fn next_whole(&mut self) -> io::Result<u64> {
        let mut from = self.at + 1;
        while from < self.end {
            let rest = usize::try_from(self.end - from).unwrap_or(usize::MAX);
            let window = read_what_can_be(self.file, from, rest.min(1 << 20))?.bytes;
            let mut at = 0;
            while let Some(found) = find_batch(&window, at, self.store) {
                let head = BatchHead::read(&window[found..], self.store);
                if head.is_some_and(|head| head.channel == self.channel) {
                    return Ok(from + found as u64);
                }
                at = found + 1;
            }
            // A head may begin at the end of what was looked at.
            let looked_at = window.len().saturating_sub(BATCH_HEAD - 1).max(1);
            if window.len() < BATCH_HEAD {
                break;
            }
            from += looked_at as u64;
        }
        Ok(self.end)
    }
}
