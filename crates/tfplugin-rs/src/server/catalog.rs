//! What the provider offers, by full type name, with schemas and types built once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::erased::{DataSourceObject, FunctionObject, ResourceObject};
use crate::function::Signature;
use crate::model::Field;
use crate::provider::Provider;
use crate::schema::{AttributeKind, Member, Members, Role, Schema};
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
    fn new(schema: Schema) -> Self {
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
    pub(crate) fn decode(
        &self,
        sent: Option<&crate::proto::tfplugin6::DynamicValue>,
        what: &str,
    ) -> Result<Value> {
        let value = wire::decode(sent, &self.ty, what)?;
        if self.has_secrets {
            mask_secrets(self.members(), &value);
        }
        Ok(value)
    }

    pub(crate) fn encode(
        &self,
        value: &Value,
        what: &str,
    ) -> Result<crate::proto::tfplugin6::DynamicValue> {
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

pub(super) struct ResourceEntry<D> {
    pub(super) object: Arc<dyn ResourceObject<D>>,
    pub(super) prepared: Prepared,
}

pub(super) struct DataSourceEntry<D> {
    pub(super) object: Arc<dyn DataSourceObject<D>>,
    pub(super) prepared: Prepared,
}

pub(super) struct FunctionEntry {
    pub(super) object: Arc<dyn FunctionObject>,
    pub(super) signature: Signature,
    pub(super) output: Type,
}

pub(super) struct Catalog<D> {
    pub(super) provider: Prepared,
    pub(super) resources: HashMap<String, ResourceEntry<D>>,
    pub(super) data_sources: HashMap<String, DataSourceEntry<D>>,
    pub(super) functions: HashMap<&'static str, FunctionEntry>,
    pub(super) problems: Vec<String>,
}

impl<D: Send + Sync + 'static> Catalog<D> {
    pub(super) fn new<P: Provider<Data = D>>(provider: &P) -> Self {
        let contents = provider.contents();
        let mut check = Check {
            problems: contents.problems,
        };
        let provider_schema = provider.schema();
        check.schema(
            "the provider block",
            &provider_schema,
            Role::Provider,
            P::Config::shape().ty(),
        );
        let full = |name: &str| match name {
            "" => P::NAME.to_owned(),
            name => format!("{}_{name}", P::NAME),
        };
        let mut resources = HashMap::new();
        for (name, object) in contents.resources {
            let (name, schema) = (full(name), object.schema());
            check.schema(
                &format!("resource {name}"),
                &schema,
                Role::Resource,
                object.model_type(),
            );
            resources.insert(
                name,
                ResourceEntry {
                    object,
                    prepared: Prepared::new(schema),
                },
            );
        }
        let mut data_sources = HashMap::new();
        for (name, object) in contents.data_sources {
            let (name, schema) = (full(name), object.schema());
            let subject = format!("data source {name}");
            check.schema(&subject, &schema, Role::DataSource, object.model_type());
            data_sources.insert(
                name,
                DataSourceEntry {
                    object,
                    prepared: Prepared::new(schema),
                },
            );
        }
        let mut functions = HashMap::new();
        for (name, object) in contents.functions {
            let (signature, output) = (object.signature(), object.output_type());
            check.function(name, &signature);
            functions.insert(
                name,
                FunctionEntry {
                    object,
                    signature,
                    output,
                },
            );
        }
        let provider = Prepared::new(provider_schema);
        Self {
            provider,
            resources,
            data_sources,
            functions,
            problems: check.problems,
        }
    }

    pub(super) fn resource(&self, type_name: &str) -> Result<&ResourceEntry<D>> {
        self.usable()?;
        self.resources
            .get(type_name)
            .ok_or_else(|| unknown("resource", type_name))
    }

    pub(super) fn data_source(&self, type_name: &str) -> Result<&DataSourceEntry<D>> {
        self.usable()?;
        self.data_sources
            .get(type_name)
            .ok_or_else(|| unknown("data source", type_name))
    }

    /// An error for every problem of the schemas.
    pub(super) fn usable(&self) -> Result<()> {
        let problem = |problem: &String| {
            Diagnostic::error("The provider has a broken schema", format!("{problem}."))
        };
        self.problems
            .iter()
            .map(problem)
            .collect::<Diagnostics>()
            .into_result()
    }
}

fn unknown(kind: &str, type_name: &str) -> Diagnostics {
    let detail = format!("This provider has no {kind} of the type {type_name:?}.");
    Diagnostic::error(format!("Unknown {kind} type"), detail).into()
}

struct Check {
    problems: Vec<String>,
}

impl Check {
    fn schema(&mut self, subject: &str, schema: &Schema, role: Role, model: Type) {
        let problems = schema.problems(role);
        let sound = problems.is_empty();
        self.problems.extend(
            problems
                .into_iter()
                .map(|problem| format!("{subject}: {problem}")),
        );
        let ty = Type::Object(schema.object_type().into());
        if sound && ty != model {
            self.problems.push(format!(
                "{subject}: the schema is {ty}, but the model is {model}"
            ));
        }
    }

    fn function(&mut self, name: &str, signature: &Signature) {
        let mut seen = Vec::new();
        for parameter in signature.parameters.iter().chain(&signature.variadic) {
            if seen.contains(&&parameter.name) {
                let name = &parameter.name;
                self.problems.push(format!(
                    "function {name}: two parameters are named {name:?}"
                ));
            }
            seen.push(&parameter.name);
        }
        if name.is_empty() {
            self.problems.push("a function has no name".to_owned());
        }
    }
}
