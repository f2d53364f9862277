//! Applying a delta.

use super::checksum::checksum;
use super::integer;

/// Why a delta cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// It is not one.
    #[error("the delta is malformed at byte {at}")]
    Malformed {
        /// Byte of the delta, from 0.
        at: usize,
    },
    /// It makes more than may be.
    #[error("the delta makes {size} bytes, and at most {limit} are allowed")]
    TooLarge {
        /// What it makes.
        size: usize,
        /// Most bytes.
        limit: usize,
    },
    /// It copies what is not there.
    #[error("the delta copies beyond the end of what was before")]
    BeyondEnd,
    /// It makes another size than it says.
    #[error("the delta makes another size than it says")]
    OtherSize,
    /// What it makes is not what it was made for: what was before was something else.
    #[error("the delta was made for something else")]
    OtherData,
}

/// What a delta makes out of `before`, of at most `limit` bytes.
///
/// # Errors
///
/// When it is no delta to `before`, or makes too much.
pub fn apply(before: &[u8], delta: &[u8], limit: usize) -> Result<Vec<u8>, DeltaError> {
    let mut rest = delta;
    let malformed = |rest: &[u8]| DeltaError::Malformed {
        at: delta.len() - rest.len(),
    };
    let number = |rest: &mut &[u8]| {
        let found = integer::take(rest).ok_or(malformed(rest))?;
        usize::try_from(found).map_err(|_| malformed(rest))
    };
    let expect = |sign: u8, rest: &mut &[u8]| match rest.split_first() {
        Some((&first, others)) if first == sign => {
            *rest = others;
            Ok(())
        }
        _ => Err(malformed(rest)),
    };
    let size = number(&mut rest)?;
    expect(b'\n', &mut rest)?;
    if size > limit {
        return Err(DeltaError::TooLarge { size, limit });
    }
    // Room is made for what comes, not for what is said to.
    let mut after = Vec::new();
    loop {
        let count = number(&mut rest)?;
        let Some((&sign, others)) = rest.split_first() else {
            return Err(malformed(rest));
        };
        match sign {
            b'@' => {
                rest = others;
                let offset = number(&mut rest)?;
                expect(b',', &mut rest)?;
                let copied = offset
                    .checked_add(count)
                    .and_then(|end| before.get(offset..end));
                extend(&mut after, copied.ok_or(DeltaError::BeyondEnd)?, size)?;
            }
            b':' => {
                let Some((new, others)) = others.split_at_checked(count) else {
                    return Err(malformed(rest));
                };
                extend(&mut after, new, size)?;
                rest = others;
            }
            b';' if !others.is_empty() => return Err(malformed(others)),
            b';' if after.len() != size => return Err(DeltaError::OtherSize),
            b';' if checksum(&after) as usize != count => return Err(DeltaError::OtherData),
            b';' => return Ok(after),
            _ => return Err(malformed(rest)),
        }
    }
}

fn extend(after: &mut Vec<u8>, more: &[u8], size: usize) -> Result<(), DeltaError> {
    if more.len() > size - after.len() {
        return Err(DeltaError::OtherSize);
    }
    after.extend_from_slice(more);
    Ok(())
}
