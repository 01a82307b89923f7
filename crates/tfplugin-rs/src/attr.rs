//! [`Attr`]: a typed attribute that may also be null or unknown.

/// A value of type `T`, or its absence, or the promise of one.
///
/// Models use `T` for what is always set, `Option<T>` for what may be null, and `Attr<T>` where a
/// value may be unknown: computed attributes in a plan, and everything in `validate` and
/// `modify_plan`, where configurations may still refer to what does not exist yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Attr<T> {
    /// Absent.
    #[default]
    Null,
    /// Not known before apply.
    Unknown,
    /// Set.
    Known(T),
}

impl<T> Attr<T> {
    /// The value, if there is one.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown => None,
        }
    }

    /// True for [`Attr::Null`].
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// True for [`Attr::Unknown`].
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// True for [`Attr::Known`].
    pub const fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// Borrows the value.
    pub const fn as_ref(&self) -> Attr<&T> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown => Attr::Unknown,
            Self::Known(value) => Attr::Known(value),
        }
    }

    /// Changes the value, if there is one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Attr<U> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown => Attr::Unknown,
            Self::Known(value) => Attr::Known(change(value)),
        }
    }
}

impl<T: std::ops::Deref> Attr<T> {
    /// Borrows what the value points to: `Attr<String>` as `Attr<&str>`.
    pub fn as_deref(&self) -> Attr<&T::Target> {
        self.as_ref().map(|value| &**value)
    }
}

impl<T> From<T> for Attr<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> From<Option<T>> for Attr<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

impl From<&str> for Attr<String> {
    fn from(value: &str) -> Self {
        Self::Known(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_null_unknown_or_known() {
        for (attr, marks, known) in [
            (Attr::Null, (true, false, false), None),
            (Attr::Unknown, (false, true, false), None),
            (Attr::from("a"), (false, false, true), Some("a")),
        ] {
            assert_eq!((attr.is_null(), attr.is_unknown(), attr.is_known()), marks);
            assert_eq!(attr.as_deref().known(), known);
            assert_eq!(attr.as_ref().map(String::len).known(), known.map(str::len));
            assert_eq!(attr.clone().map(|text| text.len()).is_unknown(), marks.1);
            assert_eq!(attr.known().as_deref(), known);
        }
        assert_eq!(Attr::<u8>::from(None), Attr::default());
        assert_eq!(Attr::from(Some(5)), Attr::Known(5));
    }
}
