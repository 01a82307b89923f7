//! State stores, which this server does not offer.
//!
//! No schema mentions one, so Terraform asks only by mistake; the answer says what is missing.

use futures_util::{Stream, stream};
use tonic::Streaming;

use super::Server;
use crate::diagnostics::Diagnostic;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;

fn refuse(name: &str) -> Vec<proto::Diagnostic> {
    let detail = format!("{name:?} was asked for, but this provider offers no state stores.");
    vec![crate::wire::diagnostic_to_proto(Diagnostic::error(
        "No state stores",
        detail,
    ))]
}

/// `method: rpc module;`
macro_rules! unsupported {
    ($($method:ident: $module:ident;)*) => {
        impl<P: Provider> Server<P> {
            $(
                #[allow(clippy::unused_async, reason = "called like the others")]
                pub(super) async fn $method(
                    &self,
                    request: proto::$module::Request,
                ) -> proto::$module::Response {
                    #[allow(clippy::needless_update, reason = "some responses have other fields")]
                    proto::$module::Response {
                        diagnostics: refuse(&request.type_name),
                        ..Default::default()
                    }
                }
            )*
        }
    };
}

unsupported! {
    no_state_store_config: validate_state_store_config;
    no_state_store: configure_state_store;
    no_state_lock: lock_state;
    no_state_unlock: unlock_state;
    no_states: get_states;
    no_state_delete: delete_state;
}

impl<P: Provider> Server<P> {
    pub(super) fn no_state_read(
        &self,
        request: proto::read_state_bytes::Request,
    ) -> impl Stream<Item = proto::read_state_bytes::ResponseChunk> + Send + use<P> {
        stream::iter([proto::read_state_bytes::ResponseChunk {
            diagnostics: refuse(&request.type_name),
            ..Default::default()
        }])
    }

    /// The first message names the store; the rest, which may be a whole state, is not awaited.
    pub(super) async fn no_state_write(
        &self,
        mut request: Streaming<proto::write_state_bytes::RequestChunk>,
    ) -> proto::write_state_bytes::Response {
        let first = request.message().await.ok().flatten().unwrap_or_default();
        let name = first.meta.unwrap_or_default().type_name;
        proto::write_state_bytes::Response {
            diagnostics: refuse(&name),
        }
    }
}
