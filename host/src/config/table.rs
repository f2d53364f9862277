//! The table of settings. Each table of `hearken.toml` is one use of [`settings!`],
//! where a setting stands once: from that follow the field in the configuration and how
//! it is read, the `HEARKEN_*` variable, the flag and its help, the default, and the row
//! in `docs/configuration.md`.

use super::error::ConfigError;
use super::setting::Setting;
use super::sources::Sources;

/// Some settings that are read together.
pub(super) trait Settings: Sized {
    /// What is said of each of them.
    fn settings() -> Vec<&'static Setting>;

    /// Takes their values out of the sources.
    fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError>;

    /// Those of them that have other values in `other`; all, where they are not told apart.
    fn changed(&self, other: &Self) -> Vec<&'static Setting>
    where
        Self: PartialEq,
    {
        if self == other {
            Vec::new()
        } else {
            Self::settings()
        }
    }
}

/// Declares a struct of settings, each like
///
/// ```text
/// /// What users read.
/// ///
/// /// What only this program's developers need to know.
/// FIELD: TYPE = HOW(FORM, DEFAULT), flag "--FLAG VALUE", variable "HEARKEN_NAME";
/// ```
///
/// where HOW is a method of [`Sources`], and a flag is optional, and so is a variable:
/// it is named after the key unless told. `tables` are fields that are such structs, and
/// `besides` are fields that nobody sets.
macro_rules! settings {
    (
        $(#[$of_struct:meta])*
        $vis:vis struct $name:ident in $table:literal {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty =
                    $how:ident($form:expr, $default:literal $(, $computed:expr)?)
                    $(, flag $flag:literal)?
                    $(, variable $variable:literal)?;
            )+
        }
        $(tables {
            $(
                $(#[$of_inner:meta])+
                $inner:ident: $inner_type:ty;
            )+
        })?
        $(besides {
            $(
                $(#[$of_fixed:meta])+
                $fixed:ident: $fixed_type:ty = $value:expr;
            )+
        })?
    ) => {
        $(#[$of_struct])*
        $vis struct $name {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\nDefault: ", $default, ".")]
                $vis $field: $type,
            )+
            $($($(#[$of_inner])+ $vis $inner: $inner_type,)+)?
            $($($(#[$of_fixed])+ $vis $fixed: $fixed_type,)+)?
        }

        #[allow(non_upper_case_globals, dead_code, reason = "called as the field is")]
        impl $name {
            $(
                pub(super) const $field: $crate::config::setting::Setting =
                    $crate::config::setting::Setting {
                        key: concat!($table, stringify!($field)),
                        flag: settings!(@name $($flag)?),
                        variable: settings!(@name $($variable)?),
                        doc: concat!($($doc, "\n"),+),
                        default: $default,
                        how: $crate::config::setting::How::$how(),
                        expected: $form.expected,
                        check: |value| $form.check(value),
                    };
            )+
        }

        impl $crate::config::table::Settings for $name {
            fn settings() -> Vec<&'static $crate::config::setting::Setting> {
                #[allow(unused_mut, reason = "there may be no tables within")]
                let mut settings: Vec<&'static $crate::config::setting::Setting> =
                    vec![$(&Self::$field),+];
                $($(
                    settings.extend(
                        <$inner_type as $crate::config::table::Settings>::settings(),
                    );
                )+)?
                settings
            }

            fn read(
                sources: &mut $crate::config::sources::Sources<'_>,
            ) -> Result<Self, $crate::config::error::ConfigError> {
                Ok(Self {
                    $($field: sources.$how(&Self::$field, &$form $(, || $computed)?)?,)+
                    $($(
                        $inner: <$inner_type as $crate::config::table::Settings>::read(sources)?,
                    )+)?
                    $($($fixed: $value,)+)?
                })
            }

            fn changed(&self, other: &Self) -> Vec<&'static $crate::config::setting::Setting> {
                let mut changed: Vec<&'static $crate::config::setting::Setting> = Vec::new();
                $(
                    if self.$field != other.$field {
                        changed.push(&Self::$field);
                    }
                )+
                $($(
                    changed.extend(<$inner_type as $crate::config::table::Settings>::changed(
                        &self.$inner,
                        &other.$inner,
                    ));
                )+)?
                changed
            }
        }

        impl Default for $name {
            /// What holds where nothing is set.
            fn default() -> Self {
                let nothing = &mut $crate::config::sources::Sources::default();
                <Self as $crate::config::table::Settings>::read(nothing)
                    .expect("the table's defaults are values of their forms, as a test checks")
            }
        }
    };
    (@name) => { None };
    (@name $name:literal) => { Some($name) };
}

pub(super) use settings;
