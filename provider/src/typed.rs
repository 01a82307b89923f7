//! Arguments that have an attribute of their own.
//!
//! An argument is said in either place: by its attribute, or in `arguments` by the name clients give
//! it. What was said in `arguments` stays there; what nobody said, as after an import, is shown by
//! its attribute. What counts for a change is the argument, wherever it is said: some change in
//! place, others replace the object.

use std::collections::BTreeMap;

use agent_api::v1;
use agent_api::v1::value::Kind;
use tfplugin_rs::prelude::*;
use tfplugin_rs::rule::Rule;
use tfplugin_rs::value::{Dynamic, Value};

use crate::arguments::{self, BadArguments};

/// One argument with its attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Typed {
    /// What clients call it.
    argument: &'static str,
    /// What Terraform calls it.
    attribute: &'static str,
    /// It can change while the object works.
    in_place: bool,
}

const fn typed(argument: &'static str, attribute: &'static str, in_place: bool) -> Typed {
    Typed {
        argument,
        attribute,
        in_place,
    }
}

/// Those of queues.
#[rustfmt::skip] // A table is read by column.
pub(crate) const QUEUE: &[Typed] = &[
    typed("x-consumer-timeout",        "consumer_timeout",        true),
    typed("x-dead-letter-exchange",    "dead_letter_exchange",    true),
    typed("x-dead-letter-routing-key", "dead_letter_routing_key", true),
    typed("x-dead-letter-strategy",    "dead_letter_strategy",    true),
    typed("x-delivery-limit",          "delivery_limit",          true),
    typed("x-expires",                 "expires",                 true),
    typed("x-max-age",                 "max_age",                 true),
    typed("x-max-length",              "max_length",              true),
    typed("x-max-length-bytes",        "max_length_bytes",        true),
    typed("x-max-priority",            "max_priority",            false),
    typed("x-message-ttl",             "message_ttl",             true),
    typed("x-overflow",                "overflow",                true),
    typed("x-queue-type",              "type",                    false),
    typed("x-single-active-consumer",  "single_active_consumer",  false),
    typed("x-stream-max-segment-size-bytes", "max_segment_size_bytes", true),
];

/// Those of exchanges.
#[rustfmt::skip]
pub(crate) const EXCHANGE: &[Typed] = &[
    typed("alternate-exchange", "alternate_exchange", true),
    typed("hash-header",        "hash_header",        false),
    typed("hash-property",      "hash_property",      false),
    typed("x-delayed-type",     "delayed_type",       false),
];

/// Arguments without an attribute that can change as well: hints that have no effect.
const HINTS: [&str; 4] = [
    "x-queue-leader-locator",
    "x-queue-master-locator",
    "x-queue-mode",
    "x-queue-version",
];

/// Refuses at validation what is said in both places.
pub(crate) fn said_once(table: &'static [Typed]) -> Rule {
    Rule::new(move |object, report| {
        let Some(object) = object.as_object() else {
            return;
        };
        let arguments = object.get("arguments");
        for Typed {
            argument,
            attribute,
            ..
        } in table
        {
            let own = object.get(attribute).is_some_and(|value| !value.is_null());
            if own && arguments.is_some_and(|arguments| arguments::mentions(arguments, argument)) {
                let detail = format!(
                    "The attribute {attribute} and {argument} in arguments say the same. Leave one \
                     of them out."
                );
                let diagnostic = Diagnostic::error("Said twice", detail);
                report.push_elsewhere(diagnostic.at(*attribute));
            }
        }
    })
}

/// All arguments of an object, wherever they are said. An attribute that is false says nothing.
pub(crate) fn all(table: &[Typed], object: &Value) -> Result<v1::Arguments, BadArguments> {
    let Some(object) = object.as_object() else {
        return Ok(v1::Arguments::default());
    };
    let mut all = arguments::to_api(object.get("arguments").unwrap_or(&Value::Null))?;
    for typed in table {
        let value = object.get(typed.attribute).unwrap_or(&Value::Null);
        if value.is_null() || value.as_bool() == Some(false) {
            continue;
        }
        let value = arguments::one(value, 1)?;
        all.values.insert(typed.argument.to_owned(), value);
    }
    Ok(all)
}

/// Requires a replacement where arguments change that cannot do so in place, blaming the attributes
/// in which they are said.
pub(crate) fn plan_replacement(table: &[Typed], plan: &mut ResourcePlan) {
    if plan.prior().is_null() || plan.planned().is_null() {
        return;
    }
    let prior = fixed(table, plan.prior().value());
    let planned = fixed(table, plan.planned().value());
    let Ok(prior) = prior else { return };
    let blamed: Vec<&str> = match planned {
        // What is not known yet may be anything.
        Err(_) => changed(table, plan),
        Ok(planned) => {
            let names = prior.keys().chain(planned.keys());
            let differing = names.filter(|name| prior.get(*name) != planned.get(*name));
            let blame = |name: &String| place(table, name, plan);
            differing.map(blame).collect()
        }
    };
    for attribute in blamed {
        if !plan.replaced_by().contains(&attribute.into()) {
            plan.require_replace(attribute);
        }
    }
}

/// The arguments that cannot change in place, in a form that compares.
fn fixed(
    table: &[Typed],
    object: &Value,
) -> Result<BTreeMap<String, serde_json::Value>, BadArguments> {
    let all = arguments::json(&all(table, object)?);
    let is_fixed = |name: &str| {
        let known = table.iter().find(|typed| typed.argument == name);
        known.map_or(!HINTS.contains(&name), |typed| !typed.in_place)
    };
    Ok(all.into_iter().filter(|(name, _)| is_fixed(name)).collect())
}

/// The attributes with fixed arguments that are not known yet.
fn changed<'a>(table: &'a [Typed], plan: &ResourcePlan) -> Vec<&'a str> {
    let planned = plan.planned().value().as_object();
    let is_open = |attribute: &str| {
        let value = planned.and_then(|object| object.get(attribute));
        value.is_some_and(|value| !value.is_wholly_known())
    };
    let fixed = table.iter().filter(|typed| !typed.in_place);
    let attributes = fixed.map(|typed| typed.attribute);
    attributes
        .chain(["arguments"])
        .filter(|attribute| is_open(attribute))
        .collect()
}

/// The attribute whose change makes the argument another.
fn place<'a>(table: &'a [Typed], argument: &str, plan: &ResourcePlan) -> &'a str {
    let known = table.iter().find(|typed| typed.argument == argument);
    let attribute = known.map(|typed| typed.attribute);
    let value = |object: &Value, name: &str| object.as_object()?.get(name).cloned();
    let differs =
        |name: &str| value(plan.prior().value(), name) != value(plan.planned().value(), name);
    attribute
        .filter(|name| differs(name))
        .unwrap_or("arguments")
}

/// The agent's arguments on their way into a state.
pub(crate) struct Seen {
    agent: v1::Arguments,
    /// What was said in `arguments` before.
    own: Option<Dynamic>,
}

impl Seen {
    pub(crate) fn new(agent: Option<v1::Arguments>, own: Option<Dynamic>) -> Self {
        Self {
            agent: agent.unwrap_or_default(),
            own,
        }
    }

    /// The agent leaves out what only says this default; who said it in `arguments` finds it there.
    pub(crate) fn default(&mut self, argument: &str, value: &str) {
        if self.is_own(argument) {
            let values = &mut self.agent.values;
            let entry = values.entry(argument.to_owned());
            entry.or_insert_with(|| value.into());
        }
    }

    /// The argument as a truth value; false if it is said elsewhere.
    pub(crate) fn truth(&mut self, argument: &str) -> bool {
        let taken = self.take(argument, |kind| match kind {
            Kind::Boolean(truth) => Some(*truth),
            _ => None,
        });
        taken.unwrap_or(false)
    }

    /// The argument as a whole number.
    pub(crate) fn number(&mut self, argument: &str) -> Option<i64> {
        self.take(argument, |kind| match kind {
            Kind::Integer(number) => Some(*number),
            _ => None,
        })
    }

    /// The argument as text.
    pub(crate) fn text(&mut self, argument: &str) -> Option<String> {
        self.take(argument, |kind| match kind {
            Kind::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// What is left for `arguments`.
    pub(crate) fn rest(self) -> Option<Dynamic> {
        arguments::seen(Some(&self.agent), self.own)
    }

    /// It was said in `arguments`.
    fn is_own(&self, argument: &str) -> bool {
        let own = self.own.as_ref();
        own.is_some_and(|own| arguments::mentions(own.value(), argument))
    }

    /// Takes an argument out, unless it belongs to `arguments`: because it was said there, or is of
    /// a type its attribute has no place for.
    fn take<T>(&mut self, argument: &str, read: impl Fn(&Kind) -> Option<T>) -> Option<T> {
        if self.is_own(argument) {
            return None;
        }
        let value = self.agent.values.get(argument)?.kind.as_ref()?;
        let read = read(value)?;
        self.agent.values.remove(argument);
        Some(read)
    }
}
