//! Schemas and signatures as Markdown, section by section as readers of the registry know them.

use std::fmt::Write;

use crate::proto::tfplugin6::schema::{
    Attribute, Block, NestedBlock, Object, nested_block, object,
};
use crate::proto::tfplugin6::{Function, function, resource_identity_schema};
use crate::value::Type;

const WRITE_ONLY: &str = "[Write-only](https://developer.hashicorp.com/terraform/language/\
                          resources/ephemeral#write-only-arguments)";

const WRITE_ONLY_NOTE: &str = "> **NOTE**: [Write-only arguments](https://developer.hashicorp.com/terraform/language/\
     resources/ephemeral#write-only-arguments) are supported in Terraform 1.11 and later.\n\n";

/// Who sets an attribute; the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Required,
    Optional,
    ReadOnly,
}

const GROUPS: [Group; 3] = [Group::Required, Group::Optional, Group::ReadOnly];

impl Group {
    const fn title(self) -> &'static str {
        match self {
            Self::Required => "Required",
            Self::Optional => "Optional",
            Self::ReadOnly => "Read-Only",
        }
    }

    const fn of(attribute: &Attribute) -> Self {
        match (attribute.required, attribute.optional) {
            (true, _) => Self::Required,
            (false, true) => Self::Optional,
            (false, false) => Self::ReadOnly,
        }
    }

    fn of_block(block: &NestedBlock) -> Self {
        if block.min_items > 0 {
            return Self::Required;
        }
        let members = members(block.block.as_ref());
        if !members.is_empty()
            && members
                .iter()
                .all(|member| member.group() == Self::ReadOnly)
        {
            return Self::ReadOnly;
        }
        Self::Optional
    }
}

/// An attribute, a block, or an attribute of an object that is a plain type.
enum Member<'a> {
    Attribute(&'a Attribute),
    Block(&'a NestedBlock),
    Part(&'a str, Type, Group),
}

impl Member<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Attribute(attribute) => &attribute.name,
            Self::Block(block) => &block.type_name,
            Self::Part(name, ..) => name,
        }
    }

    fn group(&self) -> Group {
        match self {
            Self::Attribute(attribute) => Group::of(attribute),
            Self::Block(block) => Group::of_block(block),
            Self::Part(_, _, group) => *group,
        }
    }

    fn has_write_only(&self) -> bool {
        match self {
            Self::Attribute(attribute) => attribute.write_only,
            Self::Block(block) => members(block.block.as_ref())
                .iter()
                .any(Member::has_write_only),
            Self::Part(..) => false,
        }
    }
}

fn members(block: Option<&Block>) -> Vec<Member<'_>> {
    let Some(block) = block else {
        return Vec::new();
    };
    let attributes = block.attributes.iter().map(Member::Attribute);
    let mut members: Vec<_> = attributes
        .chain(block.block_types.iter().map(Member::Block))
        .collect();
    members.sort_by(|a, b| a.name().cmp(b.name()));
    members
}

fn parts(ty: &Type, group: Group) -> Vec<Member<'_>> {
    match ty {
        Type::Object(object) => {
            let part = |(name, ty): (_, &Type)| Member::Part(name, ty.clone(), group);
            object.iter().map(part).collect()
        }
        Type::List(element) | Type::Map(element) | Type::Set(element) => parts(element, group),
        _ => Vec::new(),
    }
}

/// The section "Schema" of a page.
pub(super) fn schema(block: Option<&Block>) -> String {
    let mut out = String::from("## Schema\n\n");
    write_members(&mut out, &[], &members(block), true);
    out.trim_end().to_owned()
}

/// Members in their groups, and after them what is nested in each.
fn write_members(out: &mut String, path: &[&str], members: &[Member<'_>], is_root: bool) {
    for group in GROUPS {
        let listed: Vec<_> = members
            .iter()
            .filter(|member| member.group() == group)
            .collect();
        if listed.is_empty() {
            continue;
        }
        let title = group.title();
        *out += &if is_root {
            format!("### {title}\n\n")
        } else {
            format!("{title}:\n\n")
        };
        if listed.iter().any(|member| member.has_write_only()) {
            *out += WRITE_ONLY_NOTE;
        }
        for member in listed {
            write_member(out, path, member);
        }
        *out += "\n";
    }
    for group in GROUPS {
        for member in members.iter().filter(|member| member.group() == group) {
            let path = [path, &[member.name()]].concat();
            write_nested(out, &path, member);
        }
    }
}

fn write_member(out: &mut String, path: &[&str], member: &Member<'_>) {
    let name = member.name();
    let (facts, description) = match member {
        Member::Attribute(attribute) => {
            (attribute_facts(attribute), attribute.description.as_str())
        }
        Member::Block(block) => {
            let inner = block.block.as_ref();
            (
                block_facts(block),
                inner.map_or("", |block| block.description.as_str()),
            )
        }
        Member::Part(_, ty, _) => (type_name(ty), ""),
    };
    let _ = write!(out, "- `{name}` ({facts})");
    let description = description.trim();
    if !description.is_empty() {
        let _ = write!(out, " {description}");
    }
    if let Some((kind, _)) = nested_in(member) {
        let anchor = anchor(kind, &[path, &[name]].concat());
        let _ = write!(out, " (see [below for nested schema](#{anchor}))");
    }
    *out += "\n";
}

fn anchor(kind: &str, path: &[&str]) -> String {
    format!("{kind}--{}", path.join("--"))
}

fn write_nested(out: &mut String, path: &[&str], member: &Member<'_>) {
    let Some((kind, inner)) = nested_in(member) else {
        return;
    };
    let (anchor, title) = (anchor(kind, path), path.join("."));
    let _ = write!(
        out,
        "<a id=\"{anchor}\"></a>\n### Nested Schema for `{title}`\n\n"
    );
    write_members(out, path, &inner.members(member.group()), false);
    *out += "\n";
}

/// What has members of its own below a member.
enum Inner<'a> {
    Block(Option<&'a Block>),
    Object(&'a Object),
    Plain(Type),
}

impl Inner<'_> {
    fn members(&self, group: Group) -> Vec<Member<'_>> {
        match self {
            Self::Block(block) => members(*block),
            Self::Object(object) => object.attributes.iter().map(Member::Attribute).collect(),
            Self::Plain(ty) => parts(ty, group),
        }
    }
}

/// The kind of anchor and the inner schema.
fn nested_in<'a>(member: &Member<'a>) -> Option<(&'static str, Inner<'a>)> {
    let holds_object = |ty: &Type| match ty {
        Type::Object(_) => true,
        Type::List(e) | Type::Map(e) | Type::Set(e) => matches!(**e, Type::Object(_)),
        _ => false,
    };
    match member {
        Member::Block(block) => Some(("nestedblock", Inner::Block(block.block.as_ref()))),
        Member::Attribute(attribute) => match &attribute.nested_type {
            Some(object) => Some(("nestedatt", Inner::Object(object))),
            None => {
                let ty = Type::from_json_bytes(&attribute.r#type)
                    .ok()
                    .filter(holds_object)?;
                Some(("nestedatt", Inner::Plain(ty)))
            }
        },
        Member::Part(_, ty, _) => {
            holds_object(ty).then(|| ("nestedobjatt", Inner::Plain(ty.clone())))
        }
    }
}

fn attribute_facts(attribute: &Attribute) -> String {
    let mut facts = match &attribute.nested_type {
        Some(object) => match object.nesting() {
            object::NestingMode::List => "Attributes List".to_owned(),
            object::NestingMode::Map => "Attributes Map".to_owned(),
            object::NestingMode::Set => "Attributes Set".to_owned(),
            object::NestingMode::Single | object::NestingMode::Invalid => "Attributes".to_owned(),
        },
        None => wire_type_name(&attribute.r#type),
    };
    for (holds, fact) in [
        (attribute.sensitive, "Sensitive"),
        (attribute.deprecated, "Deprecated"),
        (attribute.write_only, WRITE_ONLY),
    ] {
        if holds {
            facts += ", ";
            facts += fact;
        }
    }
    facts
}

fn block_facts(block: &NestedBlock) -> String {
    let mut facts = match block.nesting() {
        nested_block::NestingMode::List => "Block List".to_owned(),
        nested_block::NestingMode::Map => "Block Map".to_owned(),
        nested_block::NestingMode::Set => "Block Set".to_owned(),
        _ => match Group::of_block(block) {
            Group::Required => "Block, Required".to_owned(),
            Group::Optional => "Block, Optional".to_owned(),
            Group::ReadOnly => "Block, Read-only".to_owned(),
        },
    };
    let is_single = block.nesting() == nested_block::NestingMode::Single;
    if block.min_items > 0 && !is_single {
        let _ = write!(facts, ", Min: {}", block.min_items);
    }
    if block.max_items > 0 {
        let _ = write!(facts, ", Max: {}", block.max_items);
    }
    if block.block.as_ref().is_some_and(|block| block.deprecated) {
        facts += ", Deprecated";
    }
    facts
}

fn wire_type_name(bytes: &[u8]) -> String {
    Type::from_json_bytes(bytes)
        .as_ref()
        .map_or_else(|_| "Dynamic".to_owned(), type_name)
}

fn type_name(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".to_owned(),
        Type::Dynamic => "Dynamic".to_owned(),
        Type::List(element) => format!("List of {}", type_name(element)),
        Type::Map(element) => format!("Map of {}", type_name(element)),
        Type::Number => "Number".to_owned(),
        Type::Object(_) => "Object".to_owned(),
        Type::Set(element) => format!("Set of {}", type_name(element)),
        Type::String => "String".to_owned(),
        Type::Tuple(_) => "Tuple".to_owned(),
    }
}

/// The identity that `import` blocks can name instead of an id.
pub(super) fn identity(attributes: &[resource_identity_schema::IdentityAttribute]) -> String {
    let mut out = String::from("### Identity Schema\n\n");
    for (title, required) in [("Required", true), ("Optional", false)] {
        let mut listed: Vec<_> = attributes
            .iter()
            .filter(|attribute| attribute.required_for_import == required)
            .collect();
        if listed.is_empty() {
            continue;
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        let _ = write!(out, "#### {title}\n\n");
        for attribute in listed {
            let ty = wire_type_name(&attribute.r#type);
            let line = format!(
                "- `{}` ({ty}) {}",
                attribute.name,
                attribute.description.trim()
            );
            out += line.trim_end();
            out += "\n";
        }
        out += "\n";
    }
    out.trim_end().to_owned()
}

/// `name(parameter type, …) type`, as a code block.
pub(super) fn signature(name: &str, function: &Function) -> String {
    let ty = |bytes: &[u8]| {
        Type::from_json_bytes(bytes)
            .as_ref()
            .map_or_else(|_| "dynamic".to_owned(), friendly_name)
    };
    let mut parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| format!("{} {}", parameter.name, ty(&parameter.r#type)))
        .collect();
    let variadic = function.variadic_parameter.as_ref();
    parameters.extend(variadic.map(|p| format!("{} {}...", p.name, ty(&p.r#type))));
    let output = function
        .r#return
        .as_ref()
        .map_or_else(String::new, |output| ty(&output.r#type));
    format!("```text\n{name}({}) {output}\n```", parameters.join(", "))
}

fn friendly_name(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::Dynamic => "dynamic".to_owned(),
        Type::List(element) => format!("list of {}", friendly_name(element)),
        Type::Map(element) => format!("map of {}", friendly_name(element)),
        Type::Number => "number".to_owned(),
        Type::Object(_) => "object".to_owned(),
        Type::Set(element) => format!("set of {}", friendly_name(element)),
        Type::String => "string".to_owned(),
        Type::Tuple(_) => "tuple".to_owned(),
    }
}

/// The parameters as a numbered list.
pub(super) fn arguments(function: &Function) -> String {
    let line = |parameter: &function::Parameter, variadic: &str| {
        let nullable = if parameter.allow_null_value {
            ", Nullable"
        } else {
            ""
        };
        let ty = wire_type_name(&parameter.r#type);
        let description = parameter.description.trim();
        format!(
            "1. `{}` ({variadic}{ty}{nullable}) {description}",
            parameter.name
        )
    };
    let parameters = function
        .parameters
        .iter()
        .map(|parameter| line(parameter, ""));
    let variadic = function
        .variadic_parameter
        .as_ref()
        .map(|p| line(p, "Variadic, "));
    let lines: Vec<String> = parameters.chain(variadic).collect();
    lines.join("\n")
}
