//! Validators as tables: one value, one verdict.

use std::time::Duration;

use super::*;
use crate::path::{here, parent, root};
use crate::schema::{Attribute, Block, Members, Nesting, Schema};

fn check(validator: &Validator, value: impl Into<Value>, sensitive: bool) -> String {
    let mut diagnostics = Diagnostics::new();
    let surroundings = Surroundings::default();
    let mut report = Report::new("x".into(), 0, sensitive, &surroundings, &mut diagnostics);
    validator.check(&value.into(), &mut report);
    diagnostics
        .iter()
        .map(|d| format!("{}|{}\n", d.path, d.detail))
        .collect()
}

/// Everything wrong with a whole configuration.
fn all_found(schema: &Schema, config: &Value, write_only_allowed: bool) -> Diagnostics {
    let surroundings = Surroundings::new(schema, config, write_only_allowed);
    super::check(schema, &surroundings)
}

/// Refused for this reason, or accepted if there is none.
#[track_caller]
fn verdict(validator: &Validator, value: impl Into<Value>, refusal: &str) {
    let expected = match refusal {
        "" => String::new(),
        refusal => format!("x|Attribute x {refusal}.\n"),
    };
    assert_eq!(check(validator, value, false), expected);
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

#[test]
fn lengths_count_characters_or_bytes() {
    let short = length(1..=3);
    verdict(&short, "äöü", "");
    verdict(
        &short,
        "",
        "must be from 1 to 3 characters long but has 0, got \"\"",
    );
    verdict(
        &length(3..=3),
        "ab",
        "must be exactly 3 characters long but has 2, got \"ab\"",
    );
    verdict(&bytes(..=3), "abc", "");
    verdict(
        &bytes(..=3),
        "äöü",
        "must be at most 3 bytes long but has 6, got \"äöü\"",
    );
}

#[test]
fn choices_are_exact_or_ignore_case() {
    let exact = one_of(["a", "b"]);
    verdict(&exact, "a", "");
    verdict(&exact, "A", "must be one of \"a\", \"b\", got \"A\"");
    let folded = one_of_ignoring_case(["Straße", "b"]);
    verdict(&folded, "STRAßE", "");
    verdict(&folded, "B", "");
    verdict(
        &folded,
        "c",
        "must be one of \"Straße\", \"b\", in any case, got \"c\"",
    );
    // Letters that mean the same as another in no language in particular.
    for (choice, text, is_same) in [
        ("skſ", "SKS", true),
        ("k", "\u{212a}", true),
        ("σ", "ς", true),
        ("ß", "ẞ", true),
        ("µ", "μ", true),
        ("ß", "SS", false),
        ("i", "ı", false),
        ("i", "İ", false),
        ("i\u{307}", "İ", false),
    ] {
        let refusal = check(&one_of_ignoring_case([choice]), text, false);
        assert_eq!(refusal.is_empty(), is_same, "{choice} and {text}");
    }
    verdict(&none_of(["root"]), "ROOT", "");
    verdict(
        &none_of(["root"]),
        "root",
        "must be none of \"root\", got \"root\"",
    );
    let refused = none_of_ignoring_case(["root"]);
    verdict(
        &refused,
        "ROOT",
        "must be none of \"root\", in any case, got \"ROOT\"",
    );
    verdict(&refused, "toor", "");
}

#[test]
fn patterns_match_anywhere_unless_anchored() {
    verdict(&regex("^a+$", "must be all a"), "aaa", "");
    verdict(
        &regex("^a+$", "must be all a"),
        "ab",
        "must be all a, got \"ab\"",
    );
    verdict(&regex("a", "must have an a"), "bab", "");
    assert!(check(&regex("(", "must be x"), "x", false).contains("pattern is broken"));
}

#[test]
fn numbers_compare_exactly() {
    verdict(&range(1..=5), 5, "");
    verdict(&range(1..=5), 6, "must be from 1 to 5, got 6");
    verdict(&range(1..), number("0.5"), "must be at least 1, got 0.5");
    verdict(&range(..10), 10, "must be less than 10, got 10");
    verdict(&float_range(0.0..=0.5), number("0.5"), "");
    let excess = "0.50000000000000000000001";
    let refusal = format!("must be from 0 to 0.5, got {excess}");
    verdict(&float_range(0.0..=0.5), number(excess), &refusal);
    verdict(&float_range(f64::NEG_INFINITY..=1.0), number("-1e300"), "");
    verdict(
        &whole(0_u8, 255),
        number("1.5"),
        "must be a whole number, got 1.5",
    );
    verdict(&whole(0_u8, 255), 256, "must be from 0 to 255, got 256");
    verdict(&one_of([80, 443]), 443, "");
    verdict(&one_of([80, 443]), 8080, "must be one of 80, 443, got 8080");
    verdict(&none_of([0]), 0, "must be none of 0, got 0");
    verdict(&one_of([true]), false, "must be one of true, got false");
}

#[test]
fn durations_and_sizes_are_read_before_they_are_compared() {
    let period = duration(Duration::from_secs(1)..=Duration::from_secs(3600));
    verdict(&period, "60m", "");
    verdict(&period, "1h1s", "must be from 1s to 1h, got \"1h1s\"");
    verdict(
        &period,
        "soon",
        "must be a duration such as \"1h30m\": a number is missing before \"soon\", got \"soon\"",
    );
    let bytes = size(..=1024 * 1024);
    verdict(&bytes, "1MiB", "");
    verdict(&bytes, "1.1MB", "must be at most 1MiB, got \"1.1MB\"");
    verdict(
        &bytes,
        "big",
        "must be a size such as \"10GiB\": it does not begin with a number such as 5 or 1.5, got \
         \"big\"",
    );
}

#[test]
fn collections_are_counted_and_searched_for_duplicates() {
    let pair = || Value::list(["a", "b"]);
    verdict(
        &items(..=1),
        pair(),
        "must have at most 1 element but has 2",
    );
    verdict(&items(1..), Value::map([("k", 1)]), "");
    verdict(
        &items(2..),
        Value::set(["a", "a"]),
        "must have at least 2 elements but has 1",
    );
    verdict(&unique(), pair(), "");
    verdict(
        &unique(),
        Value::list(["c", "b", "a", "b", "a"]),
        "must not contain an element twice, but elements 1 and 3 are the same",
    );
    verdict(
        &unique(),
        Value::List(vec![Value::Unknown, Value::Unknown]),
        "",
    );
    let nulls = Value::List(vec![Value::Null, Value::Null]);
    verdict(
        &unique(),
        nulls.clone(),
        "must not contain an element twice, but elements 0 and 1 are the same",
    );
    let refusals = check(&no_nulls(), nulls, false);
    assert!(
        refusals.starts_with("x[0]|Attribute x[0] must not be null"),
        "{refusals}"
    );
    assert_eq!(refusals.lines().count(), 2);
    verdict(&no_nulls(), pair(), "");
}

#[test]
fn null_and_unknown_pass_and_secrets_are_not_repeated() {
    verdict(&length(1..), Value::Null, "");
    verdict(&length(1..), Value::Unknown, "");
    assert_eq!(
        check(&one_of(["a"]), "hunter2", true),
        "x|Attribute x must be one of \"a\".\n"
    );
}

#[test]
fn elements_and_keys_are_named_in_the_path() {
    let short = || [length(..=1)];
    assert!(check(&each(short()), Value::list(["a", "bb"]), false).starts_with("x[1]|"));
    assert!(check(&each(short()), Value::map([("k", "bb")]), false).starts_with("x[\"k\"]|"));
    assert!(check(&each(short()), Value::set(["bb"]), false).starts_with("x[element]|"));
    assert!(check(&keys(short()), Value::map([("kk", "b")]), false).starts_with("x[\"kk\"]|"));
}

#[test]
fn one_content_validator_of_several_is_enough() {
    let either = any([one_of(["auto"]), length(10..)]);
    verdict(&either, "auto", "");
    verdict(&either, "0123456789", "");
    let refusals = check(&either, "short", false);
    assert!(
        refusals.contains("must be one of") && refusals.contains("at least 10"),
        "{refusals}"
    );
}

/// Attributes `a`, `b` and `c`, and `l`, a list of objects with `a` and `b`; `a` is validated at the
/// root and inside the list.
fn schema(validator: impl Fn() -> Validator) -> Schema {
    let text = |name: &str| Attribute::new(name, Type::String).optional();
    let inner = Members::new()
        .with(text("a").validate(validator()))
        .with(text("b"));
    Schema::new()
        .with(text("a").validate(validator()))
        .with(text("b"))
        .with(text("c"))
        .with(Attribute::nested("l", Nesting::List, inner).optional())
}

/// `x` is set, `-` null, `?` unknown.
fn marked(mark: char) -> Value {
    match mark {
        '-' => Value::Null,
        '?' => Value::Unknown,
        mark => Value::from(mark.to_string()),
    }
}

/// Values of `a`, `b` and `c`, and of `a` and `b` in the only element of `l`, if there is one.
fn config(marks: &str) -> Value {
    let marks: Vec<Value> = marks.chars().map(marked).collect();
    let inner = match &marks[3..] {
        [a, b] => Value::list([Value::object([("a", a.clone()), ("b", b.clone())])]),
        _ => Value::Null,
    };
    let [a, b, c] = [&marks[0], &marks[1], &marks[2]].map(Clone::clone);
    Value::object([("a", a), ("b", b), ("c", c), ("l", inner)])
}

/// What only the provider sets must not be configured, nested objects included, where Terraform does
/// not look.
#[test]
fn what_the_provider_sets_is_refused_in_a_configuration() {
    let inner = || {
        Members::new()
            .with(Attribute::new("made", Type::String).computed())
            .with(Attribute::new("both", Type::String).optional().computed())
    };
    let schema = Schema::new()
        .with(Attribute::nested("one", Nesting::Single, inner()).optional())
        .with(Block::new("some", Nesting::List, inner()));
    let object = |made: Value| Value::object([("both", "x".into()), ("made", made)]);
    let config = |made: Value| {
        let some = Value::list([object(Value::Null), object(made.clone())]);
        Value::object([("one", object(made)), ("some", some)])
    };
    let told = |made| {
        let found = all_found(&schema, &config(made), true);
        found.iter().map(|d| d.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(told(Value::Null), [] as [&str; 0]);
    for made in ["x".into(), Value::Unknown] {
        assert_eq!(told(made), ["one.made", "some[1].made"]);
    }
}

/// Severity and path of all that is found.
fn found(schema: &Schema, marks: &str) -> Vec<String> {
    let found = all_found(schema, &config(marks), true);
    found
        .iter()
        .map(|d| format!("{:?} {}", d.severity, d.path))
        .collect()
}

#[test]
fn relations_follow_the_values_of_other_attributes() {
    let conflicts = || conflicts_with(["b", "c"]);
    let requires = || also_requires(["b", "c"]);
    let exactly = || exactly_one_of(["b", "c"]);
    let at_least = || at_least_one_of(["b", "c"]);
    let prefer = || prefer_write_only("b");
    type Case<'a> = (&'a dyn Fn() -> Validator, &'a str, &'a [&'a str]);
    #[rustfmt::skip] // A table is read by column.
    let cases: [Case<'_>; 31] = [
        (&conflicts, "x--", &[]),
        (&conflicts, "-xx", &[]),
        (&conflicts, "?x-", &[]),
        (&conflicts, "xx-", &["Error a"]),
        (&conflicts, "xxx", &["Error a", "Error a"]),
        (&conflicts, "x?x", &[]),
        (&conflicts, "xx?", &["Error a"]),
        (&requires,  "xxx", &[]),
        (&requires,  "---", &[]),
        (&requires,  "?--", &[]),
        (&requires,  "x-x", &["Error a"]),
        (&requires,  "x--", &["Error a", "Error a"]),
        (&requires,  "x?-", &[]),
        (&requires,  "x-?", &["Error a"]),
        (&exactly,   "x--", &[]),
        (&exactly,   "--x", &[]),
        (&exactly,   "---", &["Error a"]),
        (&exactly,   "xx-", &["Error a"]),
        (&exactly,   "-xx", &["Error a"]),
        (&exactly,   "?xx", &[]),
        (&exactly,   "xx?", &[]),
        (&at_least,  "---", &["Error a"]),
        (&at_least,  "x--", &[]),
        (&at_least,  "?--", &[]),
        (&at_least,  "-x-", &[]),
        (&at_least,  "--?", &[]),
        (&prefer,    "x--", &["Warning a"]),
        (&prefer,    "xx-", &["Warning a"]),
        (&prefer,    "-x-", &[]),
        (&prefer,    "?--", &[]),
        (&prefer,    "---", &[]),
    ];
    for (validator, marks, expected) in cases {
        let text = |name: &str| Attribute::new(name, Type::String).optional();
        let schema = Schema::new()
            .with(text("a").validate(validator()))
            .with(text("b"))
            .with(text("c"))
            .with(text("l"));
        assert_eq!(
            found(&schema, marks),
            expected,
            "{marks}: {:?}",
            validator().mentions
        );
    }
}

#[test]
fn names_are_siblings_and_expressions_go_anywhere() {
    let sibling = schema(|| conflicts_with(["b"]));
    assert_eq!(found(&sibling, "xx-xx"), ["Error a", "Error l[0].a"]);
    assert_eq!(found(&sibling, "x--xx"), ["Error l[0].a"]);
    assert_eq!(found(&sibling, "xx-x-"), ["Error a"]);
    let same = schema(|| conflicts_with([parent().at("b")]));
    assert_eq!(found(&same, "xx-xx"), ["Error a", "Error l[0].a"]);
    let absolute = schema(|| conflicts_with([root().at("c")]));
    assert_eq!(found(&absolute, "x-xx-"), ["Error a", "Error l[0].a"]);
    let every = schema(|| conflicts_with([root().at("l").any_index().at("b")]));
    assert_eq!(found(&every, "x---x"), ["Error a"]);
    // What is missing on the way to an attribute is missing itself.
    assert_eq!(
        found(
            &schema(|| also_requires([root().at("l").any_index().at("b")])),
            "x--"
        ),
        ["Error a"]
    );
    // The attribute itself never counts against itself.
    assert_eq!(
        found(&schema(|| conflicts_with([here()])), "x--"),
        [] as [&str; 0]
    );
}

#[test]
fn write_only_is_only_preferred_where_the_caller_knows_it() {
    let schema = schema(|| prefer_write_only("b"));
    assert_eq!(all_found(&schema, &config("x--"), true).iter().count(), 1);
    assert_eq!(all_found(&schema, &config("x--"), false).iter().count(), 0);
}

#[test]
fn sums_add_up_what_is_set() {
    let sum = |relation: fn([&'static str; 2]) -> Validator, total: i64, rest: Value| {
        let number = |name: &str| Attribute::new(name, Type::Number).optional();
        let schema = Schema::new()
            .with(number("b"))
            .with(number("c"))
            .with(number("total").validate(relation(["b", "c"])));
        let config = Value::object([("b", 2.into()), ("c", rest), ("total", total.into())]);
        !all_found(&schema, &config, false).has_error()
    };
    for (relation, total, rest, holds) in [
        (
            at_least_sum_of as fn([&'static str; 2]) -> Validator,
            5,
            3.into(),
            true,
        ),
        (at_least_sum_of, 4, 3.into(), false),
        (at_least_sum_of, 2, Value::Null, true),
        (at_least_sum_of, 0, Value::Unknown, true),
        (at_most_sum_of, 5, 3.into(), true),
        (at_most_sum_of, 6, 3.into(), false),
        (equal_to_sum_of, 5, 3.into(), true),
        (equal_to_sum_of, 6, 3.into(), false),
    ] {
        assert_eq!(
            sum(relation, total, rest.clone()),
            holds,
            "{total} and 2 + {rest:?}"
        );
    }
}

#[test]
fn absent_blocks_are_null_for_validators() {
    let inner = || Members::new().with(Attribute::new("x", Type::String).optional());
    for nesting in [Nesting::List, Nesting::Map, Nesting::Set] {
        let empty = match nesting {
            Nesting::Map => Value::map::<&str, Value>([]),
            Nesting::Set => Value::set::<Value>([]),
            _ => Value::list::<Value>([]),
        };
        let schema = Schema::new()
            .with(
                Attribute::new("a", Type::String)
                    .optional()
                    .validate(conflicts_with(["b"])),
            )
            .with(
                Block::new("b", nesting, inner())
                    .validate(items(2..))
                    .deprecated("Old."),
            );
        let config = Value::object([("a", "x".into()), ("b", empty)]);
        assert_eq!(
            all_found(&schema, &config, false).to_string(),
            "",
            "{nesting:?}"
        );
    }
}

#[test]
fn rules_hold_for_every_object_of_a_model() {
    let text = |name: &str| Attribute::new(name, Type::String).optional();
    let inner = Members::new()
        .with(text("a"))
        .with(text("b"))
        .rule(crate::rule::conflicting(["a", "b"]));
    let schema = Schema::new()
        .with(text("a"))
        .with(text("b"))
        .with(text("c"))
        .with(Block::new("l", Nesting::List, inner))
        .rule(crate::rule::required_together(["a", "b", "c"]));
    assert_eq!(found(&schema, "xxx--"), [] as [&str; 0]);
    assert_eq!(found(&schema, "xx-xx"), ["Error a", "Error l[0].a"]);
}
