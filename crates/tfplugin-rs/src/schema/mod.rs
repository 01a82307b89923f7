//! Schemas: what a configuration may say, and what the framework does with it.
//!
//! `#[derive(Model)]` builds a schema from a struct; the builders here are what it calls, and serve
//! by themselves for what a struct cannot say. [`Schema::problems`] finds combinations that make
//! no sense; the server refuses to offer such a schema.

mod check;
#[cfg(test)]
mod message_tests;
mod wire;

pub(crate) use self::check::{Role, is_identifier};
use crate::meaning::Meaning;
use crate::model::{Field, Presence, ShapeKind};
use crate::modify::{self, AttributeChange, PlanModifier};
use crate::rule::Rule;
use crate::timeouts;
use crate::validate::Validator;
use crate::value::{ObjectType, Type, Value};

/// The schema of a resource, a data source, or a provider's configuration.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    pub(crate) version: i64,
    pub(crate) description: String,
    pub(crate) deprecated: Option<String>,
    pub(crate) members: Members,
}

impl Schema {
    /// An empty schema of version 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// From attributes and blocks.
    pub fn of(members: Members) -> Self {
        Self {
            members,
            ..Self::default()
        }
    }

    /// The version; raise it when a state of the old shape must be upgraded.
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    /// What it is, in Markdown.
    #[must_use]
    pub fn describe(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Why it should no longer be used, and what to use instead.
    #[must_use]
    pub fn deprecated(mut self, message: impl Into<String>) -> Self {
        self.deprecated = Some(message.into());
        self
    }

    /// Adds an attribute or a block.
    #[must_use]
    pub fn with(mut self, member: impl Into<Member>) -> Self {
        self.members = self.members.with(member);
        self
    }

    /// Adds a rule that every configuration must follow.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.members = self.members.rule(rule);
        self
    }

    /// Attributes and blocks.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// The type of a value of this schema.
    pub fn object_type(&self) -> ObjectType {
        self.members.object_type()
    }
}

/// Attributes and blocks, sorted by name like the values of an object, and the rules over them.
#[derive(Debug, Clone, Default)]
pub struct Members {
    list: Vec<Member>,
    rules: Vec<Rule>,
    facts: Facts,
}

/// What there is at any depth, gathered once so that whole passes over values can be left out.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
struct Facts {
    defaults: bool,
    meanings: bool,
    secrets: bool,
    sets: bool,
    write_only: bool,
}

impl Facts {
    const NONE: Self = Self {
        defaults: false,
        meanings: false,
        secrets: false,
        sets: false,
        write_only: false,
    };

    const fn or(self, other: Self) -> Self {
        Self {
            defaults: self.defaults || other.defaults,
            meanings: self.meanings || other.meanings,
            secrets: self.secrets || other.secrets,
            sets: self.sets || other.sets,
            write_only: self.write_only || other.write_only,
        }
    }

    fn of(member: &Member) -> Self {
        let attribute = match member {
            Member::Attribute(attribute) => attribute,
            Member::Block(block) => return Self::nested(block.nesting, &block.members),
        };
        let inside = match &attribute.kind {
            AttributeKind::Nested(nesting, members) => Self::nested(*nesting, members),
            AttributeKind::Type(_) => Self::NONE,
        };
        inside.or(Self {
            defaults: attribute.default.is_some(),
            meanings: !attribute.meaning.is_empty() || attribute.is_dynamic(),
            secrets: attribute.sensitive || attribute.write_only,
            sets: false,
            write_only: attribute.write_only,
        })
    }

    fn nested(nesting: Nesting, members: &Members) -> Self {
        Self {
            sets: members.facts.sets || nesting == Nesting::Set,
            ..members.facts
        }
    }
}

impl Members {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            list: Vec::new(),
            rules: Vec::new(),
            facts: Facts::NONE,
        }
    }

    /// Adds a rule that every object with these members must follow.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Adds an attribute or a block.
    #[must_use]
    pub fn with(mut self, member: impl Into<Member>) -> Self {
        let mut member = member.into();
        if let Member::Attribute(attribute) = &mut member
            && attribute.computed
            && !attribute.optional
        {
            attribute.compute_all_inside();
        }
        self.facts = self.facts.or(Facts::of(&member));
        let at = self
            .list
            .partition_point(|present| present.name() <= member.name());
        self.list.insert(at, member);
        self
    }

    /// In order of name.
    pub fn iter(&self) -> std::slice::Iter<'_, Member> {
        self.list.iter()
    }

    /// True if there are blocks.
    pub(crate) fn has_blocks(&self) -> bool {
        self.list
            .iter()
            .any(|member| matches!(member, Member::Block(_)))
    }

    /// True if there are write-only attributes, at any depth.
    pub(crate) const fn has_write_only(&self) -> bool {
        self.facts.write_only
    }

    /// True if there are attributes with defaults, at any depth.
    pub(crate) const fn has_defaults(&self) -> bool {
        self.facts.defaults
    }

    /// True if there are attributes whose values mean more than their spelling, at any depth.
    pub(crate) const fn has_meanings(&self) -> bool {
        self.facts.meanings
    }

    /// True if there are attributes whose values must not be logged, at any depth.
    pub(crate) const fn has_secrets(&self) -> bool {
        self.facts.secrets
    }

    /// True if there are sets of objects with attributes of their own, at any depth.
    pub(crate) const fn has_sets(&self) -> bool {
        self.facts.sets
    }

    /// The attribute or block of this name.
    pub fn get(&self, name: &str) -> Option<&Member> {
        self.list
            .binary_search_by(|member| member.name().cmp(name))
            .ok()
            .map(|at| &self.list[at])
    }

    /// The type of an object with these members.
    pub fn object_type(&self) -> ObjectType {
        ObjectType::new(self.list.iter().map(|member| (member.name(), member.ty())))
    }
}

/// An attribute or a block.
#[derive(Debug, Clone)]
pub enum Member {
    /// Set with `name = value`.
    Attribute(Attribute),
    /// Set with `name { … }`.
    Block(Block),
}

impl Member {
    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Attribute(attribute) => &attribute.name,
            Self::Block(block) => &block.name,
        }
    }

    /// The type of its value.
    pub fn ty(&self) -> Type {
        match self {
            Self::Attribute(attribute) => attribute.ty(),
            Self::Block(block) => block.nesting.ty(block.members.object_type()),
        }
    }
}

impl From<Attribute> for Member {
    fn from(attribute: Attribute) -> Self {
        Self::Attribute(attribute)
    }
}

impl From<Block> for Member {
    fn from(block: Block) -> Self {
        Self::Block(block)
    }
}

/// How objects with a schema of their own are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// In order.
    List,
    /// By key.
    Map,
    /// Distinct, in no order.
    Set,
    /// One at most.
    Single,
}

impl Nesting {
    /// The type of the whole, given the type of one object.
    pub fn ty(self, object: ObjectType) -> Type {
        let object = Type::Object(object.into());
        match self {
            Self::List => Type::list(object),
            Self::Map => Type::map(object),
            Self::Set => Type::set(object),
            Self::Single => object,
        }
    }
}

/// One attribute.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "the protocol's own flags")]
pub struct Attribute {
    pub(crate) name: String,
    pub(crate) kind: AttributeKind,
    pub(crate) description: String,
    pub(crate) deprecated: Option<String>,
    pub(crate) required: bool,
    pub(crate) optional: bool,
    pub(crate) computed: bool,
    pub(crate) sensitive: bool,
    pub(crate) write_only: bool,
    pub(crate) default: Option<Value>,
    /// What the Rust type that holds the value has room for, if there is one.
    pub(crate) room: Option<Presence>,
    pub(crate) validators: Vec<Validator>,
    pub(crate) modifiers: Vec<PlanModifier>,
    /// Which values mean the same.
    pub(crate) meaning: Meaning,
    /// What can be limited, if these are timeouts.
    pub(crate) timeouts: Option<timeouts::Defaults>,
}

/// A plain type, or objects with attributes of their own.
#[derive(Debug, Clone)]
pub(crate) enum AttributeKind {
    Type(Type),
    Nested(Nesting, Members),
}

impl Attribute {
    /// An attribute of a plain type.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self::from_kind(name.into(), AttributeKind::Type(ty))
    }

    /// An attribute of objects with attributes of their own.
    pub fn nested(name: impl Into<String>, nesting: Nesting, members: Members) -> Self {
        Self::from_kind(name.into(), AttributeKind::Nested(nesting, members))
    }

    /// An attribute held in a Rust type, which tells its type, bounds and nested attributes, but
    /// not yet who sets it.
    pub fn typed<T: Field>(name: impl Into<String>) -> Self {
        let shape = T::shape();
        let kind = match shape.kind {
            ShapeKind::Type(ty) => AttributeKind::Type(ty),
            ShapeKind::Nested(nesting, members) => AttributeKind::Nested(nesting, members),
        };
        Self {
            room: Some(T::PRESENCE),
            validators: shape.validators,
            meaning: shape.meaning,
            ..Self::from_kind(name.into(), kind)
        }
    }

    /// Like [`Attribute::typed`], set as the Rust type suggests: `Option` is optional, `Attr` is
    /// computed, everything else is required.
    pub fn of<T: Field>(name: impl Into<String>) -> Self {
        let attribute = Self::typed::<T>(name);
        match T::PRESENCE {
            Presence::Computed => attribute.computed(),
            Presence::Optional => attribute.optional(),
            Presence::Required => attribute.required(),
        }
    }

    fn from_kind(name: String, kind: AttributeKind) -> Self {
        Self {
            name,
            kind,
            description: String::new(),
            deprecated: None,
            required: false,
            optional: false,
            computed: false,
            sensitive: false,
            write_only: false,
            default: None,
            room: None,
            validators: Vec::new(),
            modifiers: Vec::new(),
            meaning: Meaning::default(),
            timeouts: None,
        }
    }

    /// True if each configuration decides about the type.
    pub(crate) const fn is_dynamic(&self) -> bool {
        matches!(self.kind, AttributeKind::Type(Type::Dynamic))
    }

    /// The configuration must set it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The configuration may set it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The provider sets it where the configuration does not.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// Its value is hidden in output.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Its value goes to the provider and is never stored in plan or state.
    #[must_use]
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    /// What it is, in Markdown.
    #[must_use]
    pub fn describe(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Why it should no longer be used, and what to use instead.
    #[must_use]
    pub fn deprecated(mut self, message: impl Into<String>) -> Self {
        self.deprecated = Some(message.into());
        self
    }

    /// Its value where the configuration has none. Needs `optional` and `computed`.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// A rule its values must follow.
    #[must_use]
    pub fn validate(mut self, validator: Validator) -> Self {
        self.validators.push(validator);
        self
    }

    /// Values for which `same` holds mean the same, though they differ: the state keeps the prior
    /// one. Types whose values have many spellings bring this themselves; see
    /// [`Text`](crate::model::Text).
    #[must_use]
    pub fn same_if(
        mut self,
        same: impl Fn(&Value, &Value) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.meaning = self.meaning.with_whole(same);
        self
    }

    /// A rule for its changes.
    #[must_use]
    pub fn plan(mut self, modifier: PlanModifier) -> Self {
        self.modifiers.push(modifier);
        self
    }

    /// Changing it replaces the resource.
    #[must_use]
    pub fn replace(self) -> Self {
        self.plan(modify::requires_replace())
    }

    /// Changing it replaces the resource if `condition` holds.
    #[must_use]
    pub fn replace_if(
        self,
        condition: impl Fn(&AttributeChange<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.plan(modify::requires_replace_if(condition))
    }

    /// Changing it replaces the resource if the configuration sets it: what the provider computes
    /// may change in place.
    #[must_use]
    pub fn replace_if_configured(self) -> Self {
        self.plan(modify::requires_replace_if_configured())
    }

    /// Once computed it does not change; plans show the prior value.
    #[must_use]
    pub fn use_state_for_unknown(self) -> Self {
        self.plan(modify::use_state_for_unknown())
    }

    /// Once computed to something other than null it does not change.
    #[must_use]
    pub fn use_non_null_state_for_unknown(self) -> Self {
        self.plan(modify::use_non_null_state_for_unknown())
    }

    /// Nobody can configure what is inside an object that the provider computes as a whole, so
    /// its attributes are computed whatever their Rust types suggest.
    fn compute_all_inside(&mut self) {
        let AttributeKind::Nested(_, members) = &mut self.kind else {
            return;
        };
        for member in &mut members.list {
            if let Member::Attribute(inner) = member {
                (inner.required, inner.optional, inner.computed) = (false, false, true);
                // The whole is null or unknown, never a part of it.
                (inner.default, inner.room) = (None, None);
                inner.compute_all_inside();
            }
        }
    }

    /// The type of its value.
    pub fn ty(&self) -> Type {
        match &self.kind {
            AttributeKind::Type(ty) => ty.clone(),
            AttributeKind::Nested(nesting, members) => nesting.ty(members.object_type()),
        }
    }
}

/// One kind of nested block.
#[derive(Debug, Clone)]
pub struct Block {
    pub(crate) name: String,
    pub(crate) nesting: Nesting,
    pub(crate) members: Members,
    pub(crate) description: String,
    pub(crate) deprecated: Option<String>,
    pub(crate) min_items: i64,
    pub(crate) max_items: i64,
    pub(crate) validators: Vec<Validator>,
    pub(crate) modifiers: Vec<PlanModifier>,
    /// What can be limited, if these are timeouts.
    pub(crate) timeouts: Option<timeouts::Defaults>,
}

impl Block {
    /// Blocks with these attributes and blocks inside.
    pub fn new(name: impl Into<String>, nesting: Nesting, members: Members) -> Self {
        Self {
            name: name.into(),
            nesting,
            members,
            description: String::new(),
            deprecated: None,
            min_items: 0,
            max_items: 0,
            validators: Vec::new(),
            modifiers: Vec::new(),
            timeouts: None,
        }
    }

    /// Blocks held in a Rust type: a model, or an `Option`, `Vec`, set or map of models. Anything
    /// else has no members, and the schema's check says so.
    pub fn of<T: Field>(name: impl Into<String>) -> Self {
        match T::shape().kind {
            ShapeKind::Nested(nesting, members) => Self::new(name, nesting, members),
            ShapeKind::Type(_) => Self::new(name, Nesting::List, Members::new()),
        }
    }

    /// At least so many; for a single block, 1 makes it required.
    #[must_use]
    pub fn min(mut self, items: i64) -> Self {
        self.min_items = items;
        self
    }

    /// At most so many; 0 means no limit.
    #[must_use]
    pub fn max(mut self, items: i64) -> Self {
        self.max_items = items;
        self
    }

    /// What it is, in Markdown.
    #[must_use]
    pub fn describe(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Why it should no longer be used, and what to use instead.
    #[must_use]
    pub fn deprecated(mut self, message: impl Into<String>) -> Self {
        self.deprecated = Some(message.into());
        self
    }

    /// A rule the blocks together must follow.
    #[must_use]
    pub fn validate(mut self, validator: Validator) -> Self {
        self.validators.push(validator);
        self
    }

    /// A rule for changes of the blocks together.
    #[must_use]
    pub fn plan(mut self, modifier: PlanModifier) -> Self {
        self.modifiers.push(modifier);
        self
    }

    /// Any change inside replaces the resource.
    #[must_use]
    pub fn replace(self) -> Self {
        self.plan(modify::requires_replace())
    }
}
