//! Calls for kinds of things that this server does not offer.
//!
//! No schema mentions them, so Terraform asks only by mistake; the answer says what is missing.
//! The streaming calls (list, invoke, state bytes) are left to the generated "unimplemented".

use super::Server;
use crate::diagnostics::Diagnostic;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;

fn refuse(kind: &str, name: &str) -> Vec<proto::Diagnostic> {
    let detail = format!("{name:?} was asked for, but this provider offers no {kind}.");
    vec![crate::wire::diagnostic_to_proto(Diagnostic::error(
        format!("No {kind}"),
        detail,
    ))]
}

/// `method: rpc module, field that names the thing, what it is`.
macro_rules! unsupported {
    ($($method:ident: $module:ident, $name:ident, $kind:literal;)*) => {
        impl<P: Provider> Server<P> {
            $(
                #[allow(clippy::unused_async, reason = "called like the others")]
                pub(super) async fn $method(
                    &self,
                    request: proto::$module::Request,
                ) -> proto::$module::Response {
                    #[allow(clippy::needless_update, reason = "some responses have other fields")]
                    proto::$module::Response {
                        diagnostics: refuse($kind, &request.$name),
                        ..Default::default()
                    }
                }
            )*
        }
    };
}

unsupported! {
    no_identity_upgrade: upgrade_resource_identity, type_name, "resource identities";
    no_generated_config: generate_resource_config, type_name, "generated configuration";
    no_ephemeral_config: validate_ephemeral_resource_config, type_name, "ephemeral resources";
    no_ephemeral_open: open_ephemeral_resource, type_name, "ephemeral resources";
    no_ephemeral_renew: renew_ephemeral_resource, type_name, "ephemeral resources";
    no_ephemeral_close: close_ephemeral_resource, type_name, "ephemeral resources";
    no_list_config: validate_list_resource_config, type_name, "list resources";
    no_action_config: validate_action_config, action_type, "actions";
    no_action_plan: plan_action, action_type, "actions";
    no_state_store_config: validate_state_store_config, type_name, "state stores";
    no_state_store: configure_state_store, type_name, "state stores";
    no_state_lock: lock_state, type_name, "state stores";
    no_state_unlock: unlock_state, type_name, "state stores";
    no_states: get_states, type_name, "state stores";
    no_state_delete: delete_state, type_name, "state stores";
}
