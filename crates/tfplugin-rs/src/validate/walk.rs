//! Applies all that a schema demands to a configuration: rules, validators and deprecations.

use super::{Report, Surroundings, Validator};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::path::{AttributePath, Step};
use crate::schema::{Attribute, AttributeKind, Block, Member, Members, Nesting, Schema};
use crate::value::Value;

impl Surroundings {
    /// Those in `config`. `write_only_allowed` says that the caller takes care of write-only values;
    /// any other would store them.
    pub(crate) fn new(schema: &Schema, config: &Value, write_only_allowed: bool) -> Self {
        let mut config = config.clone();
        if schema.members().has_blocks() {
            null_empty_blocks(schema.members(), &mut config);
        }
        Self {
            config,
            write_only_allowed,
        }
    }
}

/// Everything wrong with a configuration, as far as its schema tells.
pub(crate) fn check(schema: &Schema, surroundings: &Surroundings) -> Diagnostics {
    let mut walk = Walk {
        diagnostics: Diagnostics::new(),
        path: AttributePath::root(),
        surroundings,
    };
    if let Some(message) = &schema.deprecated {
        walk.diagnostics
            .push(Diagnostic::warning("Deprecated", message));
    }
    walk.object(schema.members(), &surroundings.config, false);
    walk.diagnostics
}

struct Walk<'a> {
    diagnostics: Diagnostics,
    path: AttributePath,
    surroundings: &'a Surroundings,
}

impl<'a> Walk<'a> {
    fn object(&mut self, members: &Members, value: &'a Value, sensitive: bool) {
        let Some(object) = value.as_object() else {
            return;
        };
        for rule in members.rules() {
            let depth = self.path.steps().len();
            rule.check(value, &mut self.report(depth, sensitive));
        }
        for (member, value) in members.iter().zip(object.values()) {
            self.path.push(Step::Attribute(member.name().to_owned()));
            match member {
                Member::Attribute(attribute) => self.attribute(attribute, value, sensitive),
                Member::Block(block) => self.block(block, value, sensitive),
            }
            self.path.pop();
        }
    }

    fn attribute(&mut self, attribute: &Attribute, value: &'a Value, sensitive: bool) {
        if attribute.required && value.is_null() {
            self.missing();
        }
        if attribute.computed && !attribute.optional && !value.is_null() {
            self.read_only();
        }
        let is_stored = attribute.write_only && !self.surroundings.write_only_allowed;
        if is_stored && !value.is_null() {
            let detail = "Write-only arguments need Terraform 1.11 or later; this caller would \
                          keep the value in its state.";
            let error = Diagnostic::error("Write-only argument cannot be used here", detail);
            self.diagnostics.push(error.at(&self.path));
        }
        let sensitive = sensitive || attribute.sensitive || attribute.write_only;
        self.deprecated(attribute.deprecated.as_ref(), value);
        self.validators(&attribute.validators, value, sensitive);
        if let AttributeKind::Nested(nesting, members) = &attribute.kind {
            self.nested(*nesting, members, value, sensitive);
        }
    }

    /// Terraform itself sees to what is left out; an expression may still make an attribute of a
    /// nested object null.
    fn missing(&mut self) {
        let detail = "The argument is required, but its value is null.";
        let error = Diagnostic::error("Missing required argument", detail);
        self.diagnostics.push(error.at(&self.path));
    }

    /// Terraform itself sees to what stands directly in the resource, but not to nested objects.
    fn read_only(&mut self) {
        let detail = "Only the provider sets this attribute. Remove it from the configuration.";
        let error = Diagnostic::error("Read-only attribute cannot be set", detail);
        self.diagnostics.push(error.at(&self.path));
    }

    fn block(&mut self, block: &Block, value: &'a Value, sensitive: bool) {
        self.deprecated(block.deprecated.as_ref(), value);
        self.validators(&block.validators, value, sensitive);
        self.nested(block.nesting, &block.members, value, sensitive);
    }

    fn deprecated(&mut self, message: Option<&String>, value: &Value) {
        if let (Some(message), true) = (message, value.is_known()) {
            let warning = Diagnostic::warning("Deprecated attribute", message);
            self.diagnostics.push(warning.at(&self.path));
        }
    }

    fn validators(&mut self, validators: &[Validator], value: &Value, sensitive: bool) {
        if validators.is_empty() {
            return;
        }
        let object_depth = self.path.steps().len() - 1;
        let mut report = self.report(object_depth, sensitive);
        for validator in validators {
            validator.check(value, &mut report);
        }
    }

    fn report(&mut self, object_depth: usize, sensitive: bool) -> Report<'_> {
        Report::new(
            self.path.clone(),
            object_depth,
            sensitive,
            self.surroundings,
            &mut self.diagnostics,
        )
    }

    fn nested(&mut self, nesting: Nesting, members: &Members, value: &'a Value, sensitive: bool) {
        let mut element = |step: Step, element: &'a Value| {
            self.path.push(step);
            self.object(members, element, sensitive);
            self.path.pop();
        };
        match (nesting, value) {
            (Nesting::Single, value) => self.object(members, value, sensitive),
            (Nesting::Map, Value::Map(entries)) => {
                for (key, value) in entries {
                    element(Step::Key(key.to_owned()), value);
                }
            }
            (Nesting::Set, Value::Set(set)) => {
                for value in set.elements() {
                    element(Step::Element(value.clone()), value);
                }
            }
            (_, value) => {
                let elements = value.as_elements().unwrap_or_default();
                for (index, value) in elements.iter().enumerate() {
                    element(Step::Index(index), value);
                }
            }
        }
    }
}

/// Blocks that are absent arrive as empty collections. For validators and rules they are null, like
/// everything else that nobody has set.
fn null_empty_blocks(members: &Members, value: &mut Value) {
    let Value::Object(object) = value else {
        return;
    };
    for (member, value) in members.iter().zip(object.values_mut()) {
        let Member::Block(block) = member else {
            continue;
        };
        match value {
            Value::List(blocks) if blocks.is_empty() => *value = Value::Null,
            Value::Map(blocks) if blocks.is_empty() => *value = Value::Null,
            Value::Set(blocks) if blocks.elements().is_empty() => *value = Value::Null,
            Value::Object(_) => null_empty_blocks(&block.members, value),
            Value::List(blocks) => {
                for inner in blocks {
                    null_empty_blocks(&block.members, inner);
                }
            }
            Value::Map(blocks) => {
                for inner in blocks.values_mut() {
                    null_empty_blocks(&block.members, inner);
                }
            }
            Value::Set(blocks) => {
                let nulled = std::mem::take(blocks).into_elements().into_iter();
                *blocks = nulled
                    .map(|mut inner| {
                        null_empty_blocks(&block.members, &mut inner);
                        inner
                    })
                    .collect();
            }
            _ => {}
        }
    }
}
