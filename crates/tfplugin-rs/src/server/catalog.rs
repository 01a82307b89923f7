//! What the provider offers, by full type name, with schemas and types built once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::prepared::Prepared;
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::erased::{
    ActionObject, Configurable, DataSourceObject, EphemeralResourceObject, FunctionObject,
    IdentityObject, ListResourceObject, ResourceObject,
};
use crate::function::Signature;
use crate::model::Field;
use crate::provider::{Contents, Provider};
use crate::schema::{Role, Schema, is_identifier};
use crate::value::Type;

/// Something with a configuration block, and the block's schema.
pub(super) struct Entry<O: ?Sized> {
    pub(super) object: Arc<O>,
    pub(super) prepared: Arc<Prepared>,
}

impl<O: ?Sized> Clone for Entry<O> {
    fn clone(&self) -> Self {
        Self {
            object: Arc::clone(&self.object),
            prepared: Arc::clone(&self.prepared),
        }
    }
}

pub(super) type ResourceEntry<D> = Entry<dyn ResourceObject<D>>;
pub(super) type IdentityEntry<D> = Entry<dyn IdentityObject<D>>;

pub(super) struct FunctionEntry {
    pub(super) object: Arc<dyn FunctionObject>,
    pub(super) signature: Signature,
    pub(super) output: Type,
}

/// All of one kind, by full type name.
pub(super) type Entries<O> = HashMap<String, Entry<O>>;

pub(super) struct Catalog<D> {
    pub(super) provider: Prepared,
    pub(super) meta: Option<Prepared>,
    pub(super) resources: Entries<dyn ResourceObject<D>>,
    pub(super) identities: Entries<dyn IdentityObject<D>>,
    pub(super) data_sources: Entries<dyn DataSourceObject<D>>,
    pub(super) ephemeral_resources: Entries<dyn EphemeralResourceObject<D>>,
    pub(super) list_resources: Entries<dyn ListResourceObject<D>>,
    pub(super) actions: Entries<dyn ActionObject<D>>,
    pub(super) functions: HashMap<&'static str, FunctionEntry>,
    pub(super) problems: Vec<String>,
}

impl<D: Send + Sync + 'static> Catalog<D> {
    pub(super) fn new<P: Provider<Data = D>>(provider: &P) -> Self {
        let Contents {
            resources,
            identities,
            data_sources,
            ephemeral_resources,
            list_resources,
            actions,
            functions,
            meta,
            problems,
        } = provider.contents();
        let mut collect = Collect {
            provider: P::NAME,
            problems,
        };
        collect.lists(&list_resources, &identities);
        Self {
            provider: collect.provider_block(provider),
            meta: meta.map(|schema| collect.meta(schema)),
            resources: collect.all(resources, "resource", Role::Resource),
            identities: collect.identities(identities),
            data_sources: collect.all(data_sources, "data source", Role::DataSource),
            ephemeral_resources: collect.all(
                ephemeral_resources,
                "ephemeral resource",
                Role::EphemeralResource,
            ),
            list_resources: collect.all(list_resources, "list resource", Role::ListResource),
            actions: collect.all(actions, "action", Role::Action),
            functions: collect.functions(functions),
            problems: collect.problems,
        }
    }

    pub(super) fn resource(&self, type_name: &str) -> Result<&ResourceEntry<D>> {
        self.find(&self.resources, "resource", type_name)
    }

    /// The identity of a resource that has one.
    pub(super) fn identity(&self, type_name: &str) -> Option<&IdentityEntry<D>> {
        self.identities.get(type_name)
    }

    pub(super) fn data_source(&self, name: &str) -> Result<&Entry<dyn DataSourceObject<D>>> {
        self.find(&self.data_sources, "data source", name)
    }

    pub(super) fn ephemeral_resource(
        &self,
        name: &str,
    ) -> Result<&Entry<dyn EphemeralResourceObject<D>>> {
        self.find(&self.ephemeral_resources, "ephemeral resource", name)
    }

    pub(super) fn list_resource(&self, name: &str) -> Result<&Entry<dyn ListResourceObject<D>>> {
        self.find(&self.list_resources, "list resource", name)
    }

    pub(super) fn action(&self, name: &str) -> Result<&Entry<dyn ActionObject<D>>> {
        self.find(&self.actions, "action", name)
    }

    fn find<'c, O: ?Sized>(
        &self,
        entries: &'c Entries<O>,
        kind: &str,
        name: &str,
    ) -> Result<&'c Entry<O>> {
        self.usable()?;
        entries.get(name).ok_or_else(|| {
            let detail = format!("This provider has no {kind} of the type {name:?}.");
            Diagnostic::error(format!("Unknown {kind} type"), detail).into()
        })
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

/// Makes entries of what is offered and notes what is wrong with it.
struct Collect {
    provider: &'static str,
    problems: Vec<String>,
}

impl Collect {
    fn full_name(&self, name: &str) -> String {
        match name {
            "" => self.provider.to_owned(),
            name => format!("{}_{name}", self.provider),
        }
    }

    fn provider_block<P: Provider>(&mut self, provider: &P) -> Prepared {
        let schema = provider.schema();
        let model = P::Config::shape().ty();
        self.schema("the provider block", &schema, Role::Provider, &model);
        Prepared::new(schema)
    }

    fn meta(&mut self, schema: Schema) -> Prepared {
        let model = Type::Object(schema.object_type().into());
        self.schema(
            "the provider_meta block",
            &schema,
            Role::ProviderMeta,
            &model,
        );
        Prepared::new(schema)
    }

    fn all<O: Configurable + ?Sized>(
        &mut self,
        offered: BTreeMap<&'static str, Arc<O>>,
        kind: &str,
        role: Role,
    ) -> Entries<O> {
        let entry = |(name, object): (&str, Arc<O>)| {
            let (name, schema) = (self.full_name(name), object.schema());
            self.schema(
                &format!("{kind} {name}"),
                &schema,
                role,
                &object.model_type(),
            );
            let prepared = Arc::new(Prepared::new(schema));
            (name, Entry { object, prepared })
        };
        offered.into_iter().map(entry).collect()
    }

    fn identities<D>(
        &mut self,
        offered: BTreeMap<&'static str, Arc<dyn IdentityObject<D>>>,
    ) -> Entries<dyn IdentityObject<D>> {
        let entry = |(name, object): (&str, Arc<dyn IdentityObject<D>>)| {
            let (name, schema) = (self.full_name(name), object.schema());
            let subject = format!("identity of {name}");
            self.schema(&subject, &schema, Role::Identity, &object.model_type());
            let prepared = Arc::new(Prepared::new(schema));
            (name, Entry { object, prepared })
        };
        offered.into_iter().map(entry).collect()
    }

    fn functions(
        &mut self,
        offered: BTreeMap<&'static str, Arc<dyn FunctionObject>>,
    ) -> HashMap<&'static str, FunctionEntry> {
        let entry = |(name, object): (&'static str, Arc<dyn FunctionObject>)| {
            let (signature, output) = (object.signature(), object.output_type());
            self.function(name, &signature);
            let entry = FunctionEntry {
                object,
                signature,
                output,
            };
            (name, entry)
        };
        offered.into_iter().map(entry).collect()
    }

    fn schema(&mut self, subject: &str, schema: &Schema, role: Role, model: &Type) {
        let problems = schema.problems(role);
        let sound = problems.is_empty();
        let problems = problems.into_iter();
        self.problems
            .extend(problems.map(|problem| format!("{subject}: {problem}")));
        let ty = Type::Object(schema.object_type().into());
        if sound && ty != *model {
            self.problems.push(format!(
                "{subject}: the schema is {ty}, but the model is {model}"
            ));
        }
    }

    /// What is listed must be offered as a resource with an identity.
    fn lists<L: ?Sized, I: ?Sized>(
        &mut self,
        lists: &BTreeMap<&'static str, Arc<L>>,
        identities: &BTreeMap<&'static str, Arc<I>>,
    ) {
        for name in lists.keys().filter(|name| !identities.contains_key(*name)) {
            self.problems.push(format!(
                "list resource {}: the provider offers no identified_resource of this name",
                self.full_name(name)
            ));
        }
    }

    fn function(&mut self, function: &str, signature: &Signature) {
        if !is_identifier(function) {
            self.problems.push(format!(
                "function {function:?}: a name is lower-case letters, digits and underscores"
            ));
        }
        let mut seen = Vec::new();
        for parameter in signature.parameters.iter().chain(&signature.variadic) {
            let name = &parameter.name;
            if seen.contains(&name) {
                self.problems.push(format!(
                    "function {function}: two parameters are named {name:?}"
                ));
            }
            if !is_identifier(name) {
                self.problems.push(format!(
                    "function {function}: {name:?}: a name is lower-case letters, digits and \
                     underscores"
                ));
            }
            seen.push(name);
        }
    }
}
