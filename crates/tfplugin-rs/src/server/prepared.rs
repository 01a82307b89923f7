//! [`Prepared`]: a schema with its types, by which values are read and written.

use std::sync::Arc;

use crate::diagnostics::Result;
use crate::proto::tfplugin6::DynamicValue;
use crate::schema::{AttributeKind, Member, Members, Schema};
use crate::value::{ObjectType, Type, Value};
use crate::values::Values;
use crate::{logging, wire};

/// A schema and all that follows from it.
pub(crate) struct Prepared {
    pub(crate) schema: Schema,
    object: Arc<ObjectType>,
    pub(crate) ty: Type,
    has_secrets: bool,
}

impl Prepared {
    pub(super) fn new(schema: Schema) -> Self {
        let object = Arc::new(schema.object_type());
        Self {
            ty: Type::Object(object.clone()),
            has_secrets: schema.members().has_secrets(),
            schema,
            object,
        }
    }

    pub(crate) fn members(&self) -> &Members {
        self.schema.members()
    }

    pub(crate) fn values(&self, value: Value) -> Values {
        Values::new(value, self.object.clone())
    }

    /// Reads what Terraform sent; from now on no log line shows the secrets in it.
    pub(crate) fn decode(&self, sent: Option<&DynamicValue>, what: &str) -> Result<Value> {
        let value = wire::decode(sent, &self.ty, what)?;
        self.mask(&value);
        Ok(value)
    }

    /// From now on no log line shows the secrets in this value.
    pub(super) fn mask(&self, value: &Value) {
        if self.has_secrets {
            mask_secrets(self.members(), value);
        }
    }

    pub(crate) fn encode(&self, value: &Value, what: &str) -> Result<DynamicValue> {
        wire::encode(value, &self.ty, what)
    }
}

/// Registers the text of every sensitive or write-only attribute with the log's mask.
fn mask_secrets(members: &Members, value: &Value) {
    let Some(object) = value.as_object() else {
        return;
    };
    for (member, value) in members.iter().zip(object.values()) {
        match member {
            Member::Block(block) => mask_nested(&block.members, value),
            Member::Attribute(attribute) if attribute.sensitive || attribute.write_only => {
                mask_all(value);
            }
            Member::Attribute(attribute) => {
                if let AttributeKind::Nested(_, members) = &attribute.kind {
                    mask_nested(members, value);
                }
            }
        }
    }
}

fn mask_nested(members: &Members, value: &Value) {
    mask_secrets(members, value);
    value
        .children()
        .for_each(|value| mask_secrets(members, value));
}

fn mask_all(value: &Value) {
    /// Shorter texts occur everywhere; hiding them would hide the log and not the secret.
    const SHORTEST_SECRET: usize = 4;
    match value.inner() {
        Value::String(text) if text.len() >= SHORTEST_SECRET => logging::mask(text),
        other => other.children().for_each(mask_all),
    }
}
