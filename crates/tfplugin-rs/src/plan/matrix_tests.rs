//! Every kind of attribute in every situation, as one table.

use super::*;
use crate::schema::Attribute;
use crate::testing::new_state;
use crate::value::Type;

/// What the configuration says of `a`, what its state is (`None`: there is no resource yet), and
/// whether another attribute changes too.
type Situation = (Value, Option<Value>, bool);

fn situations() -> [Situation; 11] {
    let (null, unknown) = (|| Value::Null, || Value::Unknown);
    let (c, p) = (|| Value::from("c"), || Value::from("p"));
    [
        (null(), None, false),
        (c(), None, false),
        (unknown(), None, false),
        (null(), Some(null()), false),
        (null(), Some(p()), false),
        (null(), Some(p()), true),
        (null(), Some(null()), true),
        (c(), Some(p()), false),
        (c(), Some(c()), false),
        (c(), Some(null()), false),
        (unknown(), Some(p()), false),
    ]
}

/// The plan as the table writes it: `-` null, `?` unknown, or the value; `!` if it replaces.
fn planned(attribute: &Attribute, (config, prior, changes): Situation) -> String {
    let members = Members::new()
        .with(attribute.clone())
        .with(Attribute::new("other", Type::String).required());
    let object = |a: Value, other: &str| Value::object([("a", a), ("other", other.into())]);
    let config = object(config, "new");
    let prior = prior.map_or(Value::Null, |a| {
        object(a, if changes { "old" } else { "new" })
    });
    let mut proposal = Proposal {
        planned: new_state(&members, &prior, &config),
        config,
        prior,
    };
    let replace = proposal.prepare(&members, &mut Diagnostics::new()).unwrap();
    let planned = match proposal.planned.at(&"a".into()).unwrap() {
        Value::Null => "-",
        Value::Unknown => "?",
        value => value.as_str().unwrap(),
    };
    format!("{planned}{}", if replace.is_empty() { "" } else { "!" })
}

#[test]
fn every_kind_of_attribute_in_every_situation() {
    let text = || Attribute::new("a", Type::String);
    let optional = || text().optional();
    let both = || text().optional().computed();
    // A blank cell is a situation that a schema or Terraform rules out.
    #[rustfmt::skip] // A table is read by column.
    let table = [
        // configured:               -    c    ?    -    -    -    -    c    c    c    ?
        // in the state:                            -    p    p    -    p    c    -    p
        // another changes:                                   yes  yes
        (optional(),              ["-", "c", "?", "-", "-", "-", "-", "c", "c", "c", "?"]),
        (text().computed(),       ["?", "",  "",  "-", "p", "?", "?", "",  "",  "",  "" ]),
        (both(),                  ["?", "c", "?", "-", "p", "?", "?", "c", "c", "c", "?"]),
        (both().default("d"),     ["d", "c", "?", "d", "d", "d", "d", "c", "c", "c", "?"]),
        (both().use_state_for_unknown(),
                                  ["?", "c", "?", "-", "p", "p", "-", "c", "c", "c", "?"]),
        (both().use_non_null_state_for_unknown(),
                                  ["?", "c", "?", "-", "p", "p", "?", "c", "c", "c", "?"]),
        (optional().replace(),    ["-", "c", "?", "-", "-!", "-!", "-", "c!", "c", "c!", "?!"]),
        (both().replace(),        ["?", "c", "?", "-", "p", "?!", "?!", "c!", "c", "c!", "?!"]),
        (optional().replace_if_configured(),
                                  ["-", "c", "?", "-", "-", "-", "-", "c!", "c", "c!", "?!"]),
        (both().use_state_for_unknown().replace(),
                                  ["?", "c", "?", "-", "p", "p", "-", "c!", "c", "c!", "?!"]),
        (both().default("d").replace(),
                                  ["d", "c", "?", "d!", "d!", "d!", "d!", "c!", "c", "c!", "?!"]),
        (optional().write_only(), ["-", "-", "-", "-", "",  "",  "-", "",  "",  "-", "" ]),
    ];
    for (row, (attribute, cells)) in table.into_iter().enumerate() {
        for (column, (situation, cell)) in situations().into_iter().zip(cells).enumerate() {
            if !cell.is_empty() {
                let found = planned(&attribute, situation);
                assert_eq!(found, cell, "row {row}, column {column}");
            }
        }
    }
}
