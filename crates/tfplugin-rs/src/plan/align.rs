//! Pairs the elements of a nested attribute or block across configuration, state and plan.

use super::likeness::{Configured, Continued};
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
/// meanwhile. Lists pair up by position, maps by key, and sets by [likeness](super::likeness).
/// Elements of a set that a visit makes equal both stay, for a later one may tell them apart again:
/// [`Value::settle_sets`] comes last.
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
    let mut configs = Configured::new(config.as_elements().unwrap_or_default());
    let mut priors = Continued::new(prior.and_then(Value::as_elements).unwrap_or_default());
    let visited = std::mem::take(planned)
        .into_elements()
        .into_iter()
        .map(|mut planned| {
            let config = configs.take(&planned).unwrap_or(&NULL);
            let prior = priors.take(config, &planned);
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
    *planned = Set::unsettled(visited.collect());
}
