//! Frames read in place, with as little as can be done: the limit that reading
//! them through the SDK is compared with.
//!
//! A frame is a sequence of deliveries: a `u32` of flags, then the event in its
//! packed encoding. The host of these guests makes the frames, so they are valid;
//! the bounds that a slice checks stay, since they are part of what any guest pays.

use std::hint::black_box;

/// Bytes of flags before each event.
const FLAGS: usize = 4;

/// Where in an event its type's length stands.
const TYPE_LENGTH: usize = 6;

/// Where in an event its data's length stands.
const DATA_LENGTH: usize = 44;

/// Touches the length of the type and the first byte of the data of each event.
#[inline]
pub fn touch_all(mut frame: &[u8]) {
    while let Some((length, _)) = frame[FLAGS..].split_first_chunk() {
        let end = FLAGS + u32::from_le_bytes(*length) as usize;
        touch(&frame[FLAGS..end]);
        frame = &frame[end..];
        if frame.is_empty() {
            break;
        }
    }
}

fn touch(event: &[u8]) {
    let type_length = u16::from_le_bytes([event[TYPE_LENGTH], event[TYPE_LENGTH + 1]]);
    let data_length = event[DATA_LENGTH..]
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    black_box((type_length, event[event.len() - data_length..].first()));
}
