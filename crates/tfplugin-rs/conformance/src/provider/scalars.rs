//! Every kind of scalar in every role.

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::{Number, Value};

use crate::raw::Describe;

pub(crate) struct Scalars;

impl Describe for Scalars {
    const NAME: &'static str = "scalars";

    fn schema() -> Schema {
        ScalarsModel::schema()
    }
}

/// A number that has no exact form in another notation.
fn number(text: &str) -> Value {
    let number: Option<Number> = text.parse().ok();
    number.into()
}

#[derive(Model)]
struct ScalarsModel {
    script: Option<String>,
    stamp: Attr<String>,
    bool_required: bool,
    bool_optional: Option<bool>,
    bool_computed: Attr<bool>,
    #[attr(optional, computed)]
    bool_both: Attr<bool>,
    #[attr(default = true)]
    bool_default: bool,
    float_optional: Option<f64>,
    float_computed: Attr<f64>,
    #[attr(optional, computed)]
    float_both: Attr<f64>,
    #[attr(default = number("0.5"))]
    float_default: f64,
    int_optional: Option<i64>,
    int_computed: Attr<i64>,
    #[attr(optional, computed)]
    int_both: Attr<i64>,
    #[attr(default = 5)]
    int_default: i64,
    small_optional: Option<i32>,
    #[attr(default = -5)]
    small_default: i32,
    number_required: Number,
    number_optional: Option<Number>,
    number_computed: Attr<Number>,
    #[attr(optional, computed)]
    number_both: Attr<Number>,
    // More digits than a 64-bit float can hold.
    #[attr(default = number("12345678901234567890.5"))]
    number_default: Number,
    string_required: String,
    string_optional: Option<String>,
    string_computed: Attr<String>,
    #[attr(optional, computed)]
    string_both: Attr<String>,
    #[attr(default = "d")]
    string_default: String,
    #[attr(sensitive)]
    string_sensitive: Option<String>,
    #[attr(deprecated = "Use string_optional.")]
    string_old: Option<String>,
}
