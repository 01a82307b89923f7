//! Collecting, showing and converting what went wrong.

use std::io;

use super::*;

/// A chain of errors, each with its message, the outermost first.
#[derive(Debug)]
struct Chain(Vec<&'static str>, Option<Box<Chain>>);

impl Chain {
    fn of(messages: &[&'static str]) -> Self {
        let (first, rest) = messages.split_first().expect("at least one");
        let source = (!rest.is_empty()).then(|| Box::new(Self::of(rest)));
        Self(vec![*first], source)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0[0])
    }
}

impl Error for Chain {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_ref().map(|source| source.as_ref() as &dyn Error)
    }
}

#[test]
fn causes_are_told_once() {
    for (messages, summary, detail) in [
        (&["a"][..], "a", ""),
        (&["a", "b"], "a", "b"),
        (&["a", "b", "c"], "a", "b: c"),
        // Many errors repeat their cause in their own message.
        (&["read: disk", "disk"], "read: disk", ""),
        (&["read: disk", "disk", "fire"], "read: disk", "fire"),
        (&["a", "b: c", "c"], "a", "b: c"),
        (&["a", "b", "b"], "a", "b"),
        (&["", "b"], "", "b"),
    ] {
        let diagnostics = Diagnostics::from(Chain::of(messages));
        let found: Vec<_> = diagnostics.iter().collect();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (&*found[0].summary, &*found[0].detail),
            (summary, detail),
            "{messages:?}"
        );
        assert!(found[0].is_error() && found[0].path.is_root());
    }
}

#[test]
fn a_summary_of_ones_own_puts_the_error_into_the_detail() {
    for (messages, detail) in [
        (&["a"][..], "a"),
        (&["a", "b"], "a: b"),
        (&["a: b", "b"], "a: b"),
        (&["a", "b", "c"], "a: b: c"),
    ] {
        let failed: std::result::Result<(), _> = Err(Chain::of(messages));
        let diagnostic = failed.or_diagnostic("It failed").unwrap_err();
        assert_eq!(
            diagnostic,
            Diagnostic::error("It failed", detail),
            "{messages:?}"
        );
    }
    let fine: std::result::Result<u8, io::Error> = Ok(5);
    assert_eq!(fine.or_diagnostic("It failed").unwrap(), 5);
}

#[test]
fn question_marks_collect_everything_that_can_go_wrong() {
    fn by_io() -> Result<()> {
        Err(io::Error::other("disk"))?;
        Ok(())
    }
    fn by_diagnostic() -> Result<()> {
        Err(Diagnostic::error("One", "1.").at("a"))?;
        Ok(())
    }
    fn by_diagnostics() -> Result<()> {
        by_diagnostic()?;
        Ok(())
    }
    fn by_number() -> Result<u8> {
        Ok("x".parse::<u8>()?)
    }
    assert_eq!(by_io().unwrap_err().to_string(), "error: disk");
    assert_eq!(
        by_diagnostic().unwrap_err().to_string(),
        "error: One (at a): 1."
    );
    assert_eq!(by_diagnostics(), by_diagnostic());
    assert_eq!(
        by_number().unwrap_err().to_string(),
        "error: invalid digit found in string"
    );
}

#[test]
fn each_is_shown_with_what_it_has() {
    let path = || AttributePath::from("a").key("k").index(3);
    for (diagnostic, text) in [
        (Diagnostic::error("S", ""), "error: S"),
        (Diagnostic::warning("S", ""), "warning: S"),
        (Diagnostic::error("S", "D."), "error: S: D."),
        (Diagnostic::error("S", "D.").at("a"), "error: S (at a): D."),
        (
            Diagnostic::warning("S", "").at(path()),
            "warning: S (at a[\"k\"][3])",
        ),
        (
            Diagnostic::error("S", "D.").at(AttributePath::root()),
            "error: S: D.",
        ),
        // The last place counts.
        (
            Diagnostic::error("S", "").at("a").at("b"),
            "error: S (at b)",
        ),
    ] {
        assert_eq!(diagnostic.to_string(), text);
        let alone: Diagnostics = diagnostic.into();
        assert_eq!(alone.to_string(), text);
        assert_eq!(format!("{alone:?}"), text);
    }
    let two: Diagnostics = [Diagnostic::error("A", ""), Diagnostic::warning("B", "")]
        .into_iter()
        .collect();
    assert_eq!(two.to_string(), "error: A\nwarning: B");
    assert_eq!(Diagnostics::new().to_string(), "");
}

#[test]
fn what_is_the_same_is_said_once_whichever_way_it_comes() {
    let (a, b) = (
        || Diagnostic::error("A", "").at("x"),
        || Diagnostic::error("A", "").at("y"),
    );
    let mut pushed = Diagnostics::new();
    for one in [a(), b(), a()] {
        pushed.push(one);
    }
    let mut extended = Diagnostics::from(a());
    extended.extend([b(), a()]);
    extended.extend(pushed.clone());
    let collected: Diagnostics = [a(), b(), b(), a()].into_iter().collect();
    for all in [&pushed, &extended, &collected] {
        assert_eq!(all.len(), 2);
        assert_eq!(all, &pushed);
        assert_eq!(all.iter().cloned().collect::<Vec<_>>(), [a(), b()]);
    }
    // A difference in anything is another.
    let all: Diagnostics = [
        Diagnostic::error("A", ""),
        Diagnostic::warning("A", ""),
        Diagnostic::error("B", ""),
        Diagnostic::error("A", "d"),
        Diagnostic::error("A", "").at("x"),
    ]
    .into_iter()
    .collect();
    assert_eq!(all.len(), 5);
    assert_eq!((&all).into_iter().count(), all.into_iter().count());
}

#[test]
fn errors_decide_and_warnings_do_not() {
    let warning = || Diagnostics::from(Diagnostic::warning("W", ""));
    let error = || Diagnostics::from(Diagnostic::error("E", ""));
    assert!(Diagnostics::new().into_result().is_ok());
    assert!(warning().into_result().is_ok());
    assert_eq!(error().into_result(), Err(error()));
    let mut both = warning();
    both.extend(error());
    assert!(both.has_error() && !both.is_empty());
    assert_eq!(both.clone().into_result(), Err(both.clone()));

    let mut all = warning();
    assert_eq!(all.absorb(Ok(5)), Some(5));
    assert_eq!(all, warning());
    assert_eq!(all.absorb::<u8>(Err(error())), None);
    assert_eq!(all, both);
    // Absorbing nothing is no error.
    assert_eq!(all.absorb::<u8>(Err(Diagnostics::new())), None);
    assert_eq!(all, both);
}

#[test]
fn messages_keep_their_order() {
    let all: Diagnostics = [
        Diagnostic::warning("W", "w").at("a"),
        Diagnostic::error("E", "e"),
    ]
    .into_iter()
    .collect();
    let told = all.into_proto();
    let told: Vec<_> = told
        .iter()
        .map(|one| {
            (
                one.severity(),
                &*one.summary,
                &*one.detail,
                one.attribute.is_some(),
            )
        })
        .collect();
    use crate::proto::tfplugin6::diagnostic::Severity::{Error, Warning};
    assert_eq!(told, [(Warning, "W", "w", true), (Error, "E", "e", false)]);
}
