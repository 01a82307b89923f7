//! What must not stay in the sources: unfinished work, panics on bad input, tests that do not run
//! or wait by sleeping.

use anyhow::{Context, Result, ensure};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};

use crate::sources::{self, Source, is_test_item};

/// Test files that may sleep, with the reason. Everything else polls with a deadline.
#[rustfmt::skip] // A table is read by column.
const MAY_SLEEP: &[(&str, &str)] = &[
    ("acceptance/src/poll.rs", "the pause between two tries of the one polling loop"),
    ("broker-agent/tests/it/process.rs", "the pause between two tries of its polling loops"),
    ("crates/broker-net/src/driver/tests.rs", "its clock is paused, and moves as it sleeps"),
    ("crates/coordination/tests/it/cluster.rs", "the pause between two tries of its polling loops"),
    ("crates/tfplugin-rs/src/transport/lifecycle.rs", "its clock is moved by hand"),
    ("crates/tfplugin-rs/tests/transport/bare.rs", "the work of a provider that is slow"),
    ("crates/tfplugin-rs/tests/transport/ending.rs", "shows what does not happen meanwhile"),
    ("crates/tfplugin-rs/tests/transport/terraform.rs", "the pause between two tries"),
];

/// Files with an ignored test that is none: a program that another test or a person starts.
#[rustfmt::skip] // A table is read by column.
const MAY_IGNORE: &[(&str, &str)] = &[
    ("crates/broker-core/tests/journal/golden.rs", "writes the golden files of a new format"),
    ("crates/broker-core/tests/journal/indexes.rs", "writes the golden files of a new format"),
    ("crates/broker-core/tests/journal/kill.rs", "the process that the test beside it kills"),
    ("crates/broker-core/tests/journal/refusals.rs", "writes down changed words"),
];

#[test]
fn no_notes_to_self() -> Result<()> {
    let notes = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut breaches = Vec::new();
    let endings = [
        "rs", "toml", "md", "py", "mjs", "sh", "tf", "hcl", "proto", "Makefile", "run",
    ];
    for path in sources::files(&endings)? {
        let text = sources::read(&path)?;
        if text
            .lines()
            .next()
            .is_some_and(|line| line.contains("@generated"))
        {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if line
                .split(|c| !is_word(c))
                .any(|word| notes.contains(&word))
            {
                breaches.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(
        breaches.is_empty(),
        "notes of unfinished work:\n{}",
        breaches.join("\n")
    );
    Ok(())
}

#[test]
fn no_unfinished_code() -> Result<()> {
    reject("code left unfinished", |source| {
        let tokens = flatten(source.syntax.to_token_stream());
        let macros = find(&tokens, &["todo", "!"]);
        [macros, find(&tokens, &["unimplemented", "!"])].concat()
    })
}

#[test]
fn no_unwrap_outside_tests() -> Result<()> {
    reject(
        "`unwrap()` outside tests (return an error, or prove it with `expect`)",
        |source| {
            if source.is_test {
                return Vec::new();
            }
            find(
                &flatten(without_tests(&source.syntax)),
                &[".", "unwrap", "(", ")"],
            )
        },
    )
}

#[test]
fn no_test_is_switched_off() -> Result<()> {
    reject("tests that never run", |source| {
        if is_listed(source, MAY_IGNORE) {
            return Vec::new();
        }
        find(&all_tokens(source), &["[", "ignore"])
    })
}

#[test]
fn no_test_sleeps_to_wait() -> Result<()> {
    let what = "sleeps in tests (poll with a deadline, or move the clock)";
    reject(what, |source| {
        if is_listed(source, MAY_SLEEP) {
            return Vec::new();
        }
        let mut sleeps = find(&all_tokens(source), &["sleep", "("]);
        if !source.is_test {
            let live = find(&flatten(without_tests(&source.syntax)), &["sleep", "("]);
            sleeps.retain(|line| !live.contains(line));
        }
        sleeps
    })
}

#[test]
fn every_exception_is_still_needed() -> Result<()> {
    let sources = sources::rust()?;
    for (path, reason) in MAY_SLEEP.iter().chain(MAY_IGNORE) {
        let source = sources.iter().find(|source| source.path == *path);
        let source = source.with_context(|| format!("{path} ({reason}) is gone"))?;
        let tokens = all_tokens(source);
        let uses = [
            find(&tokens, &["sleep", "("]),
            find(&tokens, &["[", "ignore"]),
        ]
        .concat();
        ensure!(
            !uses.is_empty(),
            "{path} needs no exception any more ({reason})"
        );
    }
    Ok(())
}

fn is_listed(source: &Source, exceptions: &[(&str, &str)]) -> bool {
    exceptions.iter().any(|(path, _)| *path == source.path)
}

fn all_tokens(source: &Source) -> Vec<(String, usize)> {
    flatten(source.syntax.to_token_stream())
}

/// The same of client scripts.
const SCRIPTS_MAY_SLEEP: &[(&str, &str)] = &[
    (
        "acceptance/clients/python/differential/run.py",
        "the pause between two tries",
    ),
    (
        "acceptance/clients/python/streams.py",
        "the pause between two tries",
    ),
];

#[test]
fn client_scripts_do_not_sleep_to_wait() -> Result<()> {
    let mut breaches = Vec::new();
    for path in sources::files(&["py", "mjs"])? {
        if SCRIPTS_MAY_SLEEP.iter().any(|(other, _)| *other == path) {
            continue;
        }
        for (number, line) in sources::read(&path)?.lines().enumerate() {
            if ["time.sleep(", "setTimeout("]
                .iter()
                .any(|call| line.contains(call))
            {
                breaches.push(format!("{path}:{}", number + 1));
            }
        }
    }
    assert!(
        breaches.is_empty(),
        "client scripts that sleep:\n{}",
        breaches.join("\n")
    );
    Ok(())
}

/// Fails with every place that `find` reports, as line numbers of a file.
fn reject(what: &str, find: impl Fn(&Source) -> Vec<usize>) -> Result<()> {
    let mut breaches = Vec::new();
    for source in sources::rust()? {
        for line in find(&source) {
            breaches.push(format!("{}:{line}", source.path));
        }
    }
    assert!(breaches.is_empty(), "{what}:\n{}", breaches.join("\n"));
    Ok(())
}

/// The file's tokens without items that only tests compile.
fn without_tests(file: &syn::File) -> TokenStream {
    let mut file = file.clone();
    DropTests.visit_file_mut(&mut file);
    file.to_token_stream()
}

struct DropTests;

impl VisitMut for DropTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_test_item(item));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test_item(item));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }
}

/// Tokens in reading order with their lines; delimiters are tokens too, and `::` is one.
fn flatten(stream: TokenStream) -> Vec<(String, usize)> {
    let mut tokens = Vec::new();
    flatten_into(stream, &mut tokens);
    tokens
}

fn flatten_into(stream: TokenStream, tokens: &mut Vec<(String, usize)>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                tokens.push((open.to_owned(), group.span_open().start().line));
                flatten_into(group.stream(), tokens);
                tokens.push((close.to_owned(), group.span_close().start().line));
            }
            TokenTree::Punct(punct) => match tokens.last_mut() {
                Some((last, _)) if punct.as_char() == ':' && last == ":" => last.push(':'),
                _ => tokens.push((punct.to_string(), punct.span().start().line)),
            },
            other => tokens.push((other.to_string(), other.span().start().line)),
        }
    }
}

/// Lines at which this run of tokens begins.
fn find(tokens: &[(String, usize)], pattern: &[&str]) -> Vec<usize> {
    tokens
        .windows(pattern.len())
        .filter(|window| window.iter().map(|(token, _)| token).eq(pattern))
        .map(|window| window[0].1)
        .collect()
}

#[test]
fn the_search_sees_through_macros_and_skips_tests() -> Result<()> {
    let file = syn::parse_file(
        "fn live() { println!(\"{}\", x\n.unwrap()); std::thread::sleep(d); }
         #[cfg(test)] mod tests { fn helper() { y.unwrap(); } #[test] #[ignore] fn t() {} }",
    )?;
    let all = flatten(file.to_token_stream());
    assert_eq!(find(&all, &[".", "unwrap", "(", ")"]), [2, 3]);
    assert_eq!(
        find(&flatten(without_tests(&file)), &[".", "unwrap", "(", ")"]),
        [2]
    );
    assert_eq!(find(&all, &["thread", "::", "sleep"]), [2]);
    assert_eq!(find(&all, &["#", "[", "ignore"]), [3]);
    Ok(())
}
