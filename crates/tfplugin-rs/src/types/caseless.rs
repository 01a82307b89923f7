//! [`Caseless`]: text in which upper and lower case are the same.

use std::cmp::Ordering;
use std::convert::Infallible;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;

/// Text that compares without regard to case: host names, header names.
///
/// ```
/// use tfplugin_rs::types::Caseless;
///
/// assert_eq!(Caseless::from("Example.COM"), Caseless::from("example.com"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Caseless(pub String);

impl Caseless {
    fn folded(&self) -> impl Iterator<Item = char> {
        self.0.chars().flat_map(char::to_lowercase)
    }
}

impl PartialEq for Caseless {
    fn eq(&self, other: &Self) -> bool {
        self.folded().eq(other.folded())
    }
}

impl Eq for Caseless {}

impl PartialOrd for Caseless {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Caseless {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl Hash for Caseless {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|c| c.hash(state));
    }
}

impl Deref for Caseless {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Caseless {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for Caseless {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

impl fmt::Display for Caseless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    #[test]
    fn equality_order_and_hash_agree() {
        for (a, b, same) in [
            ("", "", true),
            ("ABC", "abc", true),
            ("Ärger", "ärger", true),
            ("a", "b", false),
            ("a", "aa", false),
        ] {
            let (a, b) = (Caseless::from(a), Caseless::from(b));
            assert_eq!(a == b, same);
            assert_eq!(a.cmp(&b).is_eq(), same);
            assert_eq!(BTreeSet::from([a.clone(), b.clone()]).len() == 1, same);
            assert_eq!(HashSet::from([a, b]).len() == 1, same);
        }
    }

    #[test]
    fn the_spelling_stays() {
        let text: Caseless = "MiXed".parse().unwrap();
        assert_eq!(text.to_string(), "MiXed");
        assert_eq!(text.len(), 5);
    }
}
