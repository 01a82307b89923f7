//! GenerateResourceConfig: the configuration that describes an imported resource.
//!
//! The rules are those by which Terraform does it alone: what the provider sets by itself, what is
//! deprecated and what says nothing is left out.

use super::Server;
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::proto::tfplugin6::DynamicValue;
use crate::proto::tfplugin6::generate_resource_config::{Request, Response};
use crate::provider::Provider;
use crate::schema::{Attribute, AttributeKind, Member, Members, Nesting};
use crate::value::{Map, Set, Value};

impl<P: Provider> Server<P> {
    #[expect(clippy::unused_async, reason = "called like the others")]
    pub(super) async fn generate(&self, request: Request) -> Response {
        let mut diagnostics = Diagnostics::new();
        let config = diagnostics.absorb(self.try_generate(&request));
        Response {
            config,
            diagnostics: diagnostics.into_proto(),
        }
    }

    fn try_generate(&self, request: &Request) -> Result<DynamicValue> {
        let prepared = &self.resource(&request.type_name)?.prepared;
        let mut config = prepared.decode(request.state.as_ref(), "the state")?;
        if config.is_null() {
            let detail = "There is no state to make a configuration of.";
            return Err(Diagnostic::error("Nothing to generate from", detail).into());
        }
        reduce(prepared.members(), &mut config, true);
        prepared.encode(&config, "a configuration")
    }
}

/// Makes null what does not belong in a configuration.
fn reduce(members: &Members, value: &mut Value, is_root: bool) {
    let Value::Object(object) = value else {
        return;
    };
    for (member, value) in members.iter().zip(object.values_mut()) {
        let (is_left_out, inside) = match member {
            Member::Attribute(attribute) => {
                let inside = match &attribute.kind {
                    AttributeKind::Nested(nesting, members) => Some((*nesting, members)),
                    AttributeKind::Type(_) => None,
                };
                (is_left_out(attribute, value, is_root), inside)
            }
            Member::Block(block) => (
                block.deprecated.is_some(),
                Some((block.nesting, &block.members)),
            ),
        };
        match inside {
            _ if is_left_out => *value = absent(member),
            Some((nesting, members)) => reduce_nested(nesting, members, value),
            None => {}
        }
    }
}

/// What stands where nothing is configured: blocks that may be many are never null.
fn absent(member: &Member) -> Value {
    match member {
        Member::Attribute(_) => Value::Null,
        Member::Block(block) => match block.nesting {
            Nesting::List => Value::List(Vec::new()),
            Nesting::Map => Value::Map(Map::new()),
            Nesting::Set => Value::Set(Set::default()),
            Nesting::Single => Value::Null,
        },
    }
}

fn is_left_out(attribute: &Attribute, value: &Value, is_root: bool) -> bool {
    let is_the_id = is_root && attribute.name == "id" && attribute.computed;
    let says_nothing = attribute.optional && value.as_str() == Some("");
    let is_computed = attribute.computed && !attribute.optional;
    attribute.deprecated.is_some() || is_computed || is_the_id || says_nothing
}

fn reduce_nested(nesting: Nesting, members: &Members, value: &mut Value) {
    match (nesting, value) {
        (Nesting::Single, value) => reduce(members, value, false),
        (_, Value::List(elements)) => elements
            .iter_mut()
            .for_each(|element| reduce(members, element, false)),
        (_, Value::Map(entries)) => entries
            .values_mut()
            .for_each(|element| reduce(members, element, false)),
        (_, Value::Set(set)) => {
            let reduced = std::mem::take(set).into_elements().into_iter();
            *set = reduced
                .map(|mut element| {
                    reduce(members, &mut element, false);
                    element
                })
                .collect::<Set>();
        }
        _ => {}
    }
}
