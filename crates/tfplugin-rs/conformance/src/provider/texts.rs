//! One attribute for each validator of strings.

use tfplugin_rs::model::Text;
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::{Attribute, Schema};
use tfplugin_rs::types::Period;
use tfplugin_rs::validate::Validator;

use crate::raw::{Describe, based};

pub(crate) struct Texts;

/// An attribute with one rule.
pub(crate) fn text(name: &str, validator: Validator) -> Attribute {
    Attribute::of::<Option<String>>(name).validate(validator)
}

impl Describe for Texts {
    const NAME: &'static str = "texts";

    fn schema() -> Schema {
        let pattern = |name, pattern| text(name, validate::regex(pattern, "must match"));
        let folded = ["Ab", "ÜNÏ", "skſ", "σ", "i"];
        let long = || validate::bytes(5..);
        let attributes = [
            text("bytes_between", validate::bytes(2..=4)),
            text("bytes_least", validate::bytes(2..)),
            text("bytes_most", validate::bytes(..=4)),
            text("length_between", validate::length(2..=4)),
            text("length_least", validate::length(2..)),
            text("length_most", validate::length(..=4)),
            text("one_of", validate::one_of(["a", "b", ""])),
            text("none_of", validate::none_of(["a", "b", ""])),
            text("one_of_caseless", validate::one_of_ignoring_case(folded)),
            text("none_of_caseless", validate::none_of_ignoring_case(folded)),
            pattern("pattern_class", r"^[[:alpha:]][0-9A-Za-z_]*$"),
            pattern("pattern_unicode", r"^\p{L}+$"),
            pattern("pattern_part", "a{2,3}"),
            pattern("pattern_multi", "(?m)^b$"),
            pattern("pattern_caseless", "(?i)^ab?$"),
            pattern("pattern_dot", "^.$"),
            pattern("pattern_word", r"(?-u:\b)go(?-u:\b)"),
            text("any", validate::any([validate::one_of(["a"]), long()])),
            text("all", long()).validate(validate::none_of(["aaaaa"])),
            text(
                "any_of_all",
                validate::any([validate::one_of(["a"]), validate::bytes(5..=6)]),
            ),
            Attribute::of::<Option<Text<Period>>>("duration"),
        ];
        attributes.into_iter().fold(based(), Schema::with)
    }
}
