//! Functions with every kind of parameter.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin_rs::prelude::*;
use tfplugin_rs::value::{Dynamic, Number};

// Joins texts by a separator; an empty text is refused by its place.
#[derive(Arguments)]
pub(crate) struct JoinArguments {
    separator: Option<String>,
    #[arg(variadic)]
    words: Vec<String>,
}

pub(crate) struct Join;

impl Function for Join {
    const NAME: &'static str = "join";
    type Arguments = JoinArguments;
    type Output = String;

    fn call(&self, arguments: JoinArguments) -> Result<String, FunctionError> {
        for (index, word) in (1..).zip(&arguments.words) {
            if word.is_empty() {
                return Err(FunctionError::argument(index, "A word must not be empty."));
            }
        }
        match arguments.separator.as_deref() {
            Some("error") => Err(FunctionError::new("As the separator says.")),
            separator => Ok(arguments.words.join(separator.unwrap_or("-"))),
        }
    }
}

#[derive(Arguments)]
pub(crate) struct AddArguments {
    a: i64,
    b: i64,
}

// Adds two numbers exactly.
pub(crate) struct Add;

impl Function for Add {
    const NAME: &'static str = "add";
    type Arguments = AddArguments;
    type Output = Number;

    fn call(&self, arguments: AddArguments) -> Result<Number, FunctionError> {
        let sum = i128::from(arguments.a) + i128::from(arguments.b);
        sum.to_string()
            .parse()
            .map_err(|_| FunctionError::new("The sum is no number."))
    }
}

#[derive(Arguments)]
pub(crate) struct PickArguments {
    from: Attr<Vec<Attr<String>>>,
}

// A list's first text; null if there is none and unknown if that is not known.
pub(crate) struct Pick;

impl Function for Pick {
    const NAME: &'static str = "pick";
    type Arguments = PickArguments;
    type Output = Attr<String>;

    fn call(&self, arguments: PickArguments) -> Result<Attr<String>, FunctionError> {
        Ok(match arguments.from {
            Attr::Null => Attr::Null,
            Attr::Unknown => Attr::Unknown,
            Attr::Known(texts) => texts.into_iter().next().unwrap_or_default(),
        })
    }
}

#[derive(Model)]
pub(crate) struct Described {
    #[attr(optional)]
    name: Attr<String>,
    #[attr(optional)]
    size: Attr<Number>,
}

#[derive(Arguments)]
pub(crate) struct DescribeArguments {
    object: Described,
    any: Attr<Dynamic>,
}

#[derive(Model)]
pub(crate) struct Description {
    #[attr(optional)]
    any: Attr<Dynamic>,
    #[attr(optional)]
    name: Attr<String>,
}

// Takes an object and any value, and returns an object with both.
pub(crate) struct Describe;

impl Function for Describe {
    const NAME: &'static str = "describe";
    type Arguments = DescribeArguments;
    type Output = Description;

    fn call(&self, arguments: DescribeArguments) -> Result<Description, FunctionError> {
        Ok(Description {
            any: arguments.any,
            name: arguments.object.name,
        })
    }
}

#[derive(Arguments)]
pub(crate) struct CheckedArguments {
    #[arg(validate = [validate::length(1..=5), validate::none_of(["b"])])]
    text: Attr<String>,
    #[arg(validate = validate::range(1..=10))]
    count: i64,
    #[arg(validate = validate::float_range(..=5.0))]
    share: Option<f64>,
    #[arg(validate = validate::none_of([-1]))]
    number: Number,
    #[arg(validate = validate::items(..=1))]
    list: Attr<Vec<Attr<String>>>,
    #[arg(validate = validate::items(0..=1))]
    map: BTreeMap<String, Option<String>>,
    #[arg(validate = validate::items(0..))]
    set: BTreeSet<Option<String>>,
    #[arg(variadic, validate = [validate::bytes(..=5), validate::one_of_ignoring_case(["A", "b", "go", "d"])])]
    words: Vec<String>,
}

// Takes arguments of every kind that validators look at, and says how many they are.
pub(crate) struct Checked;

impl Function for Checked {
    const NAME: &'static str = "checked";
    type Arguments = CheckedArguments;
    type Output = String;

    fn call(&self, a: CheckedArguments) -> Result<String, FunctionError> {
        // What is not told is used up all the same.
        drop((a.text, a.share, a.number, a.list));
        let (count, words) = (a.count, a.words.len());
        Ok(format!("{count} {} {} {words}", a.map.len(), a.set.len()))
    }
}
