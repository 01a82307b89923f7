//! Lists: what data sources of several objects have in common.

use std::future::Future;

use agent_api::Client;
use regex::Regex;
use tfplugin_rs::prelude::*;
use tonic::{Response, Status};

use crate::agents::Agents;
use crate::failure::{Doing, Task};
use crate::id::BrokerId;
use crate::object::ObjectId as _;

/// A page of a list, as every list of the contract has them.
pub(crate) trait Page {
    type Object;

    /// What is on it, and where the next one begins; that is empty on the last.
    fn take(self) -> (Vec<Self::Object>, String);
}

/// Fetches all pages; `send` asks for the one at a place.
pub(crate) async fn all<P: Page, F>(
    broker: &BrokerId,
    agents: &Agents,
    send: impl Fn(Client, String) -> F,
) -> Result<Vec<P::Object>>
where
    F: Future<Output = Result<Response<P>, Status>>,
{
    let task: Task<'_> = broker.task(Doing::Read);
    let mut all = Vec::new();
    let mut place = String::new();
    loop {
        let page = agents.ask(broker, place, &send).await;
        let page = page.map_err(|error| task.failed(&error))?;
        let (objects, next) = page.take();
        all.extend(objects);
        if next.is_empty() {
            return Ok(all);
        }
        place = next;
    }
}

/// A filter by name; without a pattern every name is wanted. It was validated.
pub(crate) fn wanted(pattern: Option<&String>) -> Result<impl Fn(&str) -> bool + use<>> {
    let pattern = pattern.map(|pattern| Regex::new(pattern)).transpose();
    let pattern = pattern.or_diagnostic("Invalid regular expression")?;
    Ok(move |name: &str| {
        pattern
            .as_ref()
            .is_none_or(|pattern| pattern.is_match(name))
    })
}

/// Every list of the contract holds its objects in a field of its own name.
macro_rules! pages {
    ($($page:ident: $object:ident in $field:ident),+ $(,)?) => {
        $(impl Page for agent_api::v1::$page {
            type Object = agent_api::v1::$object;

            fn take(self) -> (Vec<Self::Object>, String) {
                (self.$field, self.next_page_token)
            }
        })+
    };
}

pages! {
    ListBindingsResponse: Binding in bindings,
    ListExchangesResponse: Exchange in exchanges,
    ListQueuesResponse: Queue in queues,
    ListUsersResponse: User in users,
}
