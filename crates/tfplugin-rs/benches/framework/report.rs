//! Figures and their bars.

use std::fmt::Display;
use std::process::ExitCode;

/// Collects whether all bars are met.
#[derive(Default)]
pub(crate) struct Report {
    missed: usize,
}

impl Report {
    /// A figure without a bar.
    pub(crate) fn note(&self, what: &str, figure: impl Display) {
        println!("{what:<52} {figure}");
    }

    /// A figure that must be at least `bar`.
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, bar: f64, unit: &str) {
        self.judge(
            what,
            figure,
            figure >= bar,
            &format!("at least {bar} {unit}"),
            unit,
        );
    }

    /// A figure that must be at most `bar`.
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, bar: f64, unit: &str) {
        self.judge(
            what,
            figure,
            figure <= bar,
            &format!("at most {bar} {unit}"),
            unit,
        );
    }

    fn judge(&mut self, what: &str, figure: f64, met: bool, bar: &str, unit: &str) {
        let verdict = if met { "" } else { "  MISSED" };
        println!("{what:<52} {figure:.2} {unit} (bar: {bar}){verdict}");
        self.missed += usize::from(!met);
    }

    pub(crate) fn finish(self) -> ExitCode {
        if self.missed > 0 {
            println!("{} bars missed", self.missed);
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}
