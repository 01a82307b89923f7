//! Functions with every kind of parameter.

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
