//! ListResource.

use std::future::ready;
use std::sync::Arc;

use futures_util::{FutureExt, Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::prepared::Prepared;
use super::{Server, caught, identity};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::erased::ListResourceObject;
use crate::list::{ListRequest, ListedValues};
use crate::plan::{check_known, null_write_only};
use crate::proto::tfplugin6::DynamicValue;
use crate::proto::tfplugin6::list_resource::{Event, Request};
use crate::provider::Provider;
use crate::timeouts::Operation;
use crate::value::Value;

/// How many results may wait for the caller before the listing does.
const RESULTS_AHEAD: usize = 16;

impl<P: Provider> Server<P> {
    /// One event for each result, and one at the end if there is something left to say.
    ///
    /// The listing runs while the stream is read: a caller that hangs up ends it.
    pub(super) fn list(&self, request: Request) -> impl Stream<Item = Event> + Send + use<P> {
        match self.try_list(request) {
            Ok(events) => events.boxed(),
            Err(diagnostics) => stream::iter([said(diagnostics)]).boxed(),
        }
    }

    fn try_list(&self, request: Request) -> Result<impl Stream<Item = Event> + Send + use<P>> {
        let catalog = &self.catalog;
        let entry = catalog.list_resource(&request.type_name)?;
        // Both are there: the schema check has seen to it.
        let resource = catalog.resource(&request.type_name)?;
        let identity = self.identity(&request.type_name)?;
        let config = entry
            .prepared
            .decode(request.config.as_ref(), "the configuration")?;
        let limit = entry.prepared.members().limit(Operation::List, &config);
        let (results, found) = mpsc::channel(RESULTS_AHEAD);
        let wants_resource = request.include_resource_object;
        let listing = ListRequest {
            context: self.context(&[])?.limited(limit),
            // Terraform always sends one; 0 is what a caller sends that has none.
            limit: u64::try_from(request.limit).ok().filter(|&limit| limit > 0),
            wants_resource,
            results,
        };
        let encoder = Encoder {
            resource: Arc::clone(&resource.prepared),
            identity: Arc::clone(&identity.prepared),
            wants_resource,
        };
        // Reading the results is what drives the listing.
        let listing = listed(Arc::clone(&entry.object), config, listing)
            .into_stream()
            .filter_map(|()| ready(None));
        let events = ReceiverStream::new(found).map(move |found| encoder.event(found));
        Ok(stream::select(events, listing))
    }
}

/// Runs the listing; what remains to be said comes last, without a result.
async fn listed<D: Send + Sync + 'static>(
    list: Arc<dyn ListResourceObject<D>>,
    config: Value,
    request: ListRequest<D>,
) {
    let results = request.results.clone();
    let work = async { Ok(list.list(config, request).await) };
    let (mut diagnostics, result) = match caught(work).await {
        Ok(ended) => ended,
        Err(panicked) => (panicked, Ok(())),
    };
    // An error without a message is how `send` says that no more is wanted.
    diagnostics.absorb(result);
    if !diagnostics.is_empty() {
        results.send(ListedValues::failed(diagnostics)).await.ok();
    }
}

/// Puts results into messages.
struct Encoder {
    resource: Arc<Prepared>,
    identity: Arc<Prepared>,
    wants_resource: bool,
}

impl Encoder {
    fn event(&self, mut found: ListedValues) -> Event {
        let mut diagnostics = std::mem::take(&mut found.diagnostics);
        let event = if diagnostics.has_error() {
            None
        } else {
            let event = self.try_event(found, &mut diagnostics);
            diagnostics.absorb(event)
        };
        Event {
            diagnostic: diagnostics.into_proto(),
            ..event.unwrap_or_default()
        }
    }

    fn try_event(&self, found: ListedValues, diagnostics: &mut Diagnostics) -> Result<Event> {
        let Some(identity) = found.identity else {
            return Ok(Event::default());
        };
        let identity = identity::encode(&self.identity, &identity)?;
        if self.wants_resource && found.state.is_none() {
            let detail = format!("Only the identity of {:?} was found.", found.display_name);
            diagnostics.push(Diagnostic::warning("Incomplete result", detail));
        }
        Ok(Event {
            identity: Some(identity),
            display_name: found.display_name,
            resource_object: found.state.map(|state| self.state(state)).transpose()?,
            diagnostic: Vec::new(),
        })
    }

    fn state(&self, mut state: Value) -> Result<DynamicValue> {
        null_write_only(self.resource.members(), &mut state);
        check_known(&state, "listing").into_result()?;
        self.resource.encode(&state, "a state")
    }
}

fn said(diagnostics: Diagnostics) -> Event {
    Event {
        diagnostic: diagnostics.into_proto(),
        ..Default::default()
    }
}
