//! Schemas as the reference announces them: what requests are generated from and answers read by.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use tfplugin_rs::proto::tfplugin6::schema::nested_block::NestingMode as BlockNesting;
use tfplugin_rs::proto::tfplugin6::schema::object::NestingMode as ObjectNesting;
use tfplugin_rs::proto::tfplugin6::schema::{Attribute, Block, NestedBlock};
use tfplugin_rs::proto::tfplugin6::{
    Function, ResourceIdentitySchema, Schema, get_provider_schema, get_resource_identity_schemas,
};
use tfplugin_rs::schema::Nesting;
use tfplugin_rs::value::Type;

/// All that a provider offers, by name.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) provider: Kind,
    pub(crate) resources: BTreeMap<String, Kind>,
    pub(crate) data_sources: BTreeMap<String, Kind>,
    pub(crate) ephemeral: BTreeMap<String, Kind>,
    pub(crate) actions: BTreeMap<String, Kind>,
    pub(crate) lists: BTreeMap<String, Kind>,
    /// Of the resources that have one.
    pub(crate) identities: BTreeMap<String, Kind>,
    /// What modules may say to the provider.
    pub(crate) meta: Kind,
    pub(crate) functions: BTreeMap<String, Signature>,
}

/// A kind of object: its members and its type.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) version: i64,
    pub(crate) members: Vec<Member>,
    pub(crate) ty: Type,
}

/// An attribute or a block.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) role: Role,
}

/// Who sets a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Block,
    Computed,
    Optional,
    OptionalComputed,
    Required,
    WriteOnly,
}

/// A plain type, or objects with members of their own.
#[derive(Debug)]
pub(crate) enum Shape {
    Nested(Nesting, Vec<Member>),
    Plain(Type),
}

/// A function's types.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) variadic: Option<Parameter>,
    pub(crate) output: Type,
}

/// A parameter's type, and what besides known values it takes.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) ty: Type,
    pub(crate) allows_null: bool,
    pub(crate) allows_unknown: bool,
}

impl Role {
    pub(crate) fn is_computed(self) -> bool {
        matches!(self, Self::Computed | Self::OptionalComputed)
    }
}

impl Member {
    pub(crate) fn ty(&self) -> Type {
        match &self.shape {
            Shape::Plain(ty) => ty.clone(),
            Shape::Nested(nesting, members) => {
                let object = object_type(members);
                match nesting {
                    Nesting::List => Type::list(object),
                    Nesting::Map => Type::map(object),
                    Nesting::Set => Type::set(object),
                    Nesting::Single => object,
                }
            }
        }
    }
}

fn object_type(members: &[Member]) -> Type {
    Type::object(members.iter().map(|m| (m.name.as_str(), m.ty())))
}

impl World {
    /// Reads what GetProviderSchema and GetResourceIdentitySchemas answered.
    pub(crate) fn read(
        answer: &get_provider_schema::Response,
        identities: &get_resource_identity_schemas::Response,
    ) -> Result<Self> {
        let kinds = |schemas: &std::collections::HashMap<String, Schema>| {
            let schemas = schemas.iter();
            schemas
                .map(|(name, schema)| Ok((name.clone(), kind(schema).context(name.clone())?)))
                .collect::<Result<BTreeMap<_, _>>>()
        };
        let actions = answer.action_schemas.iter();
        let actions = actions.filter_map(|(name, action)| Some((name, action.schema.as_ref()?)));
        let functions = answer.functions.iter();
        Ok(Self {
            provider: kind(answer.provider.as_ref().context("no provider schema")?)?,
            resources: kinds(&answer.resource_schemas)?,
            data_sources: kinds(&answer.data_source_schemas)?,
            ephemeral: kinds(&answer.ephemeral_resource_schemas)?,
            actions: actions
                .map(|(name, schema)| Ok((name.clone(), kind(schema).context(name.clone())?)))
                .collect::<Result<_>>()?,
            lists: kinds(&answer.list_resource_schemas)?,
            identities: identities
                .identity_schemas
                .iter()
                .map(|(name, schema)| Ok((name.clone(), identity(schema)?)))
                .collect::<Result<_>>()?,
            meta: kind(answer.provider_meta.as_ref().context("no provider_meta")?)?,
            functions: functions
                .map(|(name, function)| Ok((name.clone(), signature(function)?)))
                .collect::<Result<_>>()?,
        })
    }
}

fn kind(schema: &Schema) -> Result<Kind> {
    let members = block(schema.block.as_ref().context("a schema without a block")?)?;
    Ok(Kind {
        version: schema.version,
        ty: object_type(&members),
        members,
    })
}

/// An identity as an object: what an import must say is required.
fn identity(schema: &ResourceIdentitySchema) -> Result<Kind> {
    let members = schema.identity_attributes.iter().map(|attribute| {
        let role = match attribute.required_for_import {
            true => Role::Required,
            false => Role::Optional,
        };
        Ok(Member {
            name: attribute.name.clone(),
            shape: Shape::Plain(Type::from_json_bytes(&attribute.r#type)?),
            role,
        })
    });
    let members = members.collect::<Result<Vec<_>>>()?;
    Ok(Kind {
        version: schema.version,
        ty: object_type(&members),
        members,
    })
}

fn block(block: &Block) -> Result<Vec<Member>> {
    let attributes = block.attributes.iter().map(attribute);
    let blocks = block.block_types.iter().map(nested_block);
    attributes.chain(blocks).collect()
}

fn attribute(attribute: &Attribute) -> Result<Member> {
    let role = match attribute {
        Attribute {
            write_only: true, ..
        } => Role::WriteOnly,
        Attribute { required: true, .. } => Role::Required,
        Attribute {
            optional: true,
            computed: true,
            ..
        } => Role::OptionalComputed,
        Attribute { optional: true, .. } => Role::Optional,
        _ => Role::Computed,
    };
    let shape = match &attribute.nested_type {
        None => Shape::Plain(Type::from_json_bytes(&attribute.r#type)?),
        Some(object) => {
            let nesting = match object.nesting() {
                ObjectNesting::Single => Nesting::Single,
                ObjectNesting::List => Nesting::List,
                ObjectNesting::Set => Nesting::Set,
                ObjectNesting::Map => Nesting::Map,
                ObjectNesting::Invalid => bail!("{}: no nesting", attribute.name),
            };
            let members = object.attributes.iter().map(self::attribute);
            Shape::Nested(nesting, members.collect::<Result<_>>()?)
        }
    };
    Ok(Member {
        name: attribute.name.clone(),
        shape,
        role,
    })
}

fn nested_block(nested: &NestedBlock) -> Result<Member> {
    let nesting = match nested.nesting() {
        BlockNesting::Single | BlockNesting::Group => Nesting::Single,
        BlockNesting::List => Nesting::List,
        BlockNesting::Set => Nesting::Set,
        BlockNesting::Map => Nesting::Map,
        BlockNesting::Invalid => bail!("{}: no nesting", nested.type_name),
    };
    let inner = nested.block.as_ref().context("a block without content")?;
    Ok(Member {
        name: nested.type_name.clone(),
        shape: Shape::Nested(nesting, block(inner)?),
        role: Role::Block,
    })
}

fn signature(function: &Function) -> Result<Signature> {
    let parameter = |parameter: &tfplugin_rs::proto::tfplugin6::function::Parameter| {
        Ok(Parameter {
            ty: Type::from_json_bytes(&parameter.r#type)?,
            allows_null: parameter.allow_null_value,
            allows_unknown: parameter.allow_unknown_values,
        })
    };
    let parameters = function.parameters.iter().map(parameter);
    let output = function.r#return.as_ref().context("no return type")?;
    Ok(Signature {
        parameters: parameters.collect::<Result<_>>()?,
        variadic: function
            .variadic_parameter
            .as_ref()
            .map(parameter)
            .transpose()?,
        output: Type::from_json_bytes(&output.r#type)?,
    })
}
