//! Functions of every type of parameter, called with every class of argument.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::model::Field;
use crate::prelude::*;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::DynamicValue;
use crate::server::Server;
use crate::value::{Dynamic, Number, Type, Value, msgpack};

/// Tells its argument back, in every way a parameter can be declared.
macro_rules! echoes {
    ($($function:ident, $arguments:ident, $name:literal: $ty:ty;)*) => {
        $(
            /// Tells its argument back.
            #[derive(Arguments)]
            struct $arguments {
                /// It.
                it: $ty,
            }

            struct $function;

            impl Function for $function {
                const NAME: &'static str = $name;
                type Arguments = $arguments;
                type Output = Option<String>;

                fn call(&self, arguments: $arguments) -> Result<Option<String>, FunctionError> {
                    Ok(Some(shown(&arguments.it.to_value())))
                }
            }
        )*

        fn contents() -> Contents<()> {
            Contents::new()$(.function($function))*.function(Many).function(Fails)
        }

        const ECHOES: &[(&str, fn() -> Type)] = &[
            $(($name, || <$ty as Field>::shape().ty())),*
        ];
    };
}

echoes! {
    Truth, TruthArguments, "bool": bool;
    Texts, TextsArguments, "string": String;
    Byte, ByteArguments, "u8": u8;
    Whole, WholeArguments, "i64": i64;
    Float, FloatArguments, "f64": f64;
    Exact, ExactArguments, "number": Number;
    Any, AnyArguments, "dynamic": Dynamic;
    List, ListArguments, "list": Vec<String>;
    Set, SetArguments, "set": std::collections::BTreeSet<u8>;
    Map, MapArguments, "map": BTreeMap<String, bool>;
    OrNull, OrNullArguments, "optional": Option<String>;
    OrUnknown, OrUnknownArguments, "attr": Attr<String>;
    ListOrUnknown, ListOrUnknownArguments, "list_of_attr": Attr<Vec<Attr<String>>>;
    ListOfNull, ListOfNullArguments, "list_of_optional": Vec<Option<u8>>;
    When, WhenArguments, "timestamp": Text<types::Timestamp>;
    Document, DocumentArguments, "json": Option<Text<types::Json>>;
}

/// Joins.
#[derive(Arguments)]
struct ManyArguments {
    /// Between them.
    between: String,
    /// They.
    #[arg(variadic)]
    they: Vec<Option<u8>>,
}

struct Many;

impl Function for Many {
    const NAME: &'static str = "many";
    type Arguments = ManyArguments;
    type Output = String;

    fn call(&self, arguments: ManyArguments) -> Result<String, FunctionError> {
        let they = arguments.they.into_iter();
        let they = they.map(|one| one.map_or_else(|| "-".to_owned(), |one| one.to_string()));
        Ok(they.collect::<Vec<_>>().join(&arguments.between))
    }
}

/// Fails.
#[derive(Arguments)]
struct FailsArguments {
    /// How.
    how: String,
}

struct Fails;

impl Function for Fails {
    const NAME: &'static str = "fails";
    type Arguments = FailsArguments;
    type Output = Anything;

    fn call(&self, arguments: FailsArguments) -> Result<Anything, FunctionError> {
        match arguments.how.as_str() {
            "as a whole" => Err(FunctionError::new("Nothing fits.")),
            "by argument" => Err(FunctionError::argument(0, "Not like this.")),
            "by another argument" => Err(FunctionError::argument(7, "There is no such one.")),
            "without a word" => Err(FunctionError::new("")),
            "by its result" => Ok(Anything(Value::list(["no bool"]))),
            how => panic!("it panics {how}"),
        }
    }
}

/// Says that it is a bool, and is anything.
struct Anything(Value);

impl Field for Anything {
    fn shape() -> crate::model::Shape {
        bool::shape()
    }

    fn from_value(value: Value) -> Result<Self, crate::model::ConversionError> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

struct Callable;

#[derive(Model)]
struct Nothing {}

impl Provider for Callable {
    const NAME: &'static str = "callable";
    type Config = Nothing;
    type Data = ();

    async fn configure(&self, _: Nothing, _: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        contents()
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Unknown => "?".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("{text:?}"),
        Value::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{key}: {}", shown(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Dynamic(dynamic) => format!("{} {}", dynamic.ty(), shown(dynamic.value())),
        other => {
            let elements: Vec<String> = other.children().map(shown).collect();
            format!("[{}]", elements.join(", "))
        }
    }
}

fn server() -> Server<Callable> {
    let server = Server::new(Callable, StopToken::new());
    assert_eq!(server.problems(), [] as [&str; 0]);
    server
}

fn packed(value: &Value, ty: &Type) -> DynamicValue {
    DynamicValue {
        msgpack: msgpack::encode(value, ty).expect("of its type").into(),
        ..Default::default()
    }
}

async fn call(server: &Server<Callable>, name: &str, arguments: Vec<DynamicValue>) -> String {
    let called = server.call(proto::call_function::Request {
        name: name.to_owned(),
        arguments,
    });
    let called = called.await;
    match (called.result, called.error) {
        (Some(result), None) => {
            // Whatever it is declared as, the result of these is a string.
            let value = msgpack::decode(&result.msgpack, &Type::String);
            value.map_or_else(|error| error.to_string(), |value| shown(&value))
        }
        (None, Some(error)) => match error.function_argument {
            Some(argument) => format!("argument {argument}: {}", error.text),
            None => format!("error: {}", error.text),
        },
        other => panic!("{other:?}"),
    }
}

/// Arguments with the types by which they go on the wire.
fn arguments() -> Vec<(&'static str, Value, Type)> {
    let number = |text: &str| Value::Number(text.parse().unwrap());
    let texts = || Type::list(Type::String);
    vec![
        ("null", Value::Null, Type::Bool),
        ("unknown", Value::Unknown, Type::Bool),
        ("true", true.into(), Type::Bool),
        ("text", "text".into(), Type::String),
        ("no text", "".into(), Type::String),
        ("a time", "2024-02-29T12:00:00Z".into(), Type::String),
        ("a document", "{\"a\":[1]}".into(), Type::String),
        ("5", 5.into(), Type::Number),
        ("-1", (-1).into(), Type::Number),
        ("256", 256.into(), Type::Number),
        ("0.5", number("0.5"), Type::Number),
        ("1e400", number("1e400"), Type::Number),
        ("[]", Value::list::<Value>([]), texts()),
        ("[text]", Value::list(["x"]), texts()),
        ("[5, 5]", Value::list([5, 5]), Type::list(Type::Number)),
        ("[null]", Value::list([Value::Null]), texts()),
        ("[unknown]", Value::list([Value::Unknown]), texts()),
        ("{}", Value::map::<&str, Value>([]), Type::map(Type::Bool)),
        (
            "{k: true}",
            Value::map([("k", true)]),
            Type::map(Type::Bool),
        ),
        (
            "dynamic 5",
            Dynamic::new(Type::Number, 5.into()).into(),
            Type::Dynamic,
        ),
        (
            "dynamic null",
            Dynamic::new(Type::String, Value::Null).into(),
            Type::Dynamic,
        ),
    ]
}

#[tokio::test]
async fn every_type_of_parameter_with_every_class_of_argument() {
    let server = server();
    let mut table = String::new();
    for (name, ty) in ECHOES {
        writeln!(table, "{name}: {}", ty()).unwrap();
        for (label, value, ty) in arguments() {
            let said = call(&server, name, vec![packed(&value, &ty)]).await;
            writeln!(table, "  {label} -> {said}").unwrap();
        }
    }
    insta::assert_snapshot!("arguments", table);
}

#[tokio::test]
async fn the_number_of_arguments_is_that_of_the_parameters() {
    let server = server();
    let text = || packed(&"t".into(), &Type::String);
    let number = |number: i64| packed(&number.into(), &Type::Number);
    for (name, arguments, expected) in [
        (
            "string",
            vec![],
            "error: This function takes 1 argument, not 0.",
        ),
        ("string", vec![text()], "\"\\\"t\\\"\""),
        (
            "string",
            vec![text(), text()],
            "error: This function takes 1 argument, not 2.",
        ),
        (
            "many",
            vec![],
            "error: This function takes 1 argument or more, not 0.",
        ),
        ("many", vec![text()], "\"\""),
        ("many", vec![text(), number(1)], "\"1\""),
        ("many", vec![text(), number(1), number(2)], "\"1t2\""),
        (
            "many",
            vec![text(), packed(&Value::Null, &Type::Number)],
            "\"-\"",
        ),
        (
            "many",
            vec![text(), number(1), number(300)],
            "argument 2: Argument they must be from 0 to 255, got 300.",
        ),
        (
            "many",
            vec![text(), number(1), text()],
            "argument 2: Could not read the argument: not a decimal number.",
        ),
        (
            "nothing",
            vec![],
            "error: This provider has no function \"nothing\".",
        ),
        (
            "",
            vec![text()],
            "error: This provider has no function \"\".",
        ),
    ] {
        assert_eq!(call(&server, name, arguments).await, expected, "{name}");
    }
}

#[tokio::test]
async fn failures_keep_their_form() {
    let server = server();
    for (how, expected) in [
        ("as a whole", "error: Nothing fits."),
        ("by argument", "argument 0: Not like this."),
        ("by another argument", "argument 7: There is no such one."),
        ("without a word", "error: "),
        (
            "by its result",
            "error: The provider made a result that does not fit its schema: a list where \
             bool is needed.",
        ),
    ] {
        let said = call(&server, "fails", vec![packed(&how.into(), &Type::String)]).await;
        assert_eq!(said, expected, "{how}");
    }
    let said = call(
        &server,
        "fails",
        vec![packed(&"loudly".into(), &Type::String)],
    )
    .await;
    assert!(said.starts_with("error: The provider panicked: "), "{said}");
    assert!(said.contains("it panics loudly"), "{said}");
    // And goes on.
    let said = call(&server, "bool", vec![packed(&true.into(), &Type::Bool)]).await;
    assert_eq!(said, "\"true\"");
}

#[tokio::test]
async fn signatures_say_what_may_be_passed() {
    let functions = server()
        .functions(proto::get_functions::Request {})
        .await
        .functions;
    for (name, ty) in ECHOES {
        let function = &functions[*name];
        let [parameter] = &function.parameters[..] else {
            panic!("{function:?}")
        };
        assert_eq!(parameter.name, "it");
        assert_eq!(parameter.description, "It.");
        assert_eq!(Type::from_json_bytes(&parameter.r#type), Ok(ty()), "{name}");
        let may_be = (parameter.allow_null_value, parameter.allow_unknown_values);
        let expected = match *name {
            "optional" | "json" => (true, false),
            "attr" | "list_of_attr" => (true, true),
            _ => (false, false),
        };
        assert_eq!(may_be, expected, "{name}");
        assert_eq!(function.variadic_parameter, None);
        assert_eq!(function.summary, "Tells its argument back.");
        assert_eq!(function.deprecation_message, "");
    }
    let many = functions["many"].variadic_parameter.as_ref().unwrap();
    assert_eq!((&*many.name, &*many.description), ("they", "They."));
    assert_eq!(Type::from_json_bytes(&many.r#type), Ok(Type::Number));
    assert!(many.allow_null_value && !many.allow_unknown_values);
}
