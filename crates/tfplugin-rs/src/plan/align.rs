//! Pairs the elements of a nested attribute or block across configuration, state and plan.

use crate::path::{AttributePath, Step};
use crate::schema::Nesting;
use crate::value::{Object, Set, Value};

/// Stands in where an element has no counterpart.
static NULL: Value = Value::Null;

/// One planned object with its counterparts.
pub(super) struct Element<'a> {
    /// Null where the configuration has none.
    pub(super) config: &'a Value,
    /// `None` where the state has none: the element is new.
    pub(super) prior: Option<&'a Value>,
    pub(super) planned: &'a mut Object,
}

/// Calls `visit` for every object planned in a value of this nesting; `path` is extended to it
/// meanwhile. Lists pair up by position, maps by key, and sets by likeness.
pub(super) fn each_object(
    nesting: Nesting,
    config: &Value,
    prior: Option<&Value>,
    planned: &mut Value,
    path: &mut AttributePath,
    visit: &mut dyn FnMut(Element<'_>, &mut AttributePath),
) {
    match (nesting, planned) {
        (Nesting::Single, Value::Object(planned)) => {
            visit(
                Element {
                    config,
                    prior: prior.filter(|p| !p.is_null()),
                    planned,
                },
                path,
            );
        }
        (Nesting::List, Value::List(planned)) => {
            let configs = config.as_elements().unwrap_or_default();
            let priors = prior.and_then(Value::as_elements).unwrap_or_default();
            for (index, planned) in planned.iter_mut().enumerate() {
                let Value::Object(planned) = planned else {
                    continue;
                };
                let config = configs.get(index).unwrap_or(&NULL);
                path.push(Step::Index(index));
                visit(
                    Element {
                        config,
                        prior: priors.get(index),
                        planned,
                    },
                    path,
                );
                path.pop();
            }
        }
        (Nesting::Map, Value::Map(planned)) => {
            let prior = prior.and_then(Value::as_map);
            for (key, planned) in planned {
                let Value::Object(planned) = planned else {
                    continue;
                };
                let config = config
                    .as_map()
                    .and_then(|map| map.get(key))
                    .unwrap_or(&NULL);
                path.push(Step::Key(key.clone()));
                visit(
                    Element {
                        config,
                        prior: prior.and_then(|map| map.get(key)),
                        planned,
                    },
                    path,
                );
                path.pop();
            }
        }
        (Nesting::Set, Value::Set(planned)) => each_of_set(config, prior, planned, path, visit),
        _ => {}
    }
}

fn each_of_set(
    config: &Value,
    prior: Option<&Value>,
    planned: &mut Set,
    path: &mut AttributePath,
    visit: &mut dyn FnMut(Element<'_>, &mut AttributePath),
) {
    let mut configs = Candidates::new(config.as_elements().unwrap_or_default());
    let mut priors = Candidates::new(prior.and_then(Value::as_elements).unwrap_or_default());
    let visited = std::mem::take(planned)
        .into_elements()
        .into_iter()
        .map(|mut planned| {
            let config = configs.take(&planned, |config| agrees(config, &planned));
            let pattern = config.unwrap_or(&planned);
            let prior = priors.take(&planned, |prior| agrees(pattern, prior));
            path.push(Step::Element(planned.clone()));
            if let Value::Object(planned) = &mut planned {
                visit(
                    Element {
                        config: config.unwrap_or(&NULL),
                        prior,
                        planned,
                    },
                    path,
                );
            }
            path.pop();
            planned
        });
    *planned = visited.collect();
}

/// Elements of a set that still have no counterpart.
struct Candidates<'a> {
    /// Sorted, as the elements of sets are.
    elements: &'a [Value],
    taken: Vec<bool>,
}

impl<'a> Candidates<'a> {
    fn new(elements: &'a [Value]) -> Self {
        Self {
            elements,
            taken: vec![false; elements.len()],
        }
    }

    /// The element equal to `wanted`, or else the first that is like it. Equal ones are found by
    /// bisection, which keeps sets without computed attributes from costing their square.
    fn take(&mut self, wanted: &Value, alike: impl Fn(&Value) -> bool) -> Option<&'a Value> {
        let equal = self
            .elements
            .binary_search(wanted)
            .ok()
            .filter(|at| !self.taken[*at]);
        let at = equal.or_else(|| {
            (0..self.elements.len()).find(|at| !self.taken[*at] && alike(&self.elements[*at]))
        })?;
        self.taken[at] = true;
        Some(&self.elements[at])
    }
}

/// True if `value` has everything that `config` sets; what `config` leaves null may be computed.
fn agrees(config: &Value, value: &Value) -> bool {
    match (config, value) {
        (Value::Null | Value::Unknown, _) => true,
        (Value::Object(config), Value::Object(value)) => {
            config.names() == value.names()
                && config
                    .values()
                    .iter()
                    .zip(value.values())
                    .all(|(c, v)| agrees(c, v))
        }
        (Value::List(config), Value::List(value)) => {
            config.len() == value.len() && config.iter().zip(value).all(|(c, v)| agrees(c, v))
        }
        (Value::Map(config), Value::Map(value)) => {
            config.len() == value.len()
                && config
                    .iter()
                    .zip(value)
                    .all(|((ck, c), (vk, v))| ck == vk && agrees(c, v))
        }
        (config, value) => config == value,
    }
}
