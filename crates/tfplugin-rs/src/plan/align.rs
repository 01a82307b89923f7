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
            for (key, planned) in planned.iter_mut() {
                let Value::Object(planned) = planned else {
                    continue;
                };
                let config = config
                    .as_map()
                    .and_then(|map| map.get(key))
                    .unwrap_or(&NULL);
                path.push(Step::Key(key.to_owned()));
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
            let config = configs
                .take(&planned, |config| agreement(config, &planned))
                .unwrap_or(&NULL);
            let prior = priors.take(&planned, |prior| {
                continues(config, &planned, prior).then_some(0)
            });
            path.push(Step::Element(planned.clone()));
            if let Value::Object(planned) = &mut planned {
                visit(
                    Element {
                        config,
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

    /// The element equal to `wanted`, or else the one that is most like it by `likeness`. Equal ones
    /// are found by bisection, which keeps sets without computed attributes from costing their
    /// square.
    fn take(
        &mut self,
        wanted: &Value,
        likeness: impl Fn(&Value) -> Option<usize>,
    ) -> Option<&'a Value> {
        let equal = self
            .elements
            .binary_search(wanted)
            .ok()
            .filter(|at| !self.taken[*at]);
        let at = equal.or_else(|| {
            let free = (0..self.elements.len()).filter(|at| !self.taken[*at]);
            let alike = free.filter_map(|at| Some((likeness(&self.elements[at])?, at)));
            alike.max().map(|(_, at)| at)
        })?;
        self.taken[at] = true;
        Some(&self.elements[at])
    }
}

/// How many values of `config` stand in `planned`; `None` if one does not. What `config` leaves
/// null may be computed or have a default.
fn agreement(config: &Value, planned: &Value) -> Option<usize> {
    let all = |configs: &[Value], plans: &[Value]| {
        let same_length = configs.len() == plans.len();
        let pairs = configs.iter().zip(plans);
        same_length.then(|| pairs.map(|(c, p)| agreement(c, p)).sum::<Option<usize>>())?
    };
    match (config, planned) {
        (Value::Null, _) => Some(0),
        (Value::Object(config), Value::Object(planned)) => all(config.values(), planned.values()),
        (Value::List(config), Value::List(planned)) => all(config, planned),
        (Value::Map(config), Value::Map(planned)) => {
            let same_keys = config.keys().eq(planned.keys());
            let pairs = config.values().zip(planned.values());
            same_keys.then(|| pairs.map(|(c, p)| agreement(c, p)).sum::<Option<usize>>())?
        }
        (config, planned) => (config == planned).then_some(1),
    }
}

/// True if `planned` is what `prior` becomes: all is the same that is not computed anew. A value
/// that the configuration itself does not know yet continues nothing, for it may turn out to be any.
fn continues(config: &Value, planned: &Value, prior: &Value) -> bool {
    match (config, planned, prior) {
        (Value::Null, Value::Unknown, _) => true,
        (config, Value::Object(planned), Value::Object(prior)) => {
            let config = config.as_object().map(|object| object.values());
            let pairs = planned.values().iter().zip(prior.values()).enumerate();
            planned.names() == prior.names()
                && pairs.into_iter().all(|(i, (planned, prior))| {
                    continues(config.map_or(&NULL, |values| &values[i]), planned, prior)
                })
        }
        (config, Value::List(planned), Value::List(prior)) => {
            let config = config.as_elements().unwrap_or_default();
            let pairs = planned.iter().zip(prior).enumerate();
            planned.len() == prior.len()
                && pairs.into_iter().all(|(i, (planned, prior))| {
                    continues(config.get(i).unwrap_or(&NULL), planned, prior)
                })
        }
        (_, planned, prior) => planned == prior,
    }
}
