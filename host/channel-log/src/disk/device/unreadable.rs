//! Sectors that cannot be read, the usual form in which disks lose data.

use std::io;

use super::{DeviceFile, read_fully};

/// What is read again alone, to lose no more than what lies in a bad sector.
const PIECE: u64 = 4096;

/// Times that a piece is read before it is given up.
const ATTEMPTS: u32 = 3;

/// What stands for bytes that cannot be read. Nothing that is written begins with it, and
/// unlike zeros it is not taken for where nothing was written.
const FILLER: u8 = 0xff;

/// What the system says of sectors that the disk cannot read: `EIO`; of what has changed by
/// the file system's own checksums, also `EBADMSG`.
#[cfg(unix)]
const CODES: [i32; 2] = [
    rustix::io::Errno::IO.raw_os_error(),
    rustix::io::Errno::BADMSG.raw_os_error(),
];
/// `ERROR_CRC` and `ERROR_SECTOR_NOT_FOUND`.
#[cfg(not(unix))]
const CODES: [i32; 2] = [23, 27];

/// The error of a read of what the disk cannot read, for simulated disks.
#[must_use]
pub fn unreadable() -> io::Error {
    io::Error::from_raw_os_error(CODES[0])
}

/// Whether the disk cannot read what was asked for, though it may read what lies beside it.
fn is_unreadable(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| CODES.contains(&code))
}

/// Bytes, of which some may be others since they cannot be read.
#[derive(Debug)]
pub(in crate::disk) struct Readable {
    pub(in crate::disk) bytes: Vec<u8>,
    /// How many cannot be read.
    pub(in crate::disk) unreadable: u64,
}

/// Reads so many bytes, or as many of them as there are. Those that the disk cannot read
/// are others: whoever holds them against their checksum finds them damaged.
pub(in crate::disk) fn read_what_can_be(
    file: &dyn DeviceFile,
    at: u64,
    bytes: usize,
) -> io::Result<Readable> {
    let mut out = vec![0; bytes];
    let (read, unreadable) = read_into(file, at, &mut out)?;
    out.truncate(read);
    Ok(Readable {
        bytes: out,
        unreadable,
    })
}

/// Reads as [`read_what_can_be`] does, as many bytes as there is room for; returns how many,
/// and how many of these cannot be read.
pub(in crate::disk) fn read_into(
    file: &dyn DeviceFile,
    at: u64,
    out: &mut [u8],
) -> io::Result<(usize, u64)> {
    match read_fully(file, at, out) {
        Ok(read) => return Ok((read, 0)),
        Err(error) if is_unreadable(&error) => {}
        Err(error) => return Err(error),
    }
    // Of what lies behind the end nothing is read, whatever is wrong with the disk.
    let length = file.len()?.saturating_sub(at).min(out.len() as u64);
    let length = usize::try_from(length).unwrap_or(out.len());
    let out = &mut out[..length];
    let mut unreadable = 0;
    let mut done = 0;
    while done < out.len() {
        let here = at + done as u64;
        let piece = usize::try_from(PIECE - here % PIECE).unwrap_or(out.len());
        let end = out.len().min(done + piece);
        let piece = &mut out[done..end];
        if !read_piece(file, here, piece)? {
            piece.fill(FILLER);
            unreadable += piece.len() as u64;
        }
        done = end;
    }
    Ok((length, unreadable))
}

/// Whether what is written from there on is read again: not if the disk cannot read what lies
/// before it in the same piece, with which it would be lost.
pub(in crate::disk) fn can_be_extended(file: &dyn DeviceFile, end: u64) -> bool {
    let bytes = end % PIECE;
    let mut piece = vec![0; usize::try_from(bytes).unwrap_or(0)];
    // Any other error is one of this read alone.
    read_piece(file, end - bytes, &mut piece).unwrap_or(true)
}

/// Reads a piece; returns whether it could be.
fn read_piece(file: &dyn DeviceFile, at: u64, piece: &mut [u8]) -> io::Result<bool> {
    for _ in 0..ATTEMPTS {
        match read_fully(file, at, piece) {
            Ok(read) => {
                piece[read..].fill(0);
                return Ok(true);
            }
            Err(error) if is_unreadable(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
