//! Items of a DynamoDB table: read as they are now, written if they are as they were.

use std::collections::BTreeMap;

use crate::client::Answer;

/// Attribute that is the table's partition key, a text.
pub const KEY: &str = "group";

/// The other attributes of an item that are texts, by their names.
pub type Attributes = BTreeMap<String, String>;

/// How an item has to be for a write to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// There is none of this key.
    Absent,
    /// There is one, whose attribute is this text.
    Equals {
        /// Name of the attribute.
        attribute: &'a str,
        /// What it has to be.
        text: &'a str,
    },
}

/// The items of one table. No call is repeated: a write of which nobody knows the outcome would be
/// taken for one that came too late.
pub trait Items: Send + Sync {
    /// The item of this key, with every write in it that was confirmed before; `None` if there is none.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Attributes>>;

    /// Replaces the item of this key by these attributes, if the condition holds. `false`: it does
    /// not, and nothing was written.
    fn put<'a>(
        &'a self,
        key: &'a str,
        attributes: &'a Attributes,
        condition: Condition<'a>,
    ) -> Answer<'a, bool>;
}
