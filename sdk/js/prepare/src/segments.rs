//! Data segments, of which a prepared component has thousands: one for each run of bytes that are
//! not zero. An instance of a component that is prepared again (a snapshot of a text) would keep a
//! record for each of them, so all of a module are made one, with the zeros between them.

/// Bytes of the preamble of a component or module.
const PREAMBLE_BYTES: usize = 8;

/// Sections of a component that have a module.
const MODULE: u8 = 1;

/// Sections of a module that have its data.
const DATA: u8 = 11;

/// The component with the data of each of its modules in one segment; none if it is no component,
/// or has data of another kind.
pub(crate) fn join(component: &[u8]) -> Option<Vec<u8>> {
    with_sections(component, |section, content| match section {
        MODULE => with_sections(content, |section, content| match section {
            DATA => joined(content),
            _ => Some(content.to_vec()),
        }),
        _ => Some(content.to_vec()),
    })
}

/// The same with other content of sections.
fn with_sections(bytes: &[u8], change: impl Fn(u8, &[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let (preamble, mut rest) = bytes.split_at_checked(PREAMBLE_BYTES)?;
    let mut changed = preamble.to_vec();
    while let Some((&section, after)) = rest.split_first() {
        rest = after;
        let content = sized(&mut rest)?;
        let content = change(section, content)?;
        changed.push(section);
        put(&mut changed, content.len());
        changed.extend(content);
    }
    Some(changed)
}

/// The content of a data section, in one segment behind those that are empty and stay, since code
/// may name them by their places.
fn joined(mut content: &[u8]) -> Option<Vec<u8>> {
    let segments = number(&mut content)?;
    let mut empty = 0;
    let mut first = None;
    let mut data: Vec<u8> = Vec::new();
    for _ in 0..segments {
        match (number(&mut content)?, first) {
            (1, None) => {
                if !sized(&mut content)?.is_empty() {
                    return None;
                }
                empty += 1;
            }
            (0, _) => {
                let offset = constant(&mut content)?;
                let from = offset.checked_sub(*first.get_or_insert(offset))?;
                if from < data.len() {
                    return None;
                }
                data.resize(from, 0);
                data.extend(sized(&mut content)?);
            }
            _ => return None,
        }
    }
    let mut made = Vec::with_capacity(data.len() + 64);
    put(&mut made, empty + usize::from(first.is_some()));
    for _ in 0..empty {
        made.extend([1, 0]);
    }
    if let Some(first) = first {
        made.extend([0, 0x41]);
        put_signed(&mut made, first);
        made.push(0x0b);
        put(&mut made, data.len());
        made.extend(data);
    }
    Some(made)
}

/// What `i32.const` and `end` say, if it is an address below 2 GiB.
fn constant(from: &mut &[u8]) -> Option<usize> {
    *from = from.strip_prefix(&[0x41])?;
    let before = *from;
    let value = number(from)?;
    // The last of its bytes has the sign.
    let bytes = before.len() - from.len();
    let sign = 1_usize.checked_shl(u32::try_from(7 * bytes - 1).ok()?)?;
    *from = from.strip_prefix(&[0x0b])?;
    (value & sign == 0).then_some(value)
}

/// As many bytes as it says before them.
fn sized<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(from)?;
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes)
}

/// A number in LEB128 of at most five bytes.
fn number(from: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in [0, 7, 14, 21, 28] {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn put(to: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A number that is not negative, where it might be.
fn put_signed(to: &mut Vec<u8>, mut number: usize) {
    while number > 0x3f {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
