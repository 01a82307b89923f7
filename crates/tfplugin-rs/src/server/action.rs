//! PlanAction and InvokeAction.

use futures_util::{FutureExt, Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::catalog::Entry;
use super::{Server, caught, lost};
use crate::action::Invocation;
use crate::deferral::{Outcome, Putting};
use crate::diagnostics::{Diagnostics, Result};
use crate::erased::ActionObject;
use crate::proto::tfplugin6::{invoke_action, plan_action};
use crate::provider::Provider;
use crate::timeouts::Operation;
use crate::value::Value;

/// How many lines of progress may wait for the caller before the action does.
const MESSAGES_AHEAD: usize = 16;

impl<P: Provider> Server<P> {
    pub(super) async fn action_plan(&self, request: plan_action::Request) -> plan_action::Response {
        let mut diagnostics = Diagnostics::new();
        let result = self.try_action_plan(request, &mut diagnostics).await;
        let mut response = diagnostics.absorb(result).unwrap_or_default();
        response.diagnostics = diagnostics.into_proto();
        response
    }

    async fn try_action_plan(
        &self,
        request: plan_action::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<plan_action::Response> {
        let entry = self.catalog.action(&request.action_type)?;
        let put_off = |reason: crate::Deferral| plan_action::Response {
            deferred: Some(reason.to_proto()),
            ..Default::default()
        };
        if let Some(reason) = self.puts_off() {
            return Ok(put_off(reason));
        }
        let prepared = &entry.prepared;
        let config = prepared.decode(request.config.as_ref(), "the configuration")?;
        let putting = Putting::allowed_by(request.client_capabilities);
        let mut cx = self.context(&[])?.putting(putting);
        let values = prepared.values(config);
        let planned = caught(entry.object.plan(&values, &mut cx)).await;
        Ok(match cx.finish(planned, diagnostics)? {
            Outcome::Done(()) => plan_action::Response::default(),
            Outcome::PutOff(reason) => put_off(reason),
        })
    }

    /// Lines of progress, and one event at the end.
    ///
    /// The action is a task of its own: a caller that hangs up stops listening, not the action in
    /// the middle of what it does.
    pub(super) fn invoke(
        &self,
        request: invoke_action::Request,
    ) -> impl Stream<Item = invoke_action::Event> + Send + use<P> {
        let (messages, progress) = mpsc::channel(MESSAGES_AHEAD);
        let (stop, work) = match self.prepare_invocation(&request, messages) {
            Ok((entry, config, cx)) => {
                let stop = cx.stop().stop_on_drop();
                let work = tokio::spawn(invoked(entry.object.clone(), config, cx));
                (
                    Some(stop),
                    work.map(|ended| ended.unwrap_or_else(lost)).boxed(),
                )
            }
            Err(diagnostics) => (None, std::future::ready(diagnostics).boxed()),
        };
        let completed = work.map(move |diagnostics| {
            drop(stop);
            completed_event(diagnostics)
        });
        ReceiverStream::new(progress)
            .map(progress_event)
            .chain(stream::once(completed))
    }

    #[expect(clippy::type_complexity, reason = "what an invocation is made of")]
    fn prepare_invocation(
        &self,
        request: &invoke_action::Request,
        messages: mpsc::Sender<String>,
    ) -> Result<(
        &Entry<dyn ActionObject<P::Data>>,
        Value,
        Invocation<P::Data>,
    )> {
        let entry = self.catalog.action(&request.action_type)?;
        let config = entry
            .prepared
            .decode(request.config.as_ref(), "the configuration")?;
        let limit = entry.prepared.members().limit(Operation::Invoke, &config);
        let context = self.context(&[])?.limited(limit);
        Ok((entry, config, Invocation::new(context, messages)))
    }
}

async fn invoked<D: Send + Sync + 'static>(
    action: std::sync::Arc<dyn ActionObject<D>>,
    config: Value,
    mut cx: Invocation<D>,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let result = caught(action.invoke(config, &mut cx)).await;
    let finished = cx.finish(result, &mut diagnostics);
    diagnostics.absorb(finished);
    diagnostics
}

fn progress_event(message: String) -> invoke_action::Event {
    use invoke_action::event::{Progress, Type};
    invoke_action::Event {
        r#type: Some(Type::Progress(Progress { message })),
    }
}

fn completed_event(diagnostics: Diagnostics) -> invoke_action::Event {
    use invoke_action::event::{Completed, Type};
    let diagnostics = diagnostics.into_proto();
    invoke_action::Event {
        r#type: Some(Type::Completed(Completed { diagnostics })),
    }
}
