//! Finds schemas that make no sense, before Terraform or a user does.

use super::{Attribute, AttributeKind, Block, Member, Members, Nesting, Schema};
use crate::model::Presence;
use crate::modify::PlanModifier;
use crate::path::{AttributePath, PathExpression, Pattern, Step, leads_somewhere};
use crate::timeouts::{Defaults, Operation};
use crate::types::Period;
use crate::validate::Validator;
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

    /// What can take long enough for a timeout.
    fn operations(self) -> &'static [Operation] {
        match self {
            Self::Action => &[Operation::Invoke],
            Self::DataSource => &[Operation::Read],
            Self::EphemeralResource => &[Operation::Open],
            Self::Identity | Self::Provider | Self::ProviderMeta => &[],
            Self::ListResource => &[Operation::List],
            Self::Resource => &[
                Operation::Create,
                Operation::Read,
                Operation::Update,
                Operation::Delete,
            ],
        }
    }
}

impl Schema {
    /// What is wrong with the schema, each with the attribute's path. Empty when all is well.
    pub(crate) fn problems(&self, role: Role) -> Vec<String> {
        let mut check = Check {
            role,
            root: Type::Object(self.object_type().into()),
            path: AttributePath::root(),
            place: Vec::new(),
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
    /// The type of the whole.
    root: Type,
    /// The names that lead to the member under examination.
    path: AttributePath,
    /// The same with steps for the elements of collections.
    place: Vec<Pattern>,
    problems: Vec<String>,
}

/// What encloses the members under examination.
#[derive(Debug, Clone, Copy, Default)]
struct Surroundings {
    collection: bool,
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
        for rule in members.rules() {
            self.mentions(&rule.mentions, self.place.len());
        }
        let mut last = None;
        for member in members.iter() {
            let step = Step::Attribute(member.name().to_owned());
            self.place.push(Pattern::Exact(step.clone()));
            self.path.push(step);
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
            self.place.pop();
        }
    }

    fn attribute(&mut self, attribute: &Attribute, around: Surroundings) {
        if self.role == Role::Identity {
            self.identity(attribute);
        }
        self.presence(attribute);
        self.default(attribute);
        self.write_only(attribute, around);
        self.modifiers(&attribute.modifiers);
        self.timeouts(attribute.timeouts.as_ref());
        self.validators(&attribute.validators, &attribute.ty());
        match &attribute.kind {
            AttributeKind::Type(ty) => {
                if collection_of_dynamic(ty) || (around.collection && ty.has_dynamic()) {
                    self.problem(
                        "a collection cannot hold dynamic values; make the whole dynamic instead",
                    );
                }
            }
            AttributeKind::Nested(nesting, members) => {
                self.computable(attribute, members);
                let around = Surroundings {
                    nested_attribute: true,
                    write_only: around.write_only || attribute.write_only,
                    ..around
                };
                self.inside(*nesting, members, around);
            }
        }
    }

    /// The members of an object that is arranged as `nesting` says.
    fn inside(&mut self, nesting: Nesting, members: &Members, around: Surroundings) {
        let element = match nesting {
            Nesting::List => Some(Pattern::AnyIndex),
            Nesting::Map => Some(Pattern::AnyKey),
            Nesting::Set => Some(Pattern::AnyElement),
            Nesting::Single => None,
        };
        let depth = self.place.len();
        self.place.extend(element);
        let around = Surroundings {
            collection: around.collection || nesting != Nesting::Single,
            set: around.set || nesting == Nesting::Set,
            ..around
        };
        self.members(members, around);
        self.place.truncate(depth);
    }

    fn modifiers(&mut self, modifiers: &[PlanModifier]) {
        if self.role != Role::Resource && !modifiers.is_empty() {
            self.problem("only attributes of resources have plans to modify");
        }
    }

    fn timeouts(&mut self, defaults: Option<&Defaults>) {
        for (operation, default) in defaults.into_iter().flatten() {
            if !self.role.operations().contains(operation) {
                self.problem(format!("{operation} is nothing that happens here"));
            }
            if default.parse::<Period>().is_err() {
                let problem = format!("the default of {operation} is {default:?}");
                self.problem(problem + ", which is no duration");
            }
        }
    }

    fn validators(&mut self, validators: &[Validator], ty: &Type) {
        for validator in validators {
            if let Some(misfit) = validator.subject.misfit(ty) {
                self.problem(misfit);
            }
            self.mentions(&validator.mentions, self.place.len().saturating_sub(1));
        }
    }

    /// Expressions used here, below an object that is `object` steps deep, must lead somewhere.
    fn mentions(&mut self, mentions: &[PathExpression], object: usize) {
        for mention in mentions {
            let steps = mention.resolve(&self.place, object);
            if !steps.is_some_and(|steps| leads_somewhere(&self.root, &steps)) {
                self.problem(format!("nothing in the schema matches {mention}"));
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
        self.modifiers(&block.modifiers);
        self.timeouts(block.timeouts.as_ref());
        self.validators(
            &block.validators,
            &block.nesting.ty(block.members.object_type()),
        );
        self.inside(block.nesting, &block.members, around);
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
#[path = "check_tests.rs"]
mod tests;
