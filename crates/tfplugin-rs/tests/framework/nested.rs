//! Nested attributes, blocks and odd values: each change must apply and leave nothing to do.

use serde_json::{Value as Json, json};

use crate::terraform::Workspace;

fn resource(body: &str) -> String {
    format!("resource \"shapes_all\" \"a\" {{\n{body}\n}}\n")
}

/// Applies each body in turn; returns the attributes after the last.
fn apply_all(bodies: &[&str]) -> Json {
    let workspace = Workspace::new("shapes");
    for body in bodies {
        workspace.configure(&resource(body));
        workspace.apply();
        workspace.expect_empty_plan();
    }
    workspace.attributes("shapes_all.a")
}

fn names(list: &Json) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|part| part["name"].as_str().unwrap())
        .collect()
}

#[test]
fn numbers_keep_every_digit() {
    let workspace = Workspace::new("shapes");
    for number in [
        "0.1",
        "123456789012345678901234567890",
        "-1.25",
        "1e40",
        "18446744073709551616",
    ] {
        workspace.configure(&resource(&format!("number = {number}")));
        workspace.apply();
        workspace.expect_empty_plan();
    }
    // More digits than a float holds are kept even where the provider holds a float.
    workspace.configure(&resource("number = 1/3\nratio  = 1/3"));
    workspace.apply();
    workspace.expect_empty_plan();
}

#[test]
fn dynamic_values_of_any_type() {
    let attributes = apply_all(&[
        r#"anything = "text""#,
        "anything = 5",
        "anything = null",
        "anything = tostring(null)",
        r#"anything = length("x") == 0 ? "never" : null"#,
        r#"anything = { a = [1, "x", null], b = { c = true } }"#,
    ]);
    assert_eq!(
        attributes["anything"],
        json!({"a": [1, "x", null], "b": {"c": true}})
    );
}

#[test]
fn single_objects_come_and_go() {
    let attributes = apply_all(&[
        r#"single = { name = "x" }"#,
        r#"single = { name = "x", count = 3 }"#,
        "",
        r#"single = { name = "y" }"#,
        "head {\n name = \"h\"\n}",
        "head {\n name = \"h\"\n count = 2\n}",
    ]);
    assert_eq!(attributes["single"], json!(null));
    assert_eq!(attributes["head"]["count"], 2);
    assert_eq!(attributes["head"]["id"], "id-h");
    assert_eq!(attributes["head"]["stamp"], 6);
}

#[test]
fn lists_grow_shrink_and_change_in_the_middle() {
    let attributes = apply_all(&[
        r#"list = [{ name = "a" }, { name = "b" }]"#,
        r#"list = [{ name = "a" }, { name = "b", count = 2 }, { name = "c" }]"#,
        r#"list = [{ name = "z" }, { name = "b", count = 2 }]"#,
        "list = []",
        "list = null",
        "line {\n name = \"a\"\n}\nline {\n name = \"b\"\n}",
        "line {\n name = \"b\"\n}",
    ]);
    assert_eq!(names(&attributes["line"]), ["b"]);
}

#[test]
fn sets_are_compared_without_order() {
    let attributes = apply_all(&[
        r#"set = [{ name = "a" }, { name = "b" }]"#,
        r#"set = [{ name = "b" }, { name = "a" }]"#,
        r#"set = [{ name = "b" }, { name = "a", count = 2 }, { name = "c" }]"#,
        r#"set = [{ name = "c" }]"#,
        "group {\n name = \"a\"\n}\ngroup {\n name = \"b\"\n}",
        "group {\n name = \"b\"\n}\ngroup {\n name = \"a\"\n count = 7\n}",
    ]);
    assert_eq!(attributes["group"].as_array().map(Vec::len), Some(2));
}

#[test]
fn map_elements_keep_what_is_theirs() {
    let workspace = Workspace::new("shapes");
    workspace.configure(&resource(
        r#"map = { x = { name = "a" }, y = { name = "b" } }"#,
    ));
    workspace.apply();
    let before = workspace.attributes("shapes_all.a");
    workspace.configure(&resource(
        r#"map = { x = { name = "a" }, "z y" = { name = "c" } }"#,
    ));
    workspace.apply();
    workspace.expect_empty_plan();
    let after = workspace.attributes("shapes_all.a");
    assert_eq!(after["map"]["x"]["id"], before["map"]["x"]["id"]);
    assert_eq!(after["map"]["x"]["stamp"], 2);
    assert_eq!(after["map"]["z y"]["id"], "id-c");
}

#[test]
fn computed_objects_are_made_up_or_given() {
    let attributes = apply_all(&[
        "",
        r#"automatic = [{ name = "given" }]"#,
        "words = [\"x\"]\nautomatic = [{ name = \"given\" }, { name = \"more\" }]",
        // Silence leaves what is there, as for every attribute that may be computed.
        r#"words = ["y"]"#,
    ]);
    assert_eq!(names(&attributes["automatic"]), ["made up"]);
    assert_eq!(names(&attributes["made"]), ["made up"]);
}

#[test]
fn unknown_values_inside_of_everything() {
    let workspace = Workspace::new("shapes");
    let later = "terraform_data.later.output";
    let body = format!(
        "number = length({later})\n\
         anything = {{ deep = [{later}] }}\n\
         words = [\"a\", {later}]\n\
         single = {{ name = {later} }}\n\
         list = [{{ name = \"a\" }}, {{ name = {later} }}]\n\
         set = [{{ name = \"a\" }}, {{ name = {later} }}]\n\
         map = {{ k = {{ name = {later}, count = length({later}) }} }}\n\
         line {{\n name = {later}\n}}\n\
         group {{\n name = \"${{{later}}}-1\"\n}}\n\
         dynamic \"group\" {{\n for_each = toset([\"p\", \"q\"])\n content {{\n \
         name = \"${{group.key}}-${{{later}}}\"\n}}\n}}\n"
    );
    for input in ["one", "three"] {
        workspace.configure(&format!(
            "resource \"terraform_data\" \"later\" {{\n  input = \"{input}\"\n}}\n{}",
            resource(&body)
        ));
        workspace.apply();
        workspace.expect_empty_plan();
    }
    let attributes = workspace.attributes("shapes_all.a");
    assert_eq!(attributes["number"], 5);
    assert_eq!(attributes["anything"], json!({"deep": ["three"]}));
    assert_eq!(attributes["map"]["k"]["count"], 5);
}

#[test]
fn wrong_configurations_are_refused_with_their_place() {
    let workspace = Workspace::new("shapes");
    for (body, complaint) in [
        (
            r#"list = [{ name = "a", count = -1 }]"#,
            "must be from 0 to 4294967295, got -1",
        ),
        (
            r#"map = { k = { name = "a", count = 1.5 } }"#,
            "must be a whole number, got 1.5",
        ),
        (r"generation = 99999999999", "must be from 0 to 4294967295"),
        (
            &"line {\n name = \"a\"\n}\n".repeat(6),
            "Too many line blocks",
        ),
    ] {
        workspace.configure(&resource(body));
        let said = workspace.fail(&["validate", "-no-color"]);
        assert!(said.contains(complaint), "{said}");
    }
}
