//! What must not be destroyed while it holds messages.
//!
//! A plan that deletes or replaces a broker, virtual host, queue or exchange asks the agent how many messages
//! would be lost with it, and fails with their number. The agent checks again, in one step with the
//! deletion: what arrives in between is safe as well.

use std::fmt;
use std::str::FromStr;

use agent_api::v1::{ListExchangesRequest, ListQueuesRequest};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::failure::{CallError, Task, messages};
use crate::id::BrokerId;

/// The attribute `deletion_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DeletionPolicy {
    Force,
    IfEmpty,
}

/// The attribute `deletion_policy` of queues, which has more to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum QueueDeletion {
    DrainTo,
    Force,
    IfEmpty,
    IfUnused,
}

impl QueueDeletion {
    const ALL: [Self; 4] = [Self::IfEmpty, Self::IfUnused, Self::Force, Self::DrainTo];

    const fn name(self) -> &'static str {
        match self {
            Self::DrainTo => "drain_to",
            Self::Force => "force",
            Self::IfEmpty => DeletionPolicy::DEFAULT,
            Self::IfUnused => "if_unused",
        }
    }
}

impl FromStr for QueueDeletion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let known = Self::ALL.into_iter().find(|policy| policy.name() == text);
        known.ok_or("it must be \"if_empty\", \"if_unused\", \"force\" or \"drain_to\"")
    }
}

impl fmt::Display for QueueDeletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a deletion would take with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Loss {
    /// Ready and unsettled.
    pub(crate) messages: u64,
    /// Queues and exchanges that hold them.
    pub(crate) queues: u64,
}

impl DeletionPolicy {
    pub(crate) const DEFAULT: &'static str = "if_empty";

    pub(crate) fn is_force(self) -> bool {
        self == Self::Force
    }
}

impl FromStr for DeletionPolicy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "force" => Ok(Self::Force),
            "if_empty" => Ok(Self::IfEmpty),
            _ => Err("it must be \"if_empty\" or \"force\""),
        }
    }
}

impl fmt::Display for DeletionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Force => "force",
            Self::IfEmpty => Self::DEFAULT,
        })
    }
}

/// True for plans that end the life of an object there is.
pub(crate) fn is_planned(plan: &ResourcePlan) -> bool {
    matches!(
        plan.action(),
        ResourceAction::Delete | ResourceAction::Replace
    )
}

/// Refuses a plan that would lose something; warns when the agent could not be asked.
pub(crate) fn judge(
    task: &Task<'_>,
    loss: Result<Loss, CallError>,
    plan: &ResourcePlan,
    cx: &mut Context<Agents>,
) -> Result<()> {
    let loss = match loss {
        Ok(loss) => loss,
        // What is gone holds nothing.
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => {
            task.warn_unchecked(&error, "whether messages would be lost", cx);
            return Ok(());
        }
    };
    if loss.messages == 0 {
        return Ok(());
    }
    Err(refusal(task, loss, plan).into())
}

fn refusal(task: &Task<'_>, loss: Loss, plan: &ResourcePlan) -> Diagnostic {
    let Task { kind, name, .. } = task;
    let held = messages(loss.messages);
    let within = if loss.queues > 1 {
        format!(" in {} queues", loss.queues)
    } else {
        String::new()
    };
    let causes: Vec<String> = plan
        .replaced_by()
        .iter()
        .map(|path| format!("`{path}`"))
        .collect();
    let act = match plan.action() {
        ResourceAction::Replace if plan.replaced_by() == ["id".into()] => {
            "What it belongs to is made anew, and losing".to_owned()
        }
        ResourceAction::Replace => format!(
            "The change of {} replaces it, and replacing",
            causes.join(", ")
        ),
        _ => "Destroying".to_owned(),
    };
    let detail = format!(
        "The {kind} {name:?} holds {held}{within}, ready or not yet settled. {act} it would lose \
         them. Let them be consumed first, or set deletion_policy = \"force\" and apply that \
         first.{}",
        way_to_know(plan).unwrap_or_default()
    );
    Diagnostic::error(format!("Plan would lose {held}"), detail).at("deletion_policy")
}

/// The way out of a replacement that is planned only because a value is not known yet.
fn way_to_know(plan: &ResourcePlan) -> Option<String> {
    let planned = plan.planned().value();
    let unknown = |path: &&AttributePath| planned.at(path).is_some_and(|it| !it.is_wholly_known());
    let path = plan.replaced_by().iter().find(unknown)?;
    Some(format!(
        " `{path}` is not known yet, and may turn out to be what it was: to find out before anything \
         is replaced, first apply what it comes from, with -target."
    ))
}

/// What all queues and exchanges of a virtual host, or with an empty `vhost` of a broker, hold together.
pub(crate) async fn loss_within(
    agents: &Agents,
    broker: &BrokerId,
    vhost: &str,
) -> Result<Loss, CallError> {
    let mut request = ListQueuesRequest {
        broker: broker.name().to_owned(),
        vhost: vhost.to_owned(),
        ..Default::default()
    };
    let mut loss = Loss::default();
    loop {
        let page = agents
            .ask(broker, request.clone(), |agent, request| async move {
                agent.queues().list_queues(request).await
            })
            .await?;
        for depth in page.queues.iter().filter_map(|queue| queue.depth) {
            let held = depth.ready + depth.unsettled;
            loss.messages += held;
            loss.queues += u64::from(held > 0);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let mut request = ListExchangesRequest {
        broker: broker.name().to_owned(),
        vhost: vhost.to_owned(),
        ..Default::default()
    };
    loop {
        let page = agents
            .ask(broker, request.clone(), |agent, request| async move {
                agent.exchanges().list_exchanges(request).await
            })
            .await?;
        let kept = page.exchanges.iter().map(|it| it.delayed_messages);
        for kept in kept.filter(|kept| *kept > 0) {
            loss.messages += kept;
            loss.queues += 1;
        }
        if page.next_page_token.is_empty() {
            return Ok(loss);
        }
        request.page_token = page.next_page_token;
    }
}
