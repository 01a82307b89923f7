//! Counts steps of work in tests, so that a cost can be asserted without a clock.

#[cfg(test)]
pub(crate) use self::counted::{step, steps_of};

/// One step of work; nothing outside of tests.
#[cfg(not(test))]
#[inline]
pub(crate) const fn step() {}

#[cfg(test)]
mod counted {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    /// One step of work.
    pub(crate) fn step() {
        STEPS.set(STEPS.get() + 1);
    }

    /// What `work` results in, and in how many steps.
    pub(crate) fn steps_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
        let before = STEPS.get();
        let result = work();
        (result, STEPS.get() - before)
    }

    #[test]
    fn steps_are_counted() {
        let ((), steps) = steps_of(|| (0..3).for_each(|_| step()));
        assert_eq!(steps, 3);
    }
}
