//! What is hidden, and what is never kept.

use std::collections::BTreeMap;

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::Number;

use crate::raw::Describe;

pub(crate) struct Secrets;

impl Describe for Secrets {
    const NAME: &'static str = "secrets";

    fn schema() -> Schema {
        SecretsModel::schema()
    }
}

#[derive(Model)]
struct Hidden {
    name: String,
    #[attr(sensitive)]
    token: Option<String>,
    #[attr(write_only)]
    token_wo: Option<String>,
}

#[derive(Model)]
struct SecretsModel {
    script: Option<String>,
    stamp: Attr<String>,
    #[attr(sensitive)]
    password: Option<String>,
    #[attr(write_only, sensitive)]
    secret_wo: Option<String>,
    #[attr(write_only)]
    number_wo: Option<Number>,
    one: Option<Hidden>,
    list: Option<Vec<Hidden>>,
    map: Option<BTreeMap<String, Hidden>>,
    #[block]
    block: Vec<Hidden>,
}
