//! Whether two nodes served at the same time, and how long.
//!
//! A probe asks each node again and again. An answer proves that its node served at some moment
//! between question and answer. Answers of a node with little time between them are one *reign*;
//! two reigns of different nodes may share no more than the time that a deposed node has to stop.

use std::time::Duration;

/// A node is taken to have stopped in between if it did not answer for so long. No node becomes
/// active, gives way and becomes active again within this time.
const SILENCE: Duration = Duration::from_secs(1);

/// A question that was answered. Times count from the start of the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Index of the node.
    pub node: usize,
    /// When it was asked.
    pub asked: Duration,
    /// When it had answered.
    pub answered: Duration,
}

/// A time in which one node served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reign {
    node: usize,
    /// It served at or before this moment.
    began: Duration,
    /// It served at or after this moment.
    ended: Duration,
    last_answer: Duration,
}

/// Two nodes that served at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// Who served before, and who began meanwhile.
    pub nodes: [usize; 2],
    /// When the second one began.
    pub from: Duration,
    /// How long both served, at least.
    pub lasted: Duration,
}

/// All overlaps, whatever their length; `answers` in the order in which they were answered.
pub fn overlaps(answers: &[Answer]) -> Vec<Overlap> {
    let reigns = reigns(answers);
    let mut found = Vec::new();
    for (index, first) in reigns.iter().enumerate() {
        for second in &reigns[index + 1..] {
            let from = first.began.max(second.began);
            let until = first.ended.min(second.ended);
            if first.node == second.node || until < from {
                continue;
            }
            let (old, new) = if first.began <= second.began {
                (first, second)
            } else {
                (second, first)
            };
            found.push(Overlap {
                nodes: [old.node, new.node],
                from,
                lasted: until - from,
            });
        }
    }
    found
}

fn reigns(answers: &[Answer]) -> Vec<Reign> {
    let mut reigns: Vec<Reign> = Vec::new();
    for answer in answers {
        let open = reigns.iter_mut().rfind(|reign| reign.node == answer.node);
        match open {
            Some(reign) if answer.asked.saturating_sub(reign.last_answer) < SILENCE => {
                reign.ended = reign.ended.max(answer.asked);
                reign.last_answer = answer.answered;
            }
            _ => reigns.push(Reign {
                node: answer.node,
                began: answer.answered,
                ended: answer.asked.max(answer.answered),
                last_answer: answer.answered,
            }),
        }
    }
    reigns
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of a node, ten milliseconds after they were asked for.
    fn asked(node: usize, at_ms: impl IntoIterator<Item = u64>) -> Vec<Answer> {
        let answer = |at| Answer {
            node,
            asked: Duration::from_millis(at),
            answered: Duration::from_millis(at + 10),
        };
        at_ms.into_iter().map(answer).collect()
    }

    fn lasted(parts: &[Vec<Answer>]) -> Vec<([usize; 2], u64)> {
        let mut answers = parts.concat();
        answers.sort_by_key(|answer| answer.answered);
        let found = overlaps(&answers).into_iter();
        found
            .map(|o| (o.nodes, o.lasted.as_millis() as u64))
            .collect()
    }

    #[test]
    fn one_after_the_other_is_fine() {
        let first = asked(0, (0..5000).step_by(100));
        let second = asked(1, (5000..9000).step_by(100));
        let again = asked(0, (9000..9500).step_by(100));
        assert_eq!(lasted(&[first, second, again]), []);
    }

    #[test]
    fn who_goes_on_beside_a_new_one_is_seen() {
        let first = asked(0, (0..5300).step_by(100));
        let second = asked(1, (5000..9000).step_by(100));
        assert_eq!(lasted(&[first, second]), [([0, 1], 190)]);
        let first = asked(0, (0..9000).step_by(100));
        let second = asked(1, (5000..9000).step_by(100));
        assert_eq!(lasted(&[first, second]), [([0, 1], 3890)]);
    }

    #[test]
    fn who_comes_back_beside_another_is_seen() {
        let first = asked(0, (0..2000).step_by(100));
        let second = asked(1, (5000..9000).step_by(100));
        let back = asked(0, (6000..7000).step_by(100));
        assert_eq!(lasted(&[first, second, back]), [([1, 0], 890)]);
    }

    #[test]
    fn an_answer_long_after_its_question_proves_little() {
        let slow = vec![Answer {
            node: 0,
            asked: Duration::from_millis(4900),
            answered: Duration::from_millis(5900),
        }];
        let second = asked(1, (5000..5800).step_by(100));
        assert_eq!(lasted(&[slow, second]), []);
    }
}
