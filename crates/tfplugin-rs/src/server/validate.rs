//! ValidateProviderConfig, ValidateResourceConfig, ValidateDataResourceConfig.

use super::catalog::Prepared;
use super::{Server, caught};
use crate::context::Validation;
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::path::{AttributePath, Step};
use crate::proto::tfplugin6::{
    DynamicValue, validate_data_resource_config, validate_provider_config, validate_resource_config,
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
        let diagnostics = match start(&self.catalog.provider, request.config.as_ref()) {
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
        let diagnostics = match self.try_validate_resource(&request).await {
            Ok(diagnostics) | Err(diagnostics) => diagnostics,
        };
        validate_resource_config::Response {
            diagnostics: diagnostics.into_proto(),
        }
    }

    async fn try_validate_resource(
        &self,
        request: &validate_resource_config::Request,
    ) -> Result<Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let mut cx = start(&entry.prepared, request.config.as_ref())?;
        let capable = request
            .client_capabilities
            .is_some_and(|c| c.write_only_attributes_allowed);
        if !capable {
            let config = cx.config().value().clone();
            refuse_write_only(entry.prepared.members(), &config, &mut cx.diagnostics);
        }
        let own = caught(entry.object.validate(&mut cx)).await;
        Ok(finish(cx, own))
    }

    pub(super) async fn validate_data_source(
        &self,
        request: validate_data_resource_config::Request,
    ) -> validate_data_resource_config::Response {
        let diagnostics = match self.try_validate_data_source(&request).await {
            Ok(diagnostics) | Err(diagnostics) => diagnostics,
        };
        validate_data_resource_config::Response {
            diagnostics: diagnostics.into_proto(),
        }
    }

    async fn try_validate_data_source(
        &self,
        request: &validate_data_resource_config::Request,
    ) -> Result<Diagnostics> {
        let entry = self.catalog.data_source(&request.type_name)?;
        let mut cx = start(&entry.prepared, request.config.as_ref())?;
        let own = caught(entry.object.validate(&mut cx)).await;
        Ok(finish(cx, own))
    }
}

/// Reads the configuration and applies the validators of its attributes.
fn start(prepared: &Prepared, config: Option<&DynamicValue>) -> Result<Validation> {
    let config = prepared.decode(config, "the configuration")?;
    let mut walk = Walk {
        diagnostics: Diagnostics::new(),
        path: AttributePath::root(),
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
}

impl Walk {
    fn object(&mut self, members: &Members, value: &Value, sensitive: bool) {
        let Some(object) = value.as_object() else {
            return;
        };
        for (member, value) in members.iter().zip(object.values()) {
            if !value.is_known() {
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
        let sensitive = sensitive || attribute.sensitive || attribute.write_only;
        self.deprecated(attribute.deprecated.as_ref());
        self.validators(&attribute.validators, value, sensitive);
        if let AttributeKind::Nested(nesting, members) = &attribute.kind {
            self.nested(*nesting, members, value, sensitive);
        }
    }

    fn block(&mut self, block: &Block, value: &Value, sensitive: bool) {
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

/// Callers that do not know write-only attributes would store them.
fn refuse_write_only(members: &Members, config: &Value, diagnostics: &mut Diagnostics) {
    let mut nulled = config.clone();
    crate::plan::null_write_only(members, &mut nulled);
    if nulled == *config {
        return;
    }
    let (Some(config), Some(nulled)) = (config.as_object(), nulled.as_object()) else {
        return;
    };
    for ((name, before), after) in config.iter().zip(nulled.values()) {
        if before != after {
            let detail = "Write-only arguments need Terraform 1.11 or later; this caller would \
                          keep the value in its state.";
            let error = Diagnostic::error("Write-only argument cannot be used here", detail);
            diagnostics.push(error.at(name));
        }
    }
}
