//! Schemas as protocol messages.

use super::{Attribute, AttributeKind, Block, Member, Members, Nesting, Schema};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::schema as message;

impl Schema {
    pub(crate) fn to_proto(&self) -> proto::Schema {
        let block = message::Block {
            version: self.version,
            ..block(&self.members, &self.description, self.deprecated.as_ref())
        };
        proto::Schema {
            version: self.version,
            block: Some(block),
        }
    }
}

impl Schema {
    /// As the schema of an identity. The schema's check allows plain attributes only.
    pub(crate) fn to_identity_proto(&self) -> proto::ResourceIdentitySchema {
        use proto::resource_identity_schema::IdentityAttribute;
        let attributes = self.members.iter().filter_map(|member| match member {
            Member::Attribute(attribute) => Some(IdentityAttribute {
                name: attribute.name.clone(),
                r#type: attribute.ty().to_json_bytes().into(),
                required_for_import: attribute.required,
                optional_for_import: attribute.optional,
                description: attribute.description.clone(),
            }),
            Member::Block(_) => None,
        });
        proto::ResourceIdentitySchema {
            version: self.version,
            identity_attributes: attributes.collect(),
        }
    }
}

fn block(members: &Members, description: &str, deprecated: Option<&String>) -> message::Block {
    let (mut attributes, mut block_types) = (Vec::new(), Vec::new());
    for member in members.iter() {
        match member {
            Member::Attribute(member) => attributes.push(attribute(member)),
            Member::Block(member) => block_types.push(nested_block(member)),
        }
    }
    message::Block {
        version: 0,
        attributes,
        block_types,
        description: description.to_owned(),
        description_kind: proto::StringKind::Markdown.into(),
        deprecated: deprecated.is_some(),
        deprecation_message: deprecated.cloned().unwrap_or_default(),
    }
}

fn attribute(attribute: &Attribute) -> message::Attribute {
    let (ty, nested_type) = match &attribute.kind {
        AttributeKind::Type(ty) => (ty.to_json_bytes(), None),
        AttributeKind::Nested(nesting, members) => (Vec::new(), Some(object(*nesting, members))),
    };
    message::Attribute {
        name: attribute.name.clone(),
        r#type: ty.into(),
        nested_type,
        description: attribute.description.clone(),
        required: attribute.required,
        optional: attribute.optional,
        computed: attribute.computed,
        sensitive: attribute.sensitive,
        description_kind: proto::StringKind::Markdown.into(),
        deprecated: attribute.deprecated.is_some(),
        write_only: attribute.write_only,
        deprecation_message: attribute.deprecated.clone().unwrap_or_default(),
    }
}

fn object(nesting: Nesting, members: &Members) -> message::Object {
    use message::object::NestingMode;
    let attributes = members
        .iter()
        .filter_map(|member| match member {
            Member::Attribute(member) => Some(attribute(member)),
            // The schema check refuses blocks here.
            Member::Block(_) => None,
        })
        .collect();
    let nesting = match nesting {
        Nesting::List => NestingMode::List,
        Nesting::Map => NestingMode::Map,
        Nesting::Set => NestingMode::Set,
        Nesting::Single => NestingMode::Single,
    };
    message::Object {
        attributes,
        nesting: nesting.into(),
        ..Default::default()
    }
}

fn nested_block(nested: &Block) -> message::NestedBlock {
    use message::nested_block::NestingMode;
    let nesting = match nested.nesting {
        Nesting::List => NestingMode::List,
        Nesting::Map => NestingMode::Map,
        Nesting::Set => NestingMode::Set,
        Nesting::Single => NestingMode::Single,
    };
    // A single block has no upper limit to state: the mode says it.
    let max_items = if nested.nesting == Nesting::Single {
        0
    } else {
        nested.max_items
    };
    message::NestedBlock {
        type_name: nested.name.clone(),
        block: Some(block(
            &nested.members,
            &nested.description,
            nested.deprecated.as_ref(),
        )),
        nesting: nesting.into(),
        min_items: nested.min_items,
        max_items,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Type;

    /// Terraform counts blocks itself, by what the schema says.
    #[test]
    fn limits_of_blocks_are_told_to_terraform() {
        use message::nested_block::NestingMode;
        for (block, mode, limits) in [
            (
                Block::new("b", Nesting::List, Members::new()),
                NestingMode::List,
                (0, 0),
            ),
            (
                Block::new("b", Nesting::List, Members::new()).min(1),
                NestingMode::List,
                (1, 0),
            ),
            (
                Block::new("b", Nesting::Set, Members::new()).max(3),
                NestingMode::Set,
                (0, 3),
            ),
            (
                Block::new("b", Nesting::List, Members::new()).min(2).max(2),
                NestingMode::List,
                (2, 2),
            ),
            (
                Block::new("b", Nesting::Map, Members::new()),
                NestingMode::Map,
                (0, 0),
            ),
            (
                Block::new("b", Nesting::Single, Members::new())
                    .min(1)
                    .max(1),
                NestingMode::Single,
                (1, 0),
            ),
        ] {
            let told = nested_block(&block);
            assert_eq!((told.min_items, told.max_items), limits, "{block:?}");
            assert_eq!(told.nesting, i32::from(mode), "{block:?}");
        }
    }

    #[test]
    fn attributes_are_told_whole() {
        let told = attribute(
            &Attribute::new("a", Type::tuple([Type::Bool]))
                .optional()
                .computed()
                .sensitive()
                .deprecated("use b")
                .describe("What it is."),
        );
        let expected = message::Attribute {
            name: "a".to_owned(),
            r#type: br#"["tuple",["bool"]]"#.to_vec().into(),
            nested_type: None,
            description: "What it is.".to_owned(),
            required: false,
            optional: true,
            computed: true,
            sensitive: true,
            description_kind: proto::StringKind::Markdown.into(),
            deprecated: true,
            write_only: false,
            deprecation_message: "use b".to_owned(),
        };
        assert_eq!(told, expected);
    }
}
