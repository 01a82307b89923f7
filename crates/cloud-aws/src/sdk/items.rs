//! Items of a table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::client::Answer;
use crate::items::{Attributes, Condition, Items, KEY};

use super::failure::failed;

/// The client of one table.
pub(super) struct Client {
    pub(super) sdk: aws_sdk_dynamodb::Client,
    pub(super) region: String,
    pub(super) table: String,
}

impl Items for Client {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Attributes>> {
        Box::pin(async move {
            let request = self.sdk.get_item().table_name(&self.table);
            let request = request.key(KEY, text(key)).consistent_read(true);
            match Box::pin(request.send()).await {
                Ok(found) => Ok(found.item.map(texts)),
                Err(error) => Err(failed("dynamodb:GetItem", &self.region, &error)),
            }
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        attributes: &'a Attributes,
        condition: Condition<'a>,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut request = self.sdk.put_item().table_name(&self.table);
            request = request.item(KEY, text(key));
            for (name, value) in attributes {
                request = request.item(name, text(value));
            }
            // By a name of its own: many words are reserved.
            request = match condition {
                Condition::Absent => request
                    .condition_expression("attribute_not_exists(#a)")
                    .expression_attribute_names("#a", KEY),
                Condition::Equals {
                    attribute,
                    text: is,
                } => request
                    .condition_expression("#a = :is")
                    .expression_attribute_names("#a", attribute)
                    .expression_attribute_values(":is", text(is)),
            };
            match Box::pin(request.send()).await {
                Ok(_) => Ok(true),
                Err(error) => {
                    let error = failed("dynamodb:PutItem", &self.region, &error);
                    if error.is("ConditionalCheckFailedException") {
                        return Ok(false);
                    }
                    Err(error)
                }
            }
        })
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn texts(item: HashMap<String, AttributeValue>) -> Attributes {
    let texts = item.into_iter().filter_map(|(name, value)| match value {
        AttributeValue::S(text) if name != KEY => Some((name, text)),
        _ => None,
    });
    texts.collect()
}
