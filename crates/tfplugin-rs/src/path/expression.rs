//! [`PathExpression`]: which values a rule is about, wherever the rule stands.

use std::fmt;

use super::{AttributePath, Step};
use crate::value::{Type, Value};

/// Starts at the root of the configuration, so that it means the same everywhere.
pub const fn root() -> PathExpression {
    PathExpression::starting(Start::Root)
}

/// Starts at the value that the rule is attached to.
pub const fn here() -> PathExpression {
    PathExpression::starting(Start::Here)
}

/// Starts at what encloses the value that the rule is attached to: for an attribute its object,
/// for an element its collection.
pub fn parent() -> PathExpression {
    here().up()
}

/// A path with a start that depends on where it is used, and with steps that match many.
///
/// A plain name means an attribute of the object in which the rule stands: a sibling for a
/// validator of an attribute, a member for a rule of a model.
///
/// ```
/// use tfplugin_rs::path::{self, PathExpression};
///
/// let ports = path::root().at("listeners").any_index().at("port");
/// assert_eq!(ports.to_string(), "listeners[*].port");
/// assert_eq!(path::parent().at("port").to_string(), "<.port");
/// assert_eq!(PathExpression::from("port").to_string(), "port");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathExpression {
    start: Start,
    steps: Vec<Pattern>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Start {
    /// The value a rule is attached to.
    Here,
    /// The object in which it stands.
    Object,
    /// The whole configuration.
    Root,
}

/// One step of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    /// Every element of a set.
    AnyElement,
    /// Every element of a list or tuple.
    AnyIndex,
    /// Every element of a map.
    AnyKey,
    /// Just this one.
    Exact(Step),
    /// Back to what encloses it.
    Up,
}

impl PathExpression {
    const fn starting(start: Start) -> Self {
        Self {
            start,
            steps: Vec::new(),
        }
    }

    /// An attribute or block of an object.
    #[must_use]
    pub fn at(self, name: impl Into<String>) -> Self {
        self.join(Pattern::Exact(Step::Attribute(name.into())))
    }

    /// One element of a list or tuple, from 0.
    #[must_use]
    pub fn index(self, index: usize) -> Self {
        self.join(Pattern::Exact(Step::Index(index)))
    }

    /// One element of a map.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        self.join(Pattern::Exact(Step::Key(key.into())))
    }

    /// The element of a set that equals this value.
    #[must_use]
    pub fn element(self, element: impl Into<Value>) -> Self {
        self.join(Pattern::Exact(Step::Element(element.into())))
    }

    /// Every element of a list or tuple.
    #[must_use]
    pub fn any_index(self) -> Self {
        self.join(Pattern::AnyIndex)
    }

    /// Every element of a map.
    #[must_use]
    pub fn any_key(self) -> Self {
        self.join(Pattern::AnyKey)
    }

    /// Every element of a set.
    #[must_use]
    pub fn any_element(self) -> Self {
        self.join(Pattern::AnyElement)
    }

    /// Back to what encloses it.
    #[must_use]
    pub fn up(self) -> Self {
        self.join(Pattern::Up)
    }

    fn join(mut self, step: Pattern) -> Self {
        self.steps.push(step);
        self
    }

    /// The steps from the root, used at `here`, of which the first `object` steps lead to the object
    /// around. `None` if the expression leaves the configuration.
    pub(crate) fn resolve(&self, here: &[Pattern], object: usize) -> Option<Vec<Pattern>> {
        let mut steps = match self.start {
            Start::Here => here.to_vec(),
            Start::Object => here[..object.min(here.len())].to_vec(),
            Start::Root => Vec::new(),
        };
        for step in &self.steps {
            if *step == Pattern::Up {
                steps.pop()?;
            } else {
                steps.push(step.clone());
            }
        }
        Some(steps)
    }
}

impl From<&str> for PathExpression {
    fn from(name: &str) -> Self {
        Self::starting(Start::Object).at(name)
    }
}

impl From<&Self> for PathExpression {
    fn from(expression: &Self) -> Self {
        expression.clone()
    }
}

/// An exact path from the root.
impl From<AttributePath> for PathExpression {
    fn from(path: AttributePath) -> Self {
        Self {
            start: Start::Root,
            steps: path.0.into_iter().map(Pattern::Exact).collect(),
        }
    }
}

impl fmt::Display for PathExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        if self.start == Start::Here && self.steps.first() != Some(&Pattern::Up) {
            f.write_str("self")?;
            is_first = false;
        }
        for step in &self.steps {
            match step {
                Pattern::AnyElement => f.write_str("[any element]")?,
                Pattern::AnyIndex => f.write_str("[*]")?,
                Pattern::AnyKey => f.write_str("[any key]")?,
                Pattern::Exact(Step::Attribute(name)) if is_first => f.write_str(name)?,
                Pattern::Exact(step) => {
                    AttributePath::root()
                        .attribute("")
                        .join(step.clone())
                        .fmt(f)?;
                }
                Pattern::Up => f.write_str("<")?,
            }
            is_first = false;
        }
        Ok(())
    }
}

/// Every place in `value` that `steps` lead to. Where the way ends early in something null or
/// unknown, that is the place: whatever would be further on is null or unknown too.
pub(crate) fn find<'v>(value: &'v Value, steps: &[Pattern]) -> Vec<(AttributePath, &'v Value)> {
    let mut found = Vec::new();
    descend(value, steps, &mut AttributePath::root(), &mut found);
    found
}

fn descend<'v>(
    value: &'v Value,
    steps: &[Pattern],
    path: &mut AttributePath,
    found: &mut Vec<(AttributePath, &'v Value)>,
) {
    let Some((step, rest)) = steps.split_first().filter(|_| value.is_known()) else {
        found.push((path.clone(), value));
        return;
    };
    let mut go = |step: Step, value: &'v Value| {
        path.push(step);
        descend(value, rest, path, found);
        path.pop();
    };
    match (step, value.inner()) {
        (Pattern::Exact(step), value) => {
            if let Some(next) = value.step(step) {
                go(step.clone(), next);
            }
        }
        (Pattern::AnyIndex, Value::List(elements) | Value::Tuple(elements)) => {
            for (index, element) in elements.iter().enumerate() {
                go(Step::Index(index), element);
            }
        }
        (Pattern::AnyKey, Value::Map(entries)) => {
            for (key, element) in entries {
                go(Step::Key(key.to_owned()), element);
            }
        }
        (Pattern::AnyElement, Value::Set(set)) => {
            for element in set.elements() {
                go(Step::Element(element.clone()), element);
            }
        }
        _ => {}
    }
}

/// True if `steps` can lead anywhere in values of type `ty`.
pub(crate) fn leads_somewhere(ty: &Type, steps: &[Pattern]) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return true;
    };
    let next = match (ty, step) {
        (Type::Dynamic, _) => return true,
        (Type::Object(object), Pattern::Exact(Step::Attribute(name))) => object.attribute(name),
        (Type::List(element), Pattern::AnyIndex | Pattern::Exact(Step::Index(_)))
        | (Type::Map(element), Pattern::AnyKey | Pattern::Exact(Step::Key(_)))
        | (Type::Set(element), Pattern::AnyElement | Pattern::Exact(Step::Element(_))) => {
            Some(&**element)
        }
        (Type::Tuple(elements), Pattern::Exact(Step::Index(index))) => elements.get(*index),
        (Type::Tuple(elements), Pattern::AnyIndex) => {
            return elements.iter().any(|ty| leads_somewhere(ty, rest));
        }
        _ => None,
    };
    next.is_some_and(|ty| leads_somewhere(ty, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        let port = |port: Value| Value::object([("port", port)]);
        Value::object([
            ("list", Value::list([port(1.into()), port(Value::Null)])),
            ("map", Value::map([("k", port(2.into()))])),
            ("set", Value::set([port(3.into())])),
            ("none", Value::Null),
            ("later", Value::Unknown),
            ("name", "n".into()),
        ])
    }

    fn exact(path: &AttributePath) -> Vec<Pattern> {
        path.steps().iter().cloned().map(Pattern::Exact).collect()
    }

    /// What an expression finds when used at `list[0].port`.
    fn found(expression: impl Into<PathExpression>) -> Vec<String> {
        let here = AttributePath::from("list").index(0).attribute("port");
        let Some(steps) = expression.into().resolve(&exact(&here), 2) else {
            return vec!["outside".to_owned()];
        };
        let sample = sample();
        let found = find(&sample, &steps);
        found
            .iter()
            .map(|(path, value)| format!("{path}={value:?}"))
            .collect()
    }

    #[test]
    fn expressions_match_one_many_or_none() {
        for (expression, expected) in [
            (here(), &["list[0].port=Number(1)"][..]),
            (parent().at("port"), &["list[0].port=Number(1)"]),
            ("port".into(), &["list[0].port=Number(1)"]),
            ("missing".into(), &[]),
            (root().at("name"), &["name=String(\"n\")"]),
            (
                root().at("list").index(1).at("port"),
                &["list[1].port=Null"],
            ),
            (root().at("list").index(7).at("port"), &[]),
            (
                root().at("list").any_index().at("port"),
                &["list[0].port=Number(1)", "list[1].port=Null"],
            ),
            (
                parent().up().any_index().at("port"),
                &["list[0].port=Number(1)", "list[1].port=Null"],
            ),
            (
                root().at("map").key("k").at("port"),
                &["map[\"k\"].port=Number(2)"],
            ),
            (
                root().at("map").any_key().at("port"),
                &["map[\"k\"].port=Number(2)"],
            ),
            (
                root().at("set").any_element().at("port"),
                &["set[element].port=Number(3)"],
            ),
            (root().at("list").any_key().at("port"), &[]),
            // What is missing on the way counts as what is missing at its end.
            (root().at("none").any_index().at("port"), &["none=Null"]),
            (root().at("later").key("k"), &["later=Unknown"]),
            (parent().up().up().up().at("name"), &["outside"]),
            (AttributePath::from("name").into(), &["name=String(\"n\")"]),
        ] as [(PathExpression, &[&str]); 17]
        {
            assert_eq!(found(&expression), expected, "{expression}");
        }
    }

    #[test]
    fn set_elements_are_matched_by_their_value() {
        let element = Value::object([("port", Value::from(3))]);
        let hit = root().at("set").element(element).at("port");
        assert_eq!(found(hit), ["set[element].port=Number(3)"]);
        let miss = root()
            .at("set")
            .element(Value::object([("port", Value::from(4))]));
        assert_eq!(found(miss), [] as [&str; 0]);
    }

    #[test]
    fn types_tell_which_expressions_can_match() {
        let ports = Type::object([("port", Type::Number)]);
        let ty = Type::object([
            ("list", Type::list(ports.clone())),
            ("map", Type::map(ports.clone())),
            ("set", Type::set(ports.clone())),
            ("pair", Type::tuple([ports, Type::String])),
            ("any", Type::Dynamic),
        ]);
        let leads = |expression: PathExpression| {
            leads_somewhere(&ty, &expression.resolve(&[], 0).expect("stays inside"))
        };
        for yes in [
            root().at("list").any_index().at("port"),
            root().at("list").index(9).at("port"),
            root().at("map").any_key().at("port"),
            root().at("set").any_element(),
            root().at("pair").index(0).at("port"),
            root().at("pair").any_index().at("port"),
            root().at("any").at("whatever").index(3),
            "list".into(),
        ] {
            assert!(leads(yes.clone()), "{yes}");
        }
        for no in [
            root().at("nope"),
            root().at("list").at("port"),
            root().at("list").any_key(),
            root().at("map").any_index(),
            root().at("pair").index(2),
            root().at("pair").index(1).at("port"),
        ] {
            assert!(!leads(no.clone()), "{no}");
        }
    }

    #[test]
    fn display_shows_where_it_starts() {
        for (expression, text) in [
            (here().at("a"), "self.a"),
            (parent().at("a").key("k"), "<.a[\"k\"]"),
            (parent().up().at("a"), "<<.a"),
            (
                root().at("a").any_key().any_element(),
                "a[any key][any element]",
            ),
            (root().at("a").index(2).at("b"), "a[2].b"),
        ] {
            assert_eq!(expression.to_string(), text);
        }
    }
}
