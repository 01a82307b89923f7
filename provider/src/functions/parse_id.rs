//! `provider::ferrymq::parse_id`.

use tfplugin_rs::prelude::*;

use crate::id::AnyId;

/// The function.
pub(crate) struct ParseId;

/// Takes an id apart: whatever its names contain comes back as it is.
#[derive(Debug, Arguments)]
pub(crate) struct Id {
    /// The id of a resource, such as `ferrymq_queue.<label>.id`.
    id: String,
}

/// An id taken apart.
#[derive(Debug, Model)]
pub(crate) struct Parts {
    /// Id of the broker.
    broker: String,
    /// What it is the id of: `queue`, `exchange`, …, or `broker`.
    kind: String,
    /// The names in it, from the outermost to the innermost: virtual host and queue.
    names: Vec<String>,
}

impl Function for ParseId {
    const NAME: &'static str = "parse_id";
    type Arguments = Id;
    type Output = Parts;

    fn call(&self, Id { id }: Id) -> Result<Parts, FunctionError> {
        let parsed = AnyId::parse(&id);
        let parsed = parsed.map_err(|error| FunctionError::argument(0, error.to_string()))?;
        Ok(Parts {
            broker: parsed.broker.to_string(),
            kind: parsed.kind,
            names: parsed.names,
        })
    }
}
