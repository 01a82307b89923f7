//! Header bindings: conditions on a message's headers, all or any of which must hold.
//!
//! A condition asks for a header of that name with that value or, where a binding's value is null,
//! with whatever value. Conditions are byte strings, so that they can be looked up: the name with its
//! length, and the value as the journal would write it, which is the same for equal numbers of any
//! width or type.
//!
//! Bindings that want all of their conditions stand in a trie, in order of the names, one level for
//! each condition. A message walks down from the root along the conditions it meets; at each node the
//! smaller side is gone through, the node's children or what the message meets. So no binding is
//! looked at whose first condition fails, and no message costs more than there are nodes. Bindings
//! that want any are found under each of their conditions.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::{Targets, release};
use crate::message::Envelope;
use crate::records::condition;
use crate::refusal::{Reason, Refusal};
use crate::rules::type_name;
use crate::value::{Arguments, Value};

/// The bindings of one headers exchange.
#[derive(Debug)]
pub(crate) struct HeaderTable<T> {
    /// Node 0 is the root; freed nodes wait in `free`.
    nodes: Vec<Node<T>>,
    free: Vec<NodeId>,
    any: HashMap<Condition, Targets<T>>,
}

/// What a message's headers meet.
#[derive(Debug, Default)]
pub(crate) struct Met(HashSet<Condition>);

#[derive(Debug)]
struct Node<T> {
    parent: NodeId,
    /// Which of the parent's children this is.
    condition: Condition,
    children: HashMap<Condition, NodeId>,
    targets: Targets<T>,
}

/// A binding's conditions, in order of their names.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    all: bool,
    conditions: Vec<Condition>,
}

type Condition = Box<[u8]>;
type NodeId = u32;

const ROOT: NodeId = 0;

/// The argument that says how the others are meant.
const MATCH: &str = "x-match";

/// Checks what a binding's arguments say, in RabbitMQ's words.
pub(crate) fn check(arguments: &Arguments) -> Result<(), Refusal> {
    let text = match arguments.get(MATCH) {
        None => return Ok(()),
        Some(Value::Text(mode)) if mode_of(mode).is_some() => return Ok(()),
        Some(Value::Text(other)) => format!(
            "Invalid x-match field value <<\"{other}\">>; expected all, any, all-with-x, or any-with-x"
        ),
        Some(other) => format!(
            "Invalid x-match field type {} (value {other}); expected longstr",
            type_name(other)
        ),
    };
    Err(Refusal::new(Reason::Invalid, text).at("arguments.x-match"))
}

/// Whether all conditions must hold, and whether names that begin with `x-` are conditions too.
fn mode_of(text: &str) -> Option<(bool, bool)> {
    Some(match text {
        "all" => (true, false),
        "any" => (false, false),
        "all-with-x" => (true, true),
        "any-with-x" => (false, true),
        _ => return None,
    })
}

impl Rule {
    fn of(arguments: &Arguments) -> Self {
        let mode = match arguments.get(MATCH) {
            Some(Value::Text(mode)) => mode_of(mode),
            _ => None,
        };
        let (all, with_x) = mode.unwrap_or((true, false));
        let counts = |name: &str| name != MATCH && (with_x || !name.starts_with("x-"));
        let conditions = arguments.iter().filter(|(name, _)| counts(name));
        Self {
            all,
            conditions: conditions
                .map(|(name, value)| condition(name, &by_worth(value)))
                .collect(),
        }
    }
}

impl Met {
    /// Reads the message's headers. One whose name is no text is met by no binding.
    pub(crate) fn of(envelope: &Envelope) -> Self {
        let mut met = HashSet::new();
        for (name, value) in envelope.properties.headers() {
            met.extend(met_by(&name, &value));
        }
        Self(met)
    }
}

/// The conditions that a header meets: to be there, and to have its value.
fn met_by(name: &str, value: &Value) -> [Condition; 2] {
    [
        condition(name, &Value::Null),
        condition(name, &by_worth(value)),
    ]
}

/// A value as it is compared, as RabbitMQ does: a whole number is one however it is written, and text
/// is so in either type of byte string.
fn by_worth(value: &Value) -> Cow<'_, Value> {
    /// Whole numbers up to here are exact as floating point numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Float(number) if number.fract() == 0.0 && number.abs() <= EXACT => {
            Cow::Owned(Value::Int(*number as i128))
        }
        Value::Bytes(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Cow::Owned(Value::Text(text.to_owned())),
            Err(_) => Cow::Borrowed(value),
        },
        _ => Cow::Borrowed(value),
    }
}

impl<T> Default for HeaderTable<T> {
    fn default() -> Self {
        Self {
            nodes: vec![Node::new(ROOT, Condition::default())],
            free: Vec::new(),
            any: HashMap::new(),
        }
    }
}

impl<T: Ord + Clone> HeaderTable<T> {
    /// Adds one binding.
    pub(super) fn insert(&mut self, arguments: &Arguments, target: &T) {
        let rule = Rule::of(arguments);
        let add = |targets: &mut Targets<T>| *targets.entry(target.clone()).or_default() += 1;
        if rule.all {
            let at = (rule.conditions.into_iter()).fold(ROOT, |at, it| self.child(at, it));
            return add(&mut self.nodes[at as usize].targets);
        }
        for condition in rule.conditions {
            add(self.any.entry(condition).or_default());
        }
    }

    /// Takes one binding away again.
    pub(super) fn remove(&mut self, arguments: &Arguments, target: &T) {
        let rule = Rule::of(arguments);
        if rule.all {
            let mut conditions = rule.conditions.iter();
            let step = |at: NodeId, it| self.nodes[at as usize].children.get(it).copied();
            if let Some(at) = conditions.try_fold(ROOT, step) {
                release(&mut self.nodes[at as usize].targets, target);
                self.prune(at);
            }
            return;
        }
        for condition in rule.conditions {
            if let Some(targets) = self.any.get_mut(&condition) {
                release(targets, target);
                if targets.is_empty() {
                    self.any.remove(&condition);
                }
            }
        }
    }

    /// Calls `visit` with every target of every binding that holds, possibly more than once.
    pub(super) fn matches(&self, met: &Met, visit: &mut impl FnMut(&T)) {
        let mut stack = vec![ROOT];
        while let Some(id) = stack.pop() {
            let node = &self.nodes[id as usize];
            node.targets.keys().for_each(&mut *visit);
            if node.children.len() < met.0.len() {
                let holds = |(condition, _): &(&Condition, _)| met.0.contains(*condition);
                stack.extend(node.children.iter().filter(holds).map(|(_, id)| *id));
            } else {
                let child = |condition| node.children.get(condition).copied();
                stack.extend(met.0.iter().filter_map(child));
            }
        }
        for targets in met.0.iter().filter_map(|it| self.any.get(it)) {
            targets.keys().for_each(&mut *visit);
        }
    }

    fn child(&mut self, parent: NodeId, condition: Condition) -> NodeId {
        if let Some(child) = self.nodes[parent as usize].children.get(&condition) {
            return *child;
        }
        let node = Node::new(parent, condition.clone());
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None => {
                self.nodes.push(node);
                NodeId::try_from(self.nodes.len() - 1).expect("bindings are limited far below")
            }
        };
        self.nodes[parent as usize].children.insert(condition, id);
        id
    }

    /// Frees the node and those above it that hold nothing any more.
    fn prune(&mut self, mut id: NodeId) {
        while id != ROOT && self.nodes[id as usize].is_empty() {
            let freed = Node::new(ROOT, Condition::default());
            let gone = std::mem::replace(&mut self.nodes[id as usize], freed);
            self.nodes[gone.parent as usize]
                .children
                .remove(&gone.condition);
            self.free.push(id);
            id = gone.parent;
        }
    }
}

impl<T> Node<T> {
    fn new(parent: NodeId, condition: Condition) -> Self {
        Self {
            parent,
            condition,
            children: HashMap::new(),
            targets: Targets::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.children.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arguments(mode: &str, pairs: &[(&str, Value)]) -> Arguments {
        let pairs = pairs.iter().map(|(name, value)| (*name, value.clone()));
        let mode = (!mode.is_empty()).then(|| (MATCH, text(mode)));
        let all = mode.into_iter().chain(pairs);
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn met(headers: &Arguments) -> Met {
        let conditions = headers.iter().flat_map(|(name, value)| met_by(name, value));
        Met(conditions.collect())
    }

    fn reached(table: &HeaderTable<usize>, headers: &Arguments) -> Vec<usize> {
        let mut out = Vec::new();
        table.matches(&met(headers), &mut |target| out.push(*target));
        out.sort_unstable();
        out.dedup();
        out
    }

    fn table_of(bindings: &[Arguments]) -> HeaderTable<usize> {
        let mut table = HeaderTable::default();
        for (index, binding) in bindings.iter().enumerate() {
            table.insert(binding, &index);
        }
        table
    }

    /// The definition, binding by binding, with no regard to cost.
    fn naive(binding: &Arguments, headers: &Arguments) -> bool {
        let mode = match binding.get(MATCH) {
            Some(Value::Text(mode)) => mode.as_str(),
            _ => "all",
        };
        let mut holds = binding
            .iter()
            .filter(|(name, _)| *name != MATCH)
            .filter(|(name, _)| mode.ends_with("-with-x") || !name.starts_with("x-"))
            .map(|(name, value)| match headers.get(name) {
                Some(found) => *value == Value::Null || found == value,
                None => false,
            });
        match mode.starts_with("all") {
            true => holds.all(|it| it),
            false => holds.any(|it| it),
        }
    }

    #[test]
    fn bindings_hold_as_in_rabbitmq() {
        let one = Value::Int(1);
        let check = |mode: &str, wanted: &[(&str, Value)], given: &[(&str, Value)], expected| {
            let binding = arguments(mode, wanted);
            let found = reached(&table_of(&[binding]), &arguments("", given));
            assert_eq!(!found.is_empty(), expected, "{mode} {wanted:?} {given:?}");
        };
        let (a, b) = (("a", one.clone()), ("b", text("x")));
        let both = [a.clone(), b.clone()];
        check("", &both, &both, true);
        check("all", &both, &both[..1], false);
        check("any", &both, &both[..1], true);
        check("any", &both, &[("c", one.clone())], false);
        check("all", &[], &both, true);
        check("all", &[], &[], true);
        check("any", &[], &both, false);
        check(
            "all",
            &[("a", Value::Null)],
            &[("a", text("whatever"))],
            true,
        );
        check("all", &[("a", Value::Null)], &[("b", one.clone())], false);
        check("all", &[("a", text("1"))], &both, false);
        check("all", &[("a", Value::Float(1.0))], &both, true);
        check("all", &[("a", Value::Float(1.5))], &both, false);
        let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
        check("any", &[("b", bytes(b"x"))], &both, true);
        check("any", &[("b", text("x"))], &[("b", bytes(b"x"))], true);
        check("any", &[("b", text("x"))], &[("b", bytes(b"\xff"))], false);
        let marked = [("x-a", one.clone()), b];
        check("all", &marked, &both, true);
        check("all-with-x", &marked, &both, false);
        check("all-with-x", &marked, &marked, true);
        check("any", &marked[..1], &marked, false);
        check("any-with-x", &marked[..1], &marked, true);
    }

    #[test]
    fn only_known_modes_are_taken() {
        let refused = |value: Value| {
            let arguments = Arguments::from([(MATCH.to_owned(), value)]);
            check(&arguments).err().map(|refusal| refusal.text)
        };
        for mode in ["all", "any", "all-with-x", "any-with-x"] {
            assert_eq!(refused(text(mode)), None);
        }
        assert!(
            refused(text("none")).is_some_and(|text| text.contains("value <<\"none\">>; expected"))
        );
        assert!(
            refused(Value::Int(1))
                .is_some_and(|text| text.contains("signedint (value 1); expected longstr"))
        );
    }

    #[test]
    fn removal_frees_what_nothing_needs() {
        let one = Value::Int(1);
        let bindings = [
            arguments("", &[("a", one.clone()), ("b", one.clone())]),
            arguments("", &[("a", one.clone())]),
            arguments("any", &[("a", one.clone()), ("c", one)]),
        ];
        let mut table = table_of(&bindings);
        table.remove(&bindings[0], &0);
        table.remove(&bindings[0], &0);
        assert_eq!((table.nodes.len(), table.free.len()), (3, 1));
        table.remove(&bindings[1], &1);
        table.remove(&bindings[2], &2);
        assert_eq!((table.free.len(), table.any.len()), (2, 0));
    }

    /// Small alphabets, so that conditions meet often.
    fn headers() -> impl Strategy<Value = Arguments> {
        let value = prop_oneof![
            Just(Value::Null),
            (0..2i128).prop_map(Value::Int),
            "[pq]".prop_map(Value::Text)
        ];
        prop::collection::btree_map("(x-)?[abc]", value, 0..5)
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_the_definition(
            bindings in prop::collection::vec(
                (prop::sample::select(vec!["", "all", "any", "all-with-x", "any-with-x"]), headers()),
                1..12,
            ),
            messages in prop::collection::vec(headers(), 1..8),
            removed in prop::collection::vec(any::<bool>(), 12),
        ) {
            let bindings: Vec<Arguments> = bindings
                .into_iter()
                .map(|(mode, mut binding)| {
                    if !mode.is_empty() {
                        binding.insert(MATCH.to_owned(), text(mode));
                    }
                    binding
                })
                .collect();
            let mut table = table_of(&bindings);
            for (index, binding) in bindings.iter().enumerate().filter(|(i, _)| removed[*i]) {
                table.remove(binding, &index);
            }
            for message in &messages {
                let expected: Vec<_> = (0..bindings.len())
                    .filter(|&i| !removed[i] && naive(&bindings[i], message))
                    .collect();
                prop_assert_eq!(reached(&table, message), expected, "{:?}", message);
            }
        }
    }
}
