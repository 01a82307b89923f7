//! The validation calls: one for each kind of thing that has a configuration block.

use super::catalog::Entry;
use super::prepared::Prepared;
use super::{Server, caught};
use crate::context::Validation;
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::erased::Configurable;
use crate::path::{AttributePath, Step};
use crate::proto::tfplugin6::{
    DynamicValue, validate_action_config, validate_data_resource_config,
    validate_ephemeral_resource_config, validate_list_resource_config, validate_provider_config,
    validate_resource_config,
};
use crate::provider::Provider;
use crate::schema::{Attribute, AttributeKind, Block, Member, Members, Nesting};
use crate::validate::{Report, Validator};
use crate::value::Value;

impl<P: Provider> Server<P> {
    pub(super) async fn validate_provider(
        &self,
        request: validate_provider_config::Request,
    ) -> validate_provider_config::Response {
        let diagnostics = match start(&self.catalog.provider, request.config.as_ref(), false) {
            Ok(mut cx) => {
                let own = caught(self.provider.validate(&mut cx)).await;
                finish(cx, own)
            }
            Err(diagnostics) => diagnostics,
        };
        validate_provider_config::Response {
            diagnostics: diagnostics.into_proto(),
        }
    }

    pub(super) async fn validate_resource(
        &self,
        request: validate_resource_config::Request,
    ) -> validate_resource_config::Response {
        let takes_write_only = request
            .client_capabilities
            .is_some_and(|client| client.write_only_attributes_allowed);
        let entry = self.catalog.resource(&request.type_name);
        validate_resource_config::Response {
            diagnostics: validate(entry, request.config.as_ref(), takes_write_only)
                .await
                .into_proto(),
        }
    }

    pub(super) async fn validate_data_source(
        &self,
        request: validate_data_resource_config::Request,
    ) -> validate_data_resource_config::Response {
        let entry = self.catalog.data_source(&request.type_name);
        validate_data_resource_config::Response {
            diagnostics: validate(entry, request.config.as_ref(), false)
                .await
                .into_proto(),
        }
    }

    pub(super) async fn validate_ephemeral(
        &self,
        request: validate_ephemeral_resource_config::Request,
    ) -> validate_ephemeral_resource_config::Response {
        let entry = self.catalog.ephemeral_resource(&request.type_name);
        validate_ephemeral_resource_config::Response {
            diagnostics: validate(entry, request.config.as_ref(), false)
                .await
                .into_proto(),
        }
    }

    pub(super) async fn validate_list(
        &self,
        request: validate_list_resource_config::Request,
    ) -> validate_list_resource_config::Response {
        let entry = self.catalog.list_resource(&request.type_name);
        validate_list_resource_config::Response {
            diagnostics: validate(entry, request.config.as_ref(), false)
                .await
                .into_proto(),
        }
    }

    /// Actions came after write-only attributes, so every caller that has the one knows the other.
    pub(super) async fn validate_action(
        &self,
        request: validate_action_config::Request,
    ) -> validate_action_config::Response {
        let entry = self.catalog.action(&request.action_type);
        validate_action_config::Response {
            diagnostics: validate(entry, request.config.as_ref(), true)
                .await
                .into_proto(),
        }
    }
}

/// Validates the configuration of one thing, if there is such a thing.
async fn validate<O: Configurable + ?Sized>(
    entry: Result<&Entry<O>>,
    config: Option<&DynamicValue>,
    takes_write_only: bool,
) -> Diagnostics {
    let started =
        entry.and_then(|entry| Ok((entry, start(&entry.prepared, config, takes_write_only)?)));
    match started {
        Ok((entry, mut cx)) => {
            let own = caught(entry.object.validate(&mut cx)).await;
            finish(cx, own)
        }
        Err(diagnostics) => diagnostics,
    }
}

/// Reads the configuration and applies the validators of its attributes. A caller that does not
/// take write-only attributes would store them.
fn start(
    prepared: &Prepared,
    config: Option<&DynamicValue>,
    takes_write_only: bool,
) -> Result<Validation> {
    let config = prepared.decode(config, "the configuration")?;
    let mut walk = Walk {
        diagnostics: Diagnostics::new(),
        path: AttributePath::root(),
        takes_write_only,
    };
    if let Some(message) = &prepared.schema.deprecated {
        walk.diagnostics
            .push(Diagnostic::warning("Deprecated", message));
    }
    walk.object(prepared.members(), &config, false);
    Ok(Validation::new(prepared.values(config), walk.diagnostics))
}

/// Everything found, the outcome of the provider's own validation last.
fn finish(cx: Validation, own: Result<()>) -> Diagnostics {
    let mut diagnostics = cx.diagnostics;
    diagnostics.absorb(own);
    diagnostics
}

struct Walk {
    diagnostics: Diagnostics,
    path: AttributePath,
    takes_write_only: bool,
}

impl Walk {
    fn object(&mut self, members: &Members, value: &Value, sensitive: bool) {
        let Some(object) = value.as_object() else {
            return;
        };
        for (member, value) in members.iter().zip(object.values()) {
            if value.is_null() {
                continue;
            }
            self.path.push(Step::Attribute(member.name().to_owned()));
            match member {
                Member::Attribute(attribute) => self.attribute(attribute, value, sensitive),
                Member::Block(block) => self.block(block, value, sensitive),
            }
            self.path.pop();
        }
    }

    fn attribute(&mut self, attribute: &Attribute, value: &Value, sensitive: bool) {
        if attribute.write_only && !self.takes_write_only {
            let detail = "Write-only arguments need Terraform 1.11 or later; this caller would \
                          keep the value in its state.";
            let error = Diagnostic::error("Write-only argument cannot be used here", detail);
            self.diagnostics.push(error.at(&self.path));
        }
        if value.is_unknown() {
            return;
        }
        let sensitive = sensitive || attribute.sensitive || attribute.write_only;
        self.deprecated(attribute.deprecated.as_ref());
        self.validators(&attribute.validators, value, sensitive);
        if let AttributeKind::Nested(nesting, members) = &attribute.kind {
            self.nested(*nesting, members, value, sensitive);
        }
    }

    fn block(&mut self, block: &Block, value: &Value, sensitive: bool) {
        if value.is_unknown() {
            return;
        }
        // Blocks that are absent arrive as empty collections.
        let present = match value {
            Value::Object(_) => true,
            other => other.children().next().is_some(),
        };
        if present {
            self.deprecated(block.deprecated.as_ref());
        }
        self.validators(&block.validators, value, sensitive);
        self.nested(block.nesting, &block.members, value, sensitive);
    }

    fn deprecated(&mut self, message: Option<&String>) {
        if let Some(message) = message {
            let warning = Diagnostic::warning("Deprecated attribute", message);
            self.diagnostics.push(warning.at(&self.path));
        }
    }

    fn validators(&mut self, validators: &[Validator], value: &Value, sensitive: bool) {
        if validators.is_empty() {
            return;
        }
        let mut report = Report::new(self.path.clone(), sensitive, &mut self.diagnostics);
        validators
            .iter()
            .for_each(|validator| validator.check(value, &mut report));
    }

    fn nested(&mut self, nesting: Nesting, members: &Members, value: &Value, sensitive: bool) {
        let mut element = |step: Step, element: &Value| {
            self.path.push(step);
            self.object(members, element, sensitive);
            self.path.pop();
        };
        match (nesting, value) {
            (Nesting::Single, value) => self.object(members, value, sensitive),
            (Nesting::Map, Value::Map(entries)) => {
                entries
                    .iter()
                    .for_each(|(key, value)| element(Step::Key(key.clone()), value));
            }
            (Nesting::Set, Value::Set(set)) => {
                set.elements()
                    .iter()
                    .for_each(|e| element(Step::Element(e.clone()), e));
            }
            (_, value) => {
                let elements = value.as_elements().unwrap_or_default();
                elements
                    .iter()
                    .enumerate()
                    .for_each(|(i, e)| element(Step::Index(i), e));
            }
        }
    }
}
