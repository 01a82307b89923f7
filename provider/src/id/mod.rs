//! Ids: what Terraform knows objects by, what `terraform import` takes, what `broker` refers to.
//!
//! ```text
//! ferrymq://AGENT[,AGENT…]/BROKER                                    broker
//! BROKER-ID/vhost/NAME                                               virtual host
//! BROKER-ID/user/NAME                                                user
//! BROKER-ID/permission/VHOST/USER                                    permission
//! BROKER-ID/exchange/VHOST/NAME                                      exchange
//! BROKER-ID/queue/VHOST/NAME                                         queue
//! BROKER-ID/topic_permission/VHOST/USER/EXCHANGE                     topic permission
//! BROKER-ID/limits/user|vhost/NAME                                   limits
//! BROKER-ID/policy/VHOST/NAME                                        policy
//! BROKER-ID/operator_policy/VHOST/NAME                               operator policy
//! BROKER-ID/binding/VHOST/SOURCE/TYPE/DESTINATION/KEY[/ARGUMENTS]    binding
//! ```
//!
//! `AGENT` is `host:port`. Every other part is percent-encoded: letters, digits and `-._~` stand for
//! themselves, everything else is its UTF-8 bytes (`/` is `%2F`). So a name may hold anything and
//! an id is plain ASCII that splits at slashes. An object has one id and no second spelling of it:
//! what parses is printed the same, and ids can be compared as text.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str};
use tfplugin_rs::modify::AttributeChange;
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::renewal::Attached;

mod any;
mod binding;
mod broker;
mod limits;
mod policy;
mod topology;

pub(crate) use any::AnyId;
pub(crate) use binding::{BindingId, DestinationType};
pub(crate) use broker::BrokerId;
pub(crate) use limits::LimitsId;
pub(crate) use policy::PolicyId;
pub(crate) use topology::{ExchangeId, PermissionId, QueueId, TopicPermissionId, UserId, VhostId};

/// What is encoded in a part: all but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A text that is no id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the id of a {kind}: {why}; it has the form {form}, {note}")]
pub(crate) struct BadId {
    text: String,
    kind: &'static str,
    why: String,
    form: &'static str,
    note: &'static str,
}

impl BadId {
    fn new(text: &str, kind: &'static str, form: &'static str, why: impl Into<String>) -> Self {
        Self {
            text: text.to_owned(),
            kind,
            why: why.into(),
            form,
            note: "with every name percent-encoded (/ is %2F)",
        }
    }
}

/// `replace_if` of every `broker` argument: true unless both ids name one broker, wherever its
/// agents are. An id that is not known yet is another broker's: that of the same one is known at
/// plan, unless it is replaced.
pub(crate) fn names_another_broker(change: &AttributeChange<'_>) -> bool {
    let broker = |value: &tfplugin_rs::value::Value| value.as_str()?.parse::<BrokerId>().ok();
    let names = change.prior.and_then(broker).zip(broker(change.planned));
    names.is_none_or(|(prior, planned)| prior.name() != planned.name())
}

/// Plans the attribute `id`, as far as what it is made of is known, and what follows from it.
pub(crate) fn plan<Id: Attached>(
    plan: &mut ResourcePlan,
    agents: &Agents,
    id: impl FnOnce(&Planned<'_>) -> Result<Option<Id>>,
) -> Result<()> {
    if plan.planned().is_null() {
        return Ok(());
    }
    let Some(id) = id(&Planned(plan))? else {
        return Ok(());
    };
    plan.set("id", &id.to_string())?;
    agents.renewals().settle(plan, &id)
}

/// What is planned, if it is all known but for the id; `None` for a deletion as well.
pub(crate) fn known<M: Model>(mut planned: Values) -> Result<Option<M>> {
    if planned.is_null() {
        return Ok(None);
    }
    planned.set("id", &String::new())?;
    if !planned.value().is_wholly_known() {
        return Ok(None);
    }
    planned.model().map(Some)
}

/// Planned attributes, `None` while they are not known.
pub(crate) struct Planned<'a>(pub(crate) &'a ResourcePlan);

impl Planned<'_> {
    pub(crate) fn broker(&self) -> Result<Option<BrokerId>> {
        let broker: Attr<Text<BrokerId>> = self.0.planned().get("broker")?;
        Ok(broker.known().map(Text::into_inner))
    }

    /// The whole plan, if everything but the id is known.
    pub(crate) fn model<M: Model>(&self) -> Result<Option<M>> {
        known(self.0.planned().clone())
    }

    pub(crate) fn text(&self, attribute: &str) -> Result<Option<String>> {
        Ok(self.0.planned().get::<Attr<String>>(attribute)?.known())
    }

    pub(crate) fn texts(&self, attribute: &str) -> Result<Option<Vec<String>>> {
        let texts: Attr<Vec<Attr<String>>> = self.0.planned().get(attribute)?;
        Ok(texts
            .known()
            .and_then(|texts| texts.into_iter().map(Attr::known).collect()))
    }
}

/// Prints `text` as one part of an id.
fn encode(text: &str) -> PercentEncode<'_> {
    percent_encoding::utf8_percent_encode(text, ENCODED)
}

/// Reads one part of an id.
fn decode(part: &str) -> Result<String, String> {
    let decoded = percent_decode_str(part).decode_utf8();
    decoded
        .map(Into::into)
        .map_err(|_| format!("{part:?} does not decode to UTF-8"))
}
