//! Who did what by the management interface, and how it ended: a line for each call that would change
//! something, also for those that are refused.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use percent_encoding::percent_decode;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tower::{Layer, Service};

use super::AUDIT;
use crate::incoming::Caller;

tokio::task_local! {
    /// What the call under way is about.
    static ABOUT: Arc<Mutex<About>>;
}

/// What a call is about, as far as its handler has come.
#[derive(Debug, Default)]
struct About {
    broker: String,
    object: String,
    only_checks: bool,
}

/// Says what the call under way is about: a broker, and what of it, as `queue "orders" in "/"`.
/// Handlers say so before anything can be refused.
pub(crate) fn about(broker: &str, object: impl Into<String>) {
    let object = object.into();
    note(|about| {
        broker.clone_into(&mut about.broker);
        about.object = object;
    });
}

/// Says that the call under way only asks what would be, and is not to be logged.
pub(crate) fn nothing_changes() {
    note(|about| about.only_checks = true);
}

fn note(change: impl FnOnce(&mut About)) {
    // Outside of a call, as in tests of handlers, nobody asks.
    let _ = ABOUT.try_with(|about| {
        change(&mut about.lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// Puts an audit log under a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AuditLayer;

/// A service whose calls are logged.
#[derive(Debug, Clone)]
pub(crate) struct Audited<S>(S);

impl<S> Layer<S> for AuditLayer {
    type Service = Audited<S>;

    fn layer(&self, inner: S) -> Audited<S> {
        Audited(inner)
    }
}

impl<S> Service<Request<Body>> for Audited<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = method(request.uri().path()).to_owned();
        if !changes(&method) {
            return Box::pin(self.0.call(request));
        }
        let call = Call {
            method,
            caller: request.extensions().get::<Caller>().cloned(),
            about: Arc::default(),
            ended: None,
        };
        let answer = ABOUT.scope(Arc::clone(&call.about), self.0.call(request));
        Box::pin(async move {
            let mut call = call;
            let Ok(answer) = answer.await;
            call.ended = Some(Ended::of(answer.headers()));
            Ok(answer)
        })
    }
}

/// A call under way; logged when it goes, be it that its caller gave up.
struct Call {
    method: String,
    caller: Option<Caller>,
    about: Arc<Mutex<About>>,
    ended: Option<Ended>,
}

/// How a call ended.
struct Ended {
    outcome: &'static str,
    why: String,
}

impl Ended {
    /// From the head of an answer: one that failed has its status there.
    fn of(headers: &HeaderMap) -> Self {
        let text = |name| {
            let value = headers.get(name).map(|value| value.as_bytes());
            percent_decode(value.unwrap_or_default())
                .decode_utf8_lossy()
                .into_owned()
        };
        let failed = headers.get("grpc-status").map(|status| status.as_bytes());
        let outcome = match failed {
            None | Some(b"0") => "done",
            Some(_) => "refused",
        };
        let why = if outcome == "done" {
            String::new()
        } else {
            text("grpc-message")
        };
        Self { outcome, why }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let about = self.about.lock().unwrap_or_else(PoisonError::into_inner);
        let About { broker, object, .. } = &*about;
        if about.only_checks {
            return;
        }
        let (by, peer) = match &self.caller {
            Some(caller) => (&*caller.name, caller.peer.to_string()),
            None => ("", String::new()),
        };
        let (outcome, why) = match &self.ended {
            Some(ended) => (ended.outcome, &*ended.why),
            None => ("given up", "the caller did not wait for the answer"),
        };
        let method = &self.method;
        if outcome == "done" {
            tracing::info!(target: AUDIT, broker, by, peer, method, object, outcome, "management");
        } else {
            tracing::warn!(target: AUDIT, broker, by, peer, method, object, outcome, why, "management");
        }
    }
}

/// `Queues/PutQueue` of `/ferrymq.agent.v1.Queues/PutQueue`.
fn method(path: &str) -> &str {
    let service = path.trim_start_matches('/');
    let package = service.find('/').and_then(|end| service[..end].rfind('.'));
    package.map_or(service, |dot| &service[dot + 1..])
}

/// Whether a call of that name could change anything.
fn changes(method: &str) -> bool {
    let name = method.rsplit('/').next().unwrap_or_default();
    !["Check", "Get", "List", "Watch"]
        .iter()
        .any(|read| name.starts_with(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_only_look_are_left_out() {
        let put = method("/ferrymq.agent.v1.Queues/PutQueue");
        assert_eq!(put, "Queues/PutQueue");
        assert!(changes(put));
        assert!(changes("Brokers/ForcePromoteBroker"));
        assert!(!changes("Queues/ListQueues"));
        assert!(!changes("Brokers/WatchBrokers"));
    }

    #[test]
    fn the_status_says_how_it_ended() {
        let mut headers = HeaderMap::new();
        assert_eq!(Ended::of(&headers).outcome, "done");
        headers.insert("grpc-status", "9".parse().expect("a value"));
        headers.insert("grpc-message", "queue%20full".parse().expect("a value"));
        let ended = Ended::of(&headers);
        assert_eq!((ended.outcome, &*ended.why), ("refused", "queue full"));
    }
}
