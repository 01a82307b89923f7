//! Sets of a publisher's numbers, a bit for each: campaigns count messages by the hundred million.

/// A set of numbers that are mostly next to each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    words: Vec<u64>,
    count: u64,
}

impl Numbers {
    /// True if it was not in it before.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let (word, bit) = place(number);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let fresh = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u64::from(fresh);
        fresh
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Those from `first` on that `other` lacks.
    pub(super) fn missing_in(&self, other: &Self, first: u64) -> Vec<u64> {
        let (from, _) = place(first);
        let mut missing = Vec::new();
        for (index, word) in self.words.iter().enumerate().skip(from) {
            let mut left = word & !other.words.get(index).copied().unwrap_or(0);
            while left != 0 {
                let number = index as u64 * 64 + u64::from(left.trailing_zeros());
                if number >= first {
                    missing.push(number);
                }
                left &= left - 1;
            }
        }
        missing
    }
}

fn place(number: u64) -> (usize, u64) {
    ((number / 64) as usize, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[u64]) -> Numbers {
        let mut set = Numbers::default();
        for number in numbers {
            set.insert(*number);
        }
        set
    }

    #[test]
    fn what_is_put_in_is_in() {
        let mut some = set(&[0, 63, 64, 1000]);
        assert!([0, 63, 64, 1000].iter().all(|n| some.contains(*n)));
        assert!(!some.contains(1) && !some.contains(999) && !some.contains(1 << 20));
        assert!(!some.insert(64));
        assert!(some.insert(65));
        assert_eq!(some.count(), 5);
    }

    #[test]
    fn what_is_missing_is_found_on_both_sides_of_a_word() {
        let (all, some) = (set(&[1, 63, 64, 127, 300]), set(&[63, 127]));
        assert_eq!(all.missing_in(&some, 0), [1, 64, 300]);
        assert_eq!(all.missing_in(&some, 2), [64, 300]);
        assert_eq!(all.missing_in(&some, 64), [64, 300]);
        assert_eq!(all.missing_in(&some, 65), [300]);
        assert!(some.missing_in(&all, 0).is_empty());
    }
}
