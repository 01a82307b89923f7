//! Module documentation, and the length of files and functions.

use std::collections::BTreeMap;

use anyhow::Result;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::sources;

/// A file may have this many lines.
const FILE_LINES: usize = 800;

/// A function may have this many lines, from its signature to its closing brace.
const FUNCTION_LINES: usize = 70;

/// Files over the limit, each with its length today and a reason. The number may only fall.
const LONG_FILES: &[(&str, usize, &str)] = &[];

/// Functions over the limit, as `path::function`, with their length today and a reason.
/// The number may only fall.
#[rustfmt::skip] // A table is read by column.
const LONG_FUNCTIONS: &[(&str, usize, &str)] = &[
    ("crates/broker-core/src/session/amqp091/tests/channels.rs::exchanges_and_bindings_route", 105, "frames in, frames out, in a row"),
    ("crates/broker-core/src/session/amqp091/tests/channels.rs::no_wait_calls_get_no_answer", 92, "a row for each method"),
    ("crates/broker-core/src/session/amqp091/tests/errors.rs::conflicts_and_wrong_states_fail_a_precondition", 76, "a row for each error"),
    ("crates/tfplugin-rs/src/plan/tests.rs::cases", 220, "a table of cases"),
    ("crates/tfplugin-rs/src/schema/check_tests.rs::each_mistake_is_named_with_its_path", 86, "a row for each mistake"),
    ("crates/wire/src/amqp091/tests/methods.rs::one_of_each", 71, "a row for each method"),
];

#[test]
fn every_file_says_what_it_is_for() -> Result<()> {
    let missing: Vec<_> = sources::rust()?
        .into_iter()
        .filter(|source| !has_module_docs(&source.syntax))
        .map(|source| format!("{}: begins without a `//!` comment", source.path))
        .collect();
    assert!(
        missing.is_empty(),
        "files without module documentation:\n{}",
        missing.join("\n")
    );
    Ok(())
}

#[test]
fn files_stay_short() -> Result<()> {
    let lengths = sources::rust()?
        .into_iter()
        .map(|s| (s.path, s.text.lines().count()));
    ratchet("file", FILE_LINES, lengths.collect(), LONG_FILES);
    Ok(())
}

#[test]
fn functions_stay_short() -> Result<()> {
    let mut lengths = BTreeMap::new();
    for source in sources::rust()? {
        let mut visitor = Functions {
            path: &source.path,
            lengths: &mut lengths,
        };
        visitor.visit_file(&source.syntax);
    }
    ratchet("function", FUNCTION_LINES, lengths, LONG_FUNCTIONS);
    Ok(())
}

fn has_module_docs(file: &syn::File) -> bool {
    let inner = |attr: &syn::Attribute| matches!(attr.style, syn::AttrStyle::Inner(_));
    file.attrs
        .iter()
        .any(|attr| inner(attr) && attr.path().is_ident("doc"))
}

/// Fails on a length over the limit that no exception allows, and on an exception that has become
/// too generous: what was won is kept.
fn ratchet(
    what: &str,
    limit: usize,
    lengths: BTreeMap<String, usize>,
    exceptions: &[(&str, usize, &str)],
) {
    let mut breaches = Vec::new();
    for (name, &lines) in lengths.iter().filter(|(_, lines)| **lines > limit) {
        match exceptions.iter().find(|(path, ..)| path == name) {
            None => breaches.push(format!(
                "{name}: {lines} lines, the limit is {limit}: split it"
            )),
            Some((_, allowed, _)) if lines > *allowed => {
                breaches.push(format!(
                    "{name}: grew from {allowed} to {lines} lines: split it"
                ));
            }
            Some(_) => {}
        }
    }
    for (name, allowed, _) in exceptions {
        match lengths.get(*name) {
            Some(lines) if lines >= allowed => {}
            Some(lines) if *lines > limit => {
                breaches.push(format!(
                    "{name}: now {lines} lines: lower its exception to that"
                ));
            }
            _ => breaches.push(format!(
                "{name}: no longer over {limit} lines: drop its exception"
            )),
        }
    }
    assert!(
        breaches.is_empty(),
        "{what} lengths:\n{}",
        breaches.join("\n")
    );
}

/// Collects the length of every function with a body. Functions of one name in one file share an
/// entry, which holds the longest.
struct Functions<'a> {
    path: &'a str,
    lengths: &'a mut BTreeMap<String, usize>,
}

impl Functions<'_> {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = block.span().end().line + 1 - signature.span().start().line;
        let longest = self
            .lengths
            .entry(format!("{}::{}", self.path, signature.ident))
            .or_default();
        *longest = lines.max(*longest);
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[test]
fn the_ratchet_lets_lengths_only_fall() {
    let lengths = |lines| BTreeMap::from([("a.rs".to_owned(), lines)]);
    let breaks = |lines, exceptions: &[(&str, usize, &str)]| {
        std::panic::catch_unwind(|| ratchet("file", 10, lengths(lines), exceptions)).is_err()
    };
    assert!(!breaks(10, &[]));
    assert!(breaks(11, &[]));
    assert!(!breaks(12, &[("a.rs", 12, "a table")]));
    assert!(breaks(13, &[("a.rs", 12, "a table")]), "it grew");
    assert!(
        breaks(11, &[("a.rs", 12, "a table")]),
        "the number must follow"
    );
    assert!(
        breaks(9, &[("a.rs", 12, "a table")]),
        "the exception must go"
    );
}
