//! What the page of settings says of a table whose name is the user's own.

/// A key of such a table.
pub(super) struct Field {
    /// With `NAME` for the table's name.
    pub(super) key: &'static str,
    pub(super) list: bool,
    pub(super) expected: &'static str,
    pub(super) default: &'static str,
    pub(super) meaning: &'static str,
}

/// A key of one value.
pub(super) const fn field(
    key: &'static str,
    expected: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Field {
    Field {
        key,
        list: false,
        expected,
        default,
        meaning,
    }
}

/// A key of any number of values, by default none.
pub(super) const fn list(
    key: &'static str,
    expected: &'static str,
    meaning: &'static str,
) -> Field {
    Field {
        list: true,
        ..field(key, expected, "none", meaning)
    }
}
