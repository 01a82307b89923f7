//! Paths to attributes, as diagnostics and plans name them, and expressions that match paths.
//!
//! [`AttributePath`] leads to one value. A [`PathExpression`] may lead to many, and may start where
//! a rule stands: `path::root().at("listeners").any_index().at("port")`,
//! `path::parent().at("port")`.

mod expression;
#[cfg(test)]
mod property_tests;

use std::fmt;

pub use self::expression::{PathExpression, here, parent, root};
pub(crate) use self::expression::{Pattern, find, leads_somewhere};

use crate::value::Value;

/// The way from the root of a configuration or state to one value.
///
/// ```
/// use tfplugin_rs::AttributePath;
///
/// let path = AttributePath::from("listeners").index(0).attribute("port");
/// assert_eq!(path.to_string(), "listeners[0].port");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AttributePath(Vec<Step>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// An attribute or block of an object.
    Attribute(String),
    /// The element of a set that equals this value.
    Element(Value),
    /// An element of a list or tuple, from 0.
    Index(usize),
    /// An element of a map.
    Key(String),
}

impl AttributePath {
    /// The empty path: the whole object.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// One attribute further.
    #[must_use]
    pub fn attribute(self, name: impl Into<String>) -> Self {
        self.join(Step::Attribute(name.into()))
    }

    /// One map element further.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        self.join(Step::Key(key.into()))
    }

    /// One list or tuple element further.
    #[must_use]
    pub fn index(self, index: usize) -> Self {
        self.join(Step::Index(index))
    }

    /// One set element further.
    #[must_use]
    pub fn element(self, element: impl Into<Value>) -> Self {
        self.join(Step::Element(element.into()))
    }

    /// One step further.
    #[must_use]
    pub fn join(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }

    /// All the steps of `other` further.
    #[must_use]
    pub fn concat(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// True for the whole object.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// True if `self` is `other` or leads to it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    /// Turns a path that was collected from the inside out.
    pub(crate) fn reverse(&mut self) {
        self.0.reverse();
    }
}

impl From<&str> for AttributePath {
    /// One attribute of the root. Dots have no meaning here.
    fn from(name: &str) -> Self {
        Self::root().attribute(name)
    }
}

impl From<&Self> for AttributePath {
    fn from(path: &Self) -> Self {
        path.clone()
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if i == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                // The element itself may hold secrets.
                Step::Element(_) => f.write_str("[element]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_reads_like_a_reference() {
        let path = AttributePath::from("a")
            .key("x y")
            .attribute("b")
            .index(3)
            .element("e");
        assert_eq!(path.to_string(), r#"a["x y"].b[3][element]"#);
        assert_eq!(AttributePath::root().to_string(), "");
    }

    #[test]
    fn contains_is_a_prefix_test() {
        let outer = AttributePath::from("a");
        assert!(outer.contains(&outer));
        assert!(outer.contains(&outer.clone().index(0)));
        assert!(!outer.clone().index(0).contains(&outer));
        assert!(AttributePath::root().contains(&outer));
    }
}
