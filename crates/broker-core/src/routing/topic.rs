//! Topic patterns: one trie over words matches all bindings of an exchange at once.
//!
//! Words are split at `.`; in a pattern `*` stands for exactly one word and `#` for any number of
//! words, none included. The trie is walked like a nondeterministic automaton: a set of nodes
//! advances word by word, and no node is ever twice in the set. The work is bounded by words times
//! nodes, whatever the patterns: there is no backtracking, so patterns such as `#.a.#.a.#.a` cannot
//! blow up.

use std::collections::HashMap;

use super::{Targets, release};

/// All patterns of one exchange.
#[derive(Debug)]
pub(crate) struct Trie<T> {
    /// Node 0 is the root; freed nodes wait in `free`.
    nodes: Vec<Node<T>>,
    free: Vec<NodeId>,
    /// Nodes that stand for `#`; without any, the set cannot hold a node twice.
    hash_nodes: usize,
}

/// Working memory of a match.
#[derive(Debug, Default)]
pub(crate) struct Active {
    current: Vec<NodeId>,
    next: Vec<NodeId>,
}

#[derive(Debug)]
struct Node<T> {
    parent: NodeId,
    /// Which of the parent's children this is.
    word: Word<Box<str>>,
    literals: HashMap<Box<str>, NodeId>,
    star: Option<NodeId>,
    hash: Option<NodeId>,
    targets: Targets<T>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<S> {
    Hash,
    Literal(S),
    Star,
}

type NodeId = u32;

const ROOT: NodeId = 0;

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self {
            nodes: vec![Node::new(ROOT, Word::Star)],
            free: Vec::new(),
            hash_nodes: 0,
        }
    }
}

impl<T> Trie<T> {
    /// The targets bound with exactly this pattern; makes room for them.
    pub(super) fn targets_of(&mut self, pattern: &str) -> &mut Targets<T> {
        let mut at = ROOT;
        for word in words(pattern).map(Word::parse) {
            at = match self.nodes[at as usize].child(word) {
                Some(child) => child,
                None => self.grow(at, word),
            };
        }
        &mut self.nodes[at as usize].targets
    }

    /// Calls `visit` for every target of every pattern that matches the key.
    pub(super) fn matches(&self, key: &str, active: &mut Active, visit: &mut impl FnMut(&T)) {
        let Active { current, next } = active;
        current.clear();
        self.enter(ROOT, current);
        for word in words(key) {
            next.clear();
            for &id in current.iter() {
                self.step(id, word, next);
            }
            if self.hash_nodes > 0 {
                next.sort_unstable();
                next.dedup();
            }
            std::mem::swap(current, next);
            if current.is_empty() {
                return;
            }
        }
        for &id in current.iter() {
            self.nodes[id as usize].targets.keys().for_each(&mut *visit);
        }
    }

    /// Where the node leads with one word.
    fn step(&self, id: NodeId, word: &str, next: &mut Vec<NodeId>) {
        let node = &self.nodes[id as usize];
        if node.word == Word::Hash {
            self.enter(id, next);
        }
        for child in [node.star, node.literals.get(word).copied()]
            .into_iter()
            .flatten()
        {
            self.enter(child, next);
        }
    }

    /// Adds a node and, since `#` also stands for no word, the `#` nodes right below it.
    fn enter(&self, id: NodeId, set: &mut Vec<NodeId>) {
        let mut at = Some(id);
        while let Some(id) = at {
            set.push(id);
            at = self.nodes[id as usize].hash;
        }
    }

    fn grow(&mut self, parent: NodeId, word: Word<&str>) -> NodeId {
        let owned = match word {
            Word::Hash => Word::Hash,
            Word::Literal(text) => Word::Literal(text.into()),
            Word::Star => Word::Star,
        };
        let node = Node::new(parent, owned);
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
        let parent = &mut self.nodes[parent as usize];
        match word {
            Word::Hash => {
                parent.hash = Some(id);
                self.hash_nodes += 1;
            }
            Word::Literal(text) => {
                parent.literals.insert(text.into(), id);
            }
            Word::Star => parent.star = Some(id),
        }
        id
    }

    /// Frees the node and those above it that hold nothing any more.
    fn prune(&mut self, mut id: NodeId) {
        while id != ROOT && self.nodes[id as usize].is_empty() {
            let Node { parent, word, .. } =
                std::mem::replace(&mut self.nodes[id as usize], Node::new(ROOT, Word::Star));
            let above = &mut self.nodes[parent as usize];
            match word {
                Word::Hash => {
                    above.hash = None;
                    self.hash_nodes -= 1;
                }
                Word::Literal(text) => {
                    above.literals.remove(&text);
                }
                Word::Star => above.star = None,
            }
            self.free.push(id);
            id = parent;
        }
    }
}

impl<T: Ord> Trie<T> {
    /// Takes one binding with exactly this pattern away.
    pub(super) fn remove(&mut self, pattern: &str, target: &T) {
        let mut at = ROOT;
        for word in words(pattern).map(Word::parse) {
            let Some(child) = self.nodes[at as usize].child(word) else {
                return;
            };
            at = child;
        }
        release(&mut self.nodes[at as usize].targets, target);
        self.prune(at);
    }
}

impl<T> Node<T> {
    fn new(parent: NodeId, word: Word<Box<str>>) -> Self {
        Self {
            parent,
            word,
            literals: HashMap::new(),
            star: None,
            hash: None,
            targets: Targets::new(),
        }
    }

    fn child(&self, word: Word<&str>) -> Option<NodeId> {
        match word {
            Word::Hash => self.hash,
            Word::Literal(text) => self.literals.get(text).copied(),
            Word::Star => self.star,
        }
    }

    fn is_empty(&self) -> bool {
        self.targets.is_empty()
            && self.literals.is_empty()
            && self.star.is_none()
            && self.hash.is_none()
    }
}

impl<'a> Word<&'a str> {
    fn parse(text: &'a str) -> Self {
        match text {
            "#" => Self::Hash,
            "*" => Self::Star,
            _ => Self::Literal(text),
        }
    }
}

/// The words of a key or pattern; as in RabbitMQ the empty one has none, and `a.` has two.
fn words(key: &str) -> impl Iterator<Item = &str> {
    key.split('.').skip(usize::from(key.is_empty()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matching(trie: &Trie<usize>, key: &str) -> Vec<usize> {
        let mut out = Vec::new();
        trie.matches(key, &mut Active::default(), &mut |target| out.push(*target));
        out.sort_unstable();
        out
    }

    fn trie_of(patterns: &[impl AsRef<str>]) -> Trie<usize> {
        let mut trie = Trie::default();
        for (index, pattern) in patterns.iter().enumerate() {
            trie.targets_of(pattern.as_ref()).insert(index, 1);
        }
        trie
    }

    /// The definition, word by word, with no regard to cost.
    fn naive(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern, key) {
            ([], []) => true,
            (["#", rest @ ..], _) => {
                naive(rest, key) || (!key.is_empty() && naive(pattern, &key[1..]))
            }
            (["*", rest @ ..], [_, tail @ ..]) => naive(rest, tail),
            ([word, rest @ ..], [first, tail @ ..]) => word == first && naive(rest, tail),
            _ => false,
        }
    }

    #[test]
    fn patterns_match_words() {
        let check = |pattern: &str, key: &str, expected: bool| {
            let found = !matching(&trie_of(&[pattern]), key).is_empty();
            assert_eq!(found, expected, "{pattern:?} on {key:?}");
        };
        check("a.b", "a.b", true);
        check("a.b", "a.b.c", false);
        check("*.b", "a.b", true);
        check("*", "", false);
        check("*", "a", true);
        check("#", "", true);
        check("#", "a.b.c", true);
        check("", "", true);
        check("", "a", false);
        check("a.#", "a", true);
        check("a.#", "a.b.c", true);
        check("a.#", "b", false);
        check("#.c", "a.b.c", true);
        check("#.c", "c", true);
        check("a.#.c", "a.c", true);
        check("a.*.c", "a.c", false);
        check("a.*", "a.", true);
        check("a*", "ab", false);
        check("#.#", "", true);
        check("*.#.*", "a", false);
        check("*.#.*", "a.b", true);
    }

    #[test]
    fn many_wildcards_cost_words_times_nodes() {
        let pattern = ["#.a"; 60].join(".");
        let trie = trie_of(&[&pattern]);
        let (key, longer) = (["a"; 59].join("."), ["a"; 127].join("."));
        assert!(matching(&trie, &key).is_empty());
        assert_eq!(matching(&trie, &longer), [0]);
        let miss = longer + ".b";
        assert!(matching(&trie, &miss).is_empty());
    }

    #[test]
    fn removal_frees_what_nothing_needs() {
        let mut trie = trie_of(&["a.b.#", "a.b"]);
        trie.remove("a.b.#", &0);
        assert_eq!(matching(&trie, "a.b"), [1]);
        trie.remove("a.b", &1);
        trie.remove("never.there", &1);
        assert_eq!(trie.free.len(), 3);
        assert_eq!(trie.hash_nodes, 0);
        trie.targets_of("x.y.z").insert(5, 1);
        assert_eq!(trie.nodes.len(), 4, "freed nodes are used again");
        assert_eq!(matching(&trie, "x.y.z"), [5]);
    }

    proptest! {
        #[test]
        fn the_trie_agrees_with_the_definition(
            patterns in prop::collection::vec("([ab*#]\\.){0,5}[ab*#]", 1..12),
            keys in prop::collection::vec("([ab]\\.){0,6}[ab]?", 1..12),
            removed in prop::collection::vec(any::<bool>(), 12),
        ) {
            let mut trie = trie_of(&patterns);
            for (index, pattern) in patterns.iter().enumerate().filter(|(i, _)| removed[*i]) {
                trie.remove(pattern, &index);
            }
            for key in &keys {
                let key_words: Vec<_> = words(key).collect();
                let expected: Vec<_> = (0..patterns.len())
                    .filter(|&i| !removed[i])
                    .filter(|&i| naive(&words(&patterns[i]).collect::<Vec<_>>(), &key_words))
                    .collect();
                prop_assert_eq!(matching(&trie, key), expected, "{:?} {:?}", &patterns, key);
            }
        }
    }
}
