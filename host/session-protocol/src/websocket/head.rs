//! What stands in front of a client's payload.

use super::close::Violation;
use super::frame::{FINAL, Opcode};

/// Most bytes of it: two, a length of eight, a key of four.
pub(super) const MAX_HEAD_BYTES: usize = 14;

/// Most bytes of a control frame's payload.
const MAX_CONTROL_BYTES: u64 = 125;

const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0F;
const MASKED: u8 = 0x80;

/// What a frame's first bytes say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub is_final: bool,
    pub opcode: Opcode,
    pub length: u64,
    pub key: [u8; 4],
}

impl Head {
    /// Reads it from the beginning of `bytes`, and how many of them it takes; nothing if
    /// some are missing still. What is wrong is told by its first byte.
    pub fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        if first & RESERVED != 0 {
            return Err(Violation::ReservedBit);
        }
        let is_final = first & FINAL != 0;
        let number = first & OPCODE;
        let opcode = Opcode::from_number(number).ok_or(Violation::ReservedOpcode(number))?;
        if opcode.is_control() && !is_final {
            return Err(Violation::Control);
        }
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        if second & MASKED == 0 {
            return Err(Violation::NotMasked);
        }
        let short = u64::from(second & !MASKED);
        if opcode.is_control() && short > MAX_CONTROL_BYTES {
            return Err(Violation::Control);
        }
        let rest = &bytes[2..];
        let (length, least, more) = match short {
            126 => match rest.first_chunk::<2>() {
                Some(length) => (u16::from_be_bytes(*length).into(), 126, 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(length) => (u64::from_be_bytes(*length), 1 << 16, 8),
                None => return Ok(None),
            },
            short => (short, 0, 0),
        };
        if length < least || length > i64::MAX.cast_unsigned() {
            return Err(Violation::Length);
        }
        let Some(&key) = rest[more..].first_chunk::<4>() else {
            return Ok(None);
        };
        let head = Self {
            is_final,
            opcode,
            length,
            key,
        };
        Ok(Some((head, 2 + more + key.len())))
    }
}
