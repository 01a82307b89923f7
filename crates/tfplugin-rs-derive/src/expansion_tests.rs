//! What the derives write for each option: calls of the crate's public builders.

use syn::DeriveInput;

use crate::{arguments, model};

/// The tokens as one line a statement or call would be too much to read; this keeps what matters: the
/// builder calls of the schema, without the paths that lead to them.
fn shortened(tokens: &str) -> String {
    tokens
        .replace(":: tfplugin_rs :: ", "")
        .replace(":: core :: ", "")
        .replace(":: std :: ", "")
        .replace(" ", "")
}

/// What `shape` and `schema` of a model of one field are made of.
fn members(field: &str) -> String {
    let input: DeriveInput = syn::parse_str(&format!("struct S {{ {field} }}")).unwrap();
    let tokens = shortened(&model::expand(input).unwrap().to_string());
    let start = tokens.find("Members::new()").unwrap() + "Members::new()".len();
    let end = tokens[start..].find(";model::Shape::single").unwrap();
    tokens[start..start + end].to_owned()
}

#[test]
fn types_decide_where_nothing_is_said() {
    for field in ["a: u8", "a: Option<u8>", "a: Attr<Vec<String>>"] {
        let ty = field.strip_prefix("a: ").unwrap();
        let expected = format!(r#".with(schema::Attribute::of::<{ty}>("a").describe(""))"#);
        assert_eq!(members(field), expected);
    }
}

#[test]
fn each_option_of_an_attribute_is_a_call() {
    let typed =
        |calls: &str| format!(r#".with(schema::Attribute::typed::<u8>("a").describe(""){calls})"#);
    let of =
        |calls: &str| format!(r#".with(schema::Attribute::of::<u8>("a").describe(""){calls})"#);
    for (option, expected) in [
        ("required", typed(".required()")),
        ("optional", typed(".optional()")),
        ("computed", typed(".computed()")),
        ("optional, computed", typed(".optional().computed()")),
        ("sensitive", of(".sensitive()")),
        ("write_only", of(".write_only()")),
        ("replace", of(".replace()")),
        ("replace_if = f", of(".replace_if(f)")),
        ("replace_if_configured", of(".replace_if_configured()")),
        ("use_state_for_unknown", of(".use_state_for_unknown()")),
        (
            "use_non_null_state_for_unknown",
            of(".use_non_null_state_for_unknown()"),
        ),
        ("same_if = f", of(".same_if(f)")),
        ("validate = v", of(".validate(v)")),
        ("validate = [v, w]", of(".validate(v).validate(w)")),
        ("validate = []", of("")),
        ("plan = p", of(".plan(p)")),
        ("plan = [p, q]", of(".plan(p).plan(q)")),
        ("deprecated = \"x\"", of(".deprecated(\"x\")")),
        (
            "replace, sensitive, required",
            typed(".replace().sensitive().required()"),
        ),
        (
            "default = 5",
            r#".with(schema::Attribute::typed::<u8>("a").optional().computed().describe("").default(5))"#
                .to_owned(),
        ),
        (
            "default = 5, optional, computed",
            typed(".default(5).optional().computed()"),
        ),
        (
            "name = \"b\"",
            r#".with(schema::Attribute::of::<u8>("b").describe(""))"#.to_owned(),
        ),
        (
            "timeouts(create = \"1m\", list = LIMIT)",
            r#".with(timeouts::attribute("a",[(Operation::Create,"1m"),(Operation::List,LIMIT)]).describe(""))"#
                .to_owned(),
        ),
    ] {
        assert_eq!(members(&format!("#[attr({option})] a: u8")), expected, "{option}");
    }
}

#[test]
fn each_option_of_a_block_is_a_call() {
    let of =
        |calls: &str| format!(r#".with(schema::Block::of::<Vec<T>>("a").describe(""){calls})"#);
    for (attribute, expected) in [
        ("#[block]", of("")),
        ("#[block()]", of("")),
        ("#[block(min = 1)]", of(".min(1)")),
        ("#[block(max = 3)]", of(".max(3)")),
        ("#[block(min = 1, max = MOST)]", of(".min(1).max(MOST)")),
        ("#[block(replace)]", of(".replace()")),
        (
            "#[block(validate = [v, w])]",
            of(".validate(v).validate(w)"),
        ),
        ("#[block(plan = p)]", of(".plan(p)")),
        ("#[block(deprecated = \"x\")]", of(".deprecated(\"x\")")),
        (
            "#[block(timeouts(read = \"1m\"))]",
            r#".with(timeouts::block("a",[(Operation::Read,"1m")]).describe(""))"#.to_owned(),
        ),
    ] {
        assert_eq!(
            members(&format!("{attribute} a: Vec<T>")),
            expected,
            "{attribute}"
        );
    }
}

#[test]
fn documentation_describes_and_raw_names_lose_their_mark() {
    assert_eq!(
        members("/// First.\n/// Second.\nr#type: u8"),
        r#".with(schema::Attribute::of::<u8>("type").describe("First.\nSecond."))"#
    );
    assert_eq!(
        members("/** Over\n * lines. */ a: u8"),
        r#".with(schema::Attribute::of::<u8>("a").describe("Over\n*lines."))"#
    );
    // Other attributes are none of the derive's business.
    assert_eq!(
        members("#[cfg(all())] #[allow(dead_code)] a: u8"),
        r#".with(schema::Attribute::of::<u8>("a").describe(""))"#
    );
}

#[test]
fn members_come_in_the_order_of_their_names() {
    let all = members("c: u8, #[attr(name = \"d\")] a: u8, b: u8");
    let names = ["b", "c", "d"].map(|name| all.find(&format!("(\"{name}\")")).unwrap());
    assert!(names.is_sorted(), "{all}");
}

#[test]
fn options_of_structs() {
    let schema = |attribute: &str| {
        let input = syn::parse_str(&format!("{attribute}\nstruct S {{ a: u8 }}")).unwrap();
        let tokens = shortened(&model::expand(input).unwrap().to_string());
        let rules = tokens.split("describe(\"\"))").nth(1).unwrap();
        let rules = rules.split(";model::Shape").next().unwrap().to_owned();
        let calls = tokens.split("into_members(),).").nth(1).unwrap();
        (rules, calls.trim_end_matches('}').to_owned())
    };
    for (attribute, rules, calls) in [
        ("", "", r#"describe("")"#),
        ("/// What it is.", "", r#"describe("Whatitis.")"#),
        ("#[model(version = 3)]", "", r#"describe("").version(3)"#),
        (
            "#[model(deprecated = \"x\")]",
            "",
            r#"describe("").deprecated("x")"#,
        ),
        (
            "#[model(version = V, deprecated = \"x\")]",
            "",
            r#"describe("").version(V).deprecated("x")"#,
        ),
        ("#[model(rule = r)]", ".rule(r)", r#"describe("")"#),
        (
            "#[model(rule = [r, s])]",
            ".rule(r).rule(s)",
            r#"describe("")"#,
        ),
        (
            "#[model(rule = r)] #[model(rule = s, version = 1)]",
            ".rule(r).rule(s)",
            r#"describe("").version(1)"#,
        ),
    ] {
        assert_eq!(
            schema(attribute),
            (rules.to_owned(), calls.to_owned()),
            "{attribute}"
        );
    }
}

#[test]
fn parameters_and_how_they_are_read() {
    let parts = |fields: &str| {
        let input = syn::parse_str(&format!("struct S {{ {fields} }}")).unwrap();
        let tokens = shortened(&arguments::expand(input).unwrap().to_string());
        let between = |start: &str, end: &str| {
            let from = tokens.find(start).unwrap() + start.len();
            let length = tokens[from..].find(end).unwrap();
            tokens[from..from + length].to_owned()
        };
        (
            between("parameters:", ",variadic:"),
            between(",variadic:", ",deprecated:"),
            between("Ok(Self{", "})"),
        )
    };
    let next = "values.next().unwrap_or_default()";
    for (fields, parameters, variadic, reading) in [
        ("", "vec::Vec::new()".to_owned(), "option::Option::None".to_owned(), String::new()),
        (
            "a: u8",
            r#"vec![function::Parameter::of::<u8>("a","")]"#.to_owned(),
            "option::Option::None".to_owned(),
            format!("a:function::argument(0i64,{next})?"),
        ),
        (
            "/// First.\na: u8, #[arg(validate = [v, w])] b: Option<u8>",
            r#"vec![function::Parameter::of::<u8>("a","First."),function::Parameter::of::<Option<u8>>("b","").validate(v).validate(w)]"#
                .to_owned(),
            "option::Option::None".to_owned(),
            format!("a:function::argument(0i64,{next})?,b:function::argument(1i64,{next})?"),
        ),
        (
            "a: u8, #[arg(variadic, validate = v)] b: Vec<u8>",
            r#"vec![function::Parameter::of::<u8>("a","")]"#.to_owned(),
            r#"option::Option::Some(function::Parameter::of::<<Vec<u8>asiter::IntoIterator>::Item>("b","").validate(v))"#
                .to_owned(),
            format!("a:function::argument(0i64,{next})?,b:function::variadic(1i64,{next})?"),
        ),
    ] {
        let found = parts(fields);
        let empty = found.0.replace("vec![]", "vec::Vec::new()");
        assert_eq!((empty, found.1, found.2), (parameters, variadic, reading), "{fields}");
    }
}
