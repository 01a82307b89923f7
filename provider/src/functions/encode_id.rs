//! `provider::ferrymq::encode_id`.

use tfplugin_rs::prelude::*;

use crate::id::{AnyId, BrokerId};

/// The function.
pub(crate) struct EncodeId;

/// Makes the id of something in a broker, as `import` blocks take it: whatever its names contain is
/// percent-encoded.
#[derive(Debug, Arguments)]
pub(crate) struct Parts {
    /// Id of the broker, `ferrymq_broker.<label>.id`.
    broker: String,
    /// What it is the id of: `binding`, `exchange`, `limits`, `operator_policy`, `permission`,
    /// `policy`, `queue`, `topic_permission`, `user` or `vhost`.
    kind: String,
    /// The names in it, from the outermost to the innermost: virtual host and queue.
    #[arg(variadic)]
    names: Vec<String>,
}

impl Function for EncodeId {
    const NAME: &'static str = "encode_id";
    type Arguments = Parts;
    type Output = String;

    fn call(&self, parts: Parts) -> Result<String, FunctionError> {
        let broker: Result<BrokerId, _> = parts.broker.parse();
        let id = AnyId {
            broker: broker.map_err(|error| FunctionError::argument(0, error.to_string()))?,
            kind: parts.kind,
            names: parts.names,
        };
        id.encode()
            .map_err(|error| FunctionError::argument(1, error.to_string()))
    }
}
