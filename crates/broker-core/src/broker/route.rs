//! The way a message takes through a virtual host's exchanges.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::Topology;
use super::live_queue::LiveQueue;
use super::topology::{Exchange, Target};
use crate::definitions::ExchangeKind;
use crate::message::Envelope;
use crate::routing::{Active, Subject};

/// Working memory of routing, kept between messages; `queues` is the answer.
#[derive(Debug, Default)]
pub(crate) struct Route {
    pub(crate) queues: Vec<Arc<LiveQueue>>,
    /// What the exchange counts, unless it is the default one.
    pub(super) published: Option<Arc<AtomicU64>>,
    active: Active,
    /// Exchanges still to be asked.
    walk: Vec<Arc<str>>,
    /// Exchanges reached so far, unless it is the first alone; each is asked once, so cycles end.
    seen: HashSet<Arc<str>>,
}

/// A message cannot be routed at all: there is no such exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoExchange;

impl Topology {
    /// Whether the exchange is closed to publishers: only bindings and dead letters feed it.
    pub(crate) fn is_internal(&self, exchange: &str) -> bool {
        let exchange = self.exchanges.get(exchange);
        exchange.is_some_and(|it| it.definition.value.internal)
    }

    /// Whether the exchange matches patterns over words, of which users may be allowed some.
    pub(crate) fn is_topic(&self, exchange: &str) -> bool {
        let exchange = self.exchanges.get(exchange);
        exchange.is_some_and(|it| it.definition.value.picks_like() == ExchangeKind::Topic)
    }

    /// Fills `route.queues` with the queues that messages with this envelope reach, each once.
    pub(crate) fn route(&self, envelope: &Envelope, route: &mut Route) -> Result<(), NoExchange> {
        self.route_from(&envelope.exchange, envelope, route)
    }

    /// The same for messages that go on from an exchange on their way.
    pub(crate) fn route_from(
        &self,
        exchange: &str,
        envelope: &Envelope,
        route: &mut Route,
    ) -> Result<(), NoExchange> {
        route.queues.clear();
        let first = self.exchanges.get(exchange);
        let first = first.ok_or(NoExchange)?;
        route.published = (!first.name.is_empty()).then(|| Arc::clone(&first.published));
        let subject = Subject::of(envelope);
        let (mut next, mut may_repeat) = (Some(first), subject.has_further_keys());
        while let Some(exchange) = next {
            may_repeat |= exchange.table.may_repeat();
            self.ask(exchange, &subject, &first.name, route);
            next = std::iter::from_fn(|| route.walk.pop()).find_map(|it| self.exchanges.get(&it));
        }
        if may_repeat || !route.seen.is_empty() {
            route.queues.sort_unstable_by_key(|queue| queue.id);
            route.queues.dedup_by_key(|queue| queue.id);
            route.seen.clear();
        }
        Ok(())
    }

    /// Adds where the exchange sends the message. One that finds no way for it hands it to its
    /// alternate, if it has one; a binding to another exchange is a way, wherever it leads. One that is
    /// to keep the message for a time looks at its bindings when that is over.
    fn ask(&self, exchange: &Exchange, subject: &Subject<'_>, first: &Arc<str>, route: &mut Route) {
        let Route {
            queues,
            active,
            walk,
            seen,
            ..
        } = route;
        let mut reach = |name: &Arc<str>| {
            if seen.is_empty() {
                seen.insert(Arc::clone(first));
            }
            if seen.insert(Arc::clone(name)) {
                walk.push(Arc::clone(name));
            }
        };
        if let Some(delays) = &exchange.delays
            && subject.is_delayed()
        {
            return queues.push(Arc::clone(delays));
        }
        let mut found = false;
        if exchange.name.is_empty() {
            // Every queue is bound here by its name.
            let named = |key: &str| self.queues.get(key).or_else(|| self.replies.get(key));
            let named = subject.keys().filter_map(named);
            return queues.extend(named.cloned());
        }
        exchange.table.route(subject, active, |target| {
            found = true;
            match target {
                Target::Queue(queue) => queues.push(Arc::clone(queue)),
                Target::Exchange(name) => reach(name),
            }
        });
        if let Some(alternate) = &exchange.alternate
            && !found
        {
            reach(alternate);
        }
    }
}
