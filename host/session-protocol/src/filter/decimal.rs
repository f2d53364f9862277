//! Decimal numbers, which are compared as they are written, without rounding.

use std::cmp::Ordering;

/// Most characters of a number.
const MAX_LENGTH: usize = 200;

/// Most digits behind the point.
const MAX_FRACTION: usize = 19;

/// A number such as `-12.50`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Decimal {
    negative: bool,
    /// The digits before the point, without zeros in front.
    whole: Box<str>,
    /// The digits behind it, without zeros at the end.
    fraction: Box<str>,
}

impl Decimal {
    /// Reads an optional sign, digits, and perhaps a point with digits behind it. What is
    /// longer, or more exact, than other implementations take is no number either.
    pub fn new(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (unsigned, ""),
        };
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        if fraction.len() > MAX_FRACTION {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let is_zero = whole.is_empty() && fraction.is_empty();
        Some(Self {
            negative: text.starts_with('-') && !is_zero,
            whole: whole.into(),
            fraction: fraction.into(),
        })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |number: &Self| number.whole.len();
        let magnitude = size(self)
            .cmp(&size(other))
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.fraction.cmp(&other.fraction));
        match (self.negative, other.negative) {
            (false, false) => magnitude,
            (true, true) => magnitude.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_as_numbers() {
        let ordered = [
            "-100",
            "-20.5",
            "-20.05",
            "-1",
            "-0.1",
            "0",
            "0.001",
            "0.01",
            "0.1",
            "9",
            "10",
            "10.000001",
            "18446744073709551616",
        ];
        for (index, one) in ordered.iter().enumerate() {
            for (other_index, other) in ordered.iter().enumerate() {
                let compared = Decimal::new(one).cmp(&Decimal::new(other));
                assert_eq!(compared, index.cmp(&other_index), "{one} {other}");
            }
        }
    }

    #[test]
    fn the_same_number_may_be_written_differently() {
        for (one, other) in [
            ("1", "+1.0"),
            ("-0", "0.000"),
            ("007", "7"),
            ("1.5", "01.50"),
        ] {
            assert_eq!(Decimal::new(one), Decimal::new(other), "{one} {other}");
            assert!(Decimal::new(one).is_some());
        }
    }

    #[test]
    fn other_texts_are_no_numbers() {
        let long = "1".repeat(MAX_LENGTH + 1);
        let exact = format!("0.{}1", "0".repeat(MAX_FRACTION));
        for text in [
            "", "-", "+", ".", ".5", "5.", "1e3", "0x10", " 1", "1 ", "--1", "1.2.3", "1,5", "NaN",
            "∞", "１", &long, &exact,
        ] {
            assert_eq!(Decimal::new(text), None, "{text}");
        }
    }
}
