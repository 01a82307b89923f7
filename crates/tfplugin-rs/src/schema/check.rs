//! Finds schemas that make no sense, before Terraform or a user does.

use super::{Attribute, AttributeKind, Block, Member, Members, Nesting, Schema};
use crate::model::Presence;
use crate::path::AttributePath;
use crate::value::Type;

/// What a schema is for; some things make sense only in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Action,
    DataSource,
    EphemeralResource,
    Identity,
    ListResource,
    Provider,
    ProviderMeta,
    Resource,
}

impl Role {
    /// Names that Terraform keeps to itself at the top of such a block.
    fn reserved(self) -> &'static [&'static str] {
        match self {
            Self::Provider => &["alias", "version"],
            Self::DataSource | Self::EphemeralResource => {
                &["count", "depends_on", "for_each", "lifecycle", "provider"]
            }
            // Their arguments stand in a block of their own.
            Self::Action | Self::Identity | Self::ListResource | Self::ProviderMeta => &[],
            Self::Resource => &[
                "connection",
                "count",
                "depends_on",
                "for_each",
                "lifecycle",
                "provider",
                "provisioner",
            ],
        }
    }
}

impl Role {
    /// True if there is a place where the provider's own values are kept or handed on.
    fn has_results(self) -> bool {
        matches!(
            self,
            Self::DataSource | Self::EphemeralResource | Self::Resource
        )
    }

    /// True if values from ephemeral resources can be given to write-only attributes.
    fn has_write_only(self) -> bool {
        matches!(self, Self::Action | Self::Resource)
    }
}

impl Schema {
    /// What is wrong with the schema, each with the attribute's path. Empty when all is well.
    pub(crate) fn problems(&self, role: Role) -> Vec<String> {
        let mut check = Check {
            role,
            path: AttributePath::root(),
            problems: Vec::new(),
        };
        if self.version < 0 {
            check.problem("the version is negative");
        }
        for reserved in role.reserved() {
            if self.members.get(reserved).is_some() {
                check.problem(format!("the name {reserved:?} belongs to Terraform itself"));
            }
        }
        check.members(&self.members, Surroundings::default());
        check.problems
    }
}

struct Check {
    role: Role,
    path: AttributePath,
    problems: Vec<String>,
}

/// What encloses the members under examination.
#[derive(Debug, Clone, Copy, Default)]
struct Surroundings {
    nested_attribute: bool,
    set: bool,
    write_only: bool,
}

impl Check {
    fn problem(&mut self, problem: impl AsRef<str>) {
        let place = if self.path.is_root() {
            String::new()
        } else {
            format!("{}: ", self.path)
        };
        self.problems.push(place + problem.as_ref());
    }

    fn members(&mut self, members: &Members, around: Surroundings) {
        let mut last = None;
        for member in members.iter() {
            self.path
                .push(crate::path::Step::Attribute(member.name().to_owned()));
            if last == Some(member.name()) {
                self.problem("the name is used twice");
            }
            if !is_identifier(member.name()) {
                self.problem("a name is lower-case letters, digits and underscores");
            }
            last = Some(member.name());
            match member {
                Member::Attribute(attribute) => self.attribute(attribute, around),
                Member::Block(block) => self.block(block, around),
            }
            self.path.pop();
        }
    }

    fn attribute(&mut self, attribute: &Attribute, around: Surroundings) {
        if self.role == Role::Identity {
            self.identity(attribute);
        }
        self.presence(attribute);
        self.default(attribute);
        self.write_only(attribute, around);
        if self.role != Role::Resource && !attribute.modifiers.is_empty() {
            self.problem("only attributes of resources have plans to modify");
        }
        match &attribute.kind {
            AttributeKind::Type(ty) => {
                if collection_of_dynamic(ty) {
                    self.problem(
                        "a collection cannot hold dynamic values; make the whole dynamic instead",
                    );
                }
            }
            AttributeKind::Nested(nesting, members) => {
                self.computable(attribute, members);
                self.members(
                    members,
                    Surroundings {
                        nested_attribute: true,
                        set: around.set || *nesting == Nesting::Set,
                        write_only: around.write_only || attribute.write_only,
                    },
                );
            }
        }
    }

    /// The protocol describes an identity in other terms than a configuration.
    fn identity(&mut self, attribute: &Attribute) {
        let is_plain = |ty: &Type| matches!(ty, Type::Bool | Type::Number | Type::String);
        let fits = match &attribute.kind {
            AttributeKind::Type(Type::List(element)) => is_plain(element),
            AttributeKind::Type(ty) => is_plain(ty),
            AttributeKind::Nested(..) => false,
        };
        if !fits {
            self.problem("an identity is made of bools, numbers, strings and lists of these");
        }
        if attribute.sensitive || attribute.deprecated.is_some() {
            self.problem("an attribute of an identity is neither sensitive nor deprecated");
        }
    }

    /// Terraform takes a prior object for configured if it holds anything that is not computed,
    /// and proposes to remove it when the configuration is silent: a change without end.
    fn computable(&mut self, attribute: &Attribute, members: &Members) {
        if !(attribute.optional && attribute.computed) || attribute.default.is_some() {
            return;
        }
        for member in members.iter() {
            if let Member::Attribute(inner) = member
                && !inner.computed
            {
                self.problem(format!(
                    "{:?} inside must be computed too, or Terraform removes what was computed",
                    inner.name
                ));
            }
        }
    }

    fn presence(&mut self, attribute: &Attribute) {
        match (attribute.required, attribute.optional, attribute.computed) {
            (false, false, false) => self.problem("one of required, optional, computed is needed"),
            (true, true, _) => self.problem("required and optional exclude each other"),
            (true, _, true) => self.problem("required and computed exclude each other"),
            _ => {}
        }
        if attribute.computed && !self.role.has_results() {
            self.problem("there is no state here in which computed values could be kept");
        }
        self.room(attribute);
    }

    /// A null or unknown value would be an error in the middle of an operation.
    fn room(&mut self, attribute: &Attribute) {
        if attribute.required || attribute.default.is_some() {
            return;
        }
        match attribute.room {
            Some(Presence::Required) => self.problem(
                "its Rust type has no place for null; use Option or Attr, or give a default",
            ),
            Some(Presence::Optional) if attribute.computed && self.role == Role::Resource => {
                self.problem("its Rust type has no place for unknown; use Attr");
            }
            _ => {}
        }
    }

    fn default(&mut self, attribute: &Attribute) {
        let Some(default) = &attribute.default else {
            return;
        };
        if !(attribute.optional && attribute.computed) {
            self.problem("a default needs an attribute that is optional and computed");
        }
        let ty = attribute.ty();
        if !default.fits(&ty) {
            self.problem(format!(
                "the default is {}, but the type is {ty}",
                default.kind()
            ));
        }
        if !default.is_wholly_known() {
            self.problem("the default must be known");
        }
    }

    fn write_only(&mut self, attribute: &Attribute, around: Surroundings) {
        if around.write_only && !attribute.write_only {
            self.problem("everything inside a write-only attribute must be write-only");
        }
        if !attribute.write_only {
            return;
        }
        if !self.role.has_write_only() {
            self.problem("only resources and actions have write-only attributes");
        }
        if attribute.computed {
            self.problem("write-only and computed exclude each other");
        }
        if around.set {
            self.problem("a set cannot hold write-only attributes");
        }
        if attribute.required && !around.write_only && self.role == Role::Resource {
            // Terraform writes null there when it generates configuration for an import.
            self.problem("write-only attributes must be optional, or imports cannot be generated");
        }
    }

    fn block(&mut self, block: &Block, around: Surroundings) {
        if self.role == Role::Identity {
            self.problem("an identity has no blocks");
        }
        if around.nested_attribute {
            self.problem("a nested attribute cannot hold blocks");
        }
        if block.members.iter().next().is_none() {
            self.problem("a block needs members; its Rust type must be made of models");
        }
        if block.min_items < 0 || block.max_items < 0 {
            self.problem("item limits cannot be negative");
        }
        if block.max_items > 0 && block.min_items > block.max_items {
            self.problem("the least number of items exceeds the greatest");
        }
        if block.nesting == Nesting::Single && (block.min_items > 1 || block.max_items > 1) {
            self.problem("a single block cannot be asked for more than once");
        }
        if block.nesting == Nesting::Map && (block.min_items, block.max_items) != (0, 0) {
            self.problem("the protocol has no item limits for map blocks");
        }
        let set = around.set || block.nesting == Nesting::Set;
        self.members(&block.members, Surroundings { set, ..around });
    }
}

pub(crate) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// True if a list, set or map somewhere inside has dynamic elements: Terraform could not make them
/// agree on one type.
fn collection_of_dynamic(ty: &Type) -> bool {
    match ty {
        Type::List(element) | Type::Map(element) | Type::Set(element) => element.has_dynamic(),
        Type::Object(object) => object.types().iter().any(collection_of_dynamic),
        Type::Tuple(elements) => elements.iter().any(collection_of_dynamic),
        Type::Bool | Type::Dynamic | Type::Number | Type::String => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn text(name: &str) -> Attribute {
        Attribute::new(name, Type::String)
    }

    fn problems(member: impl Into<Member>) -> Vec<String> {
        Schema::new().with(member).problems(Role::Resource)
    }

    fn nested(nesting: Nesting, inner: Attribute) -> Attribute {
        Attribute::nested("n", nesting, Members::new().with(inner)).optional()
    }

    #[test]
    fn each_mistake_is_named_with_its_path() {
        let inner = || Members::new().with(text("x").required());
        for (member, problem) in [
            (
                text("a").into(),
                "a: one of required, optional, computed is needed",
            ),
            (
                text("a").required().computed().into(),
                "a: required and computed exclude each other",
            ),
            (
                text("a").required().optional().into(),
                "a: required and optional exclude each other",
            ),
            (
                text("A").required().into(),
                "A: a name is lower-case letters, digits and underscores",
            ),
            (
                text("count").required().into(),
                "the name \"count\" belongs to Terraform itself",
            ),
            (
                text("a").optional().default("x").into(),
                "a: a default needs an attribute that is optional and computed",
            ),
            (
                text("a").optional().computed().default(1).into(),
                "a: the default is a number, but the type is string",
            ),
            (
                text("a").optional().computed().write_only().into(),
                "a: write-only and computed exclude each other",
            ),
            (
                text("a").required().write_only().into(),
                "a: write-only attributes must be optional, or imports cannot be generated",
            ),
            (
                nested(Nesting::Set, text("s").optional().write_only()).into(),
                "n.s: a set cannot hold write-only attributes",
            ),
            (
                nested(Nesting::List, text("s").optional())
                    .write_only()
                    .into(),
                "n.s: everything inside a write-only attribute must be write-only",
            ),
            (
                nested(Nesting::List, text("s")).into(),
                "n.s: one of required, optional, computed is needed",
            ),
            (
                Attribute::new("d", Type::list(Type::Dynamic))
                    .optional()
                    .into(),
                "d: a collection cannot hold dynamic values; make the whole dynamic instead",
            ),
            (
                Block::new("b", Nesting::List, inner()).min(3).max(2).into(),
                "b: the least number of items exceeds the greatest",
            ),
            (
                Block::new("b", Nesting::Single, inner()).max(2).into(),
                "b: a single block cannot be asked for more than once",
            ),
            (
                Block::of::<Vec<String>>("b").into(),
                "b: a block needs members; its Rust type must be made of models",
            ),
            (
                Attribute::nested(
                    "n",
                    Nesting::List,
                    Members::new().with(Block::new("b", Nesting::List, inner())),
                )
                .optional()
                .into(),
                "n.b: a nested attribute cannot hold blocks",
            ),
        ] as [(Member, &str); 17]
        {
            assert_eq!(problems(member), [problem]);
        }
    }

    #[test]
    fn good_schemas_pass() {
        for member in [
            text("a").required().into(),
            text("a")
                .optional()
                .computed()
                .default("x")
                .replace()
                .into(),
            nested(Nesting::List, text("s").optional().write_only()).into(),
            Block::new("b", Nesting::Set, Members::new().with(text("x").required()))
                .max(2)
                .into(),
            Attribute::new("d", Type::Dynamic).optional().into(),
        ] as [Member; 5]
        {
            assert_eq!(problems(member), [] as [&str; 0]);
        }
    }

    #[test]
    fn rust_types_need_room_for_what_may_come() {
        let null = "a: its Rust type has no place for null; use Option or Attr, or give a default";
        let unknown = "a: its Rust type has no place for unknown; use Attr";
        let text = || Attribute::typed::<String>("a");
        let option = || Attribute::typed::<Option<String>>("a");
        let attr = || Attribute::typed::<crate::Attr<String>>("a");
        for (attribute, problem) in [
            (text().required(), None),
            (text().optional(), Some(null)),
            (text().computed(), Some(null)),
            (text().optional().computed().default("d"), None),
            (option().optional(), None),
            (option().optional().computed(), Some(unknown)),
            (option().optional().computed().default("d"), None),
            (attr().optional().computed(), None),
        ] {
            assert_eq!(problems(attribute), problem.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn inside_a_computed_object_everything_is_computed() {
        let inner = Attribute::typed::<String>("x").required();
        let outer = Attribute::nested("n", Nesting::List, Members::new().with(inner)).computed();
        let schema = Schema::new().with(outer);
        assert_eq!(schema.problems(Role::Resource), [] as [&str; 0]);
        let Some(Member::Attribute(outer)) = schema.members.get("n") else {
            panic!("no n")
        };
        let AttributeKind::Nested(_, members) = &outer.kind else {
            panic!("not nested")
        };
        let Some(Member::Attribute(inner)) = members.get("x") else {
            panic!("no x")
        };
        assert_eq!(
            (inner.required, inner.optional, inner.computed),
            (false, false, true)
        );
    }

    #[test]
    fn what_may_be_computed_as_a_whole_must_be_so_in_its_parts() {
        let nested = |inner: Attribute| {
            Attribute::nested("n", Nesting::List, Members::new().with(inner))
                .optional()
                .computed()
        };
        assert_eq!(
            problems(nested(text("x").required())),
            ["n: \"x\" inside must be computed too, or Terraform removes what was computed"]
        );
        assert_eq!(
            problems(nested(text("x").optional().computed())),
            [] as [&str; 0]
        );
        let empty = Value::list::<Value>([]);
        assert_eq!(
            problems(nested(text("x").required()).default(empty)),
            [] as [&str; 0]
        );
    }

    #[test]
    fn two_members_of_one_name_are_found() {
        let schema = Schema::new()
            .with(text("a").required())
            .with(text("a").optional());
        assert_eq!(
            schema.problems(Role::Resource),
            ["a: the name is used twice"]
        );
    }

    #[test]
    fn roles_have_their_own_rules() {
        let check = |attribute: Attribute, role| Schema::new().with(attribute).problems(role);
        assert_eq!(
            check(text("a").computed(), Role::Provider),
            ["a: there is no state here in which computed values could be kept"]
        );
        assert_eq!(
            check(text("a").required().replace(), Role::DataSource),
            ["a: only attributes of resources have plans to modify"]
        );
        assert_eq!(
            check(text("a").optional().write_only(), Role::DataSource),
            ["a: only resources and actions have write-only attributes"]
        );
        assert_eq!(
            check(text("a").required().write_only(), Role::Action),
            [] as [&str; 0]
        );
        for role in [Role::Action, Role::ListResource, Role::ProviderMeta] {
            assert_eq!(check(text("count").required(), role), [] as [&str; 0]);
            assert_eq!(check(text("a").optional().computed(), role).len(), 1);
        }
        assert_eq!(
            check(text("count").required(), Role::EphemeralResource),
            ["the name \"count\" belongs to Terraform itself"]
        );
        assert_eq!(
            check(text("count").required(), Role::Provider),
            [] as [&str; 0]
        );
    }

    #[test]
    fn identities_are_plain() {
        let check = |member: Member| Schema::new().with(member).problems(Role::Identity);
        let list = |element| Attribute::new("a", Type::list(element)).optional();
        assert_eq!(check(text("a").required().into()), [] as [&str; 0]);
        assert_eq!(check(list(Type::Number).into()), [] as [&str; 0]);
        let plain = "a: an identity is made of bools, numbers, strings and lists of these";
        for member in [
            list(Type::list(Type::String)).into(),
            Attribute::new("a", Type::map(Type::String))
                .required()
                .into(),
            nested(Nesting::Single, text("b").optional()).into(),
        ] as [Member; 3]
        {
            let found = check(member);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].ends_with(&plain[3..]), "{found:?}");
        }
        let sensitive = "a: an attribute of an identity is neither sensitive nor deprecated";
        assert_eq!(check(text("a").required().sensitive().into()), [sensitive]);
        let block = Block::new(
            "b",
            Nesting::List,
            Members::new().with(text("x").required()),
        );
        assert_eq!(check(block.into()), ["b: an identity has no blocks"]);
    }
}
