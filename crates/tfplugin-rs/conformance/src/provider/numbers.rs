//! One attribute for each validator of numbers.

use tfplugin_rs::model::Field;
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::{Attribute, Schema};
use tfplugin_rs::validate::Validator;
use tfplugin_rs::value::Number;

use crate::raw::{Describe, based};

pub(crate) struct Numbers;

/// An attribute with one rule.
fn of<T: Field>(name: &str, validator: Validator) -> Attribute {
    Attribute::of::<Option<T>>(name).validate(validator)
}

impl Describe for Numbers {
    const NAME: &'static str = "numbers";

    fn schema() -> Schema {
        let attributes = floats().into_iter().chain(integers()).chain(exact());
        attributes.fold(based(), Schema::with)
    }
}

fn floats() -> Vec<Attribute> {
    let listed = || ["0.5", "1", "7"].map(number);
    vec![
        of::<f64>("float_between", validate::float_range(-0.5..=0.5)),
        of::<f64>("float_least", validate::float_range(0.1..)),
        of::<f64>("float_most", validate::float_range(..=0.1)),
        of::<f64>("float_one_of", validate::one_of(listed())),
        of::<f64>("float_none_of", validate::none_of(listed())),
        of::<f32>("half_between", validate::float_range(-0.5..=0.5)),
        of::<f32>("half_least", validate::float_range(0.5..)),
        of::<f32>("half_most", validate::float_range(..=0.5)),
        of::<f32>("half_one_of", validate::one_of(listed())),
        of::<f32>("half_none_of", validate::none_of(listed())),
        Attribute::of::<Option<f32>>("half"),
    ]
}

fn integers() -> Vec<Attribute> {
    let addends = ["int_addend_a", "int_addend_b"];
    let outside = [validate::range(..=0), validate::range(10..)];
    vec![
        Attribute::of::<Option<i64>>("int_addend_a"),
        Attribute::of::<Option<i64>>("int_addend_b"),
        of::<i64>("int_between", validate::range(1..=10)),
        of::<i64>("int_least", validate::range(1..)),
        of::<i64>("int_most", validate::range(..=10)),
        of::<i64>("int_one_of", validate::one_of([1, 7, i64::MAX])),
        of::<i64>("int_none_of", validate::none_of([1, 7, i64::MAX])),
        of::<i64>("int_any", validate::any(outside)),
        of::<i64>("int_sum", validate::equal_to_sum_of(addends)),
        of::<i64>("int_sum_least", validate::at_least_sum_of(addends)),
        of::<i64>("int_sum_most", validate::at_most_sum_of(addends)),
        of::<i32>("small_between", validate::range(1..=10)),
        of::<i32>("small_least", validate::range(1..)),
        of::<i32>("small_most", validate::range(..=10)),
        of::<i32>("small_one_of", validate::one_of([1, 7])),
        of::<i32>("small_none_of", validate::none_of([1, 7])),
    ]
}

fn exact() -> Vec<Attribute> {
    let listed = || ["0.5", "7", "12345678901234567890.5"].map(number);
    vec![
        of::<Number>("number_one_of", validate::one_of(listed())),
        of::<Number>("number_none_of", validate::none_of(listed())),
    ]
}

pub(crate) fn number(text: &str) -> Number {
    text.parse().expect("a number is written here")
}
