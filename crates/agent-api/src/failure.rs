//! Why a call failed, as a value: built by the agent, travelling as a gRPC status, read by callers.

use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};

use crate::v1::{ErrorDetail, Reason};

/// Type URL of the one detail, as `google.protobuf.Any` wants it.
const DETAIL_TYPE: &str = "type.googleapis.com/ferrymq.agent.v1.ErrorDetail";

/// A call the agent refused or could not carry out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure it is.
    pub reason: Reason,
    /// One sentence for a person: the thing, the reason, the way out.
    pub message: String,
    /// Path of the request's attribute that is wrong (`listeners.amqp.port`); empty for none.
    pub field: String,
    /// Kind of the object concerned (`queue`); empty for none.
    pub object_kind: String,
    /// Name of the object concerned.
    pub object_name: Box<str>,
    /// [`Reason::NotEmpty`]: messages that would be lost.
    pub messages: u64,
    /// [`Reason::NotEmpty`]: consumers attached, as many as fit.
    pub consumers: u32,
    /// [`Reason::Conflict`]: the generation the object has now, 0 when it does not exist.
    pub generation: u64,
    /// [`Reason::NotActive`]: who is active, if anyone is known to be.
    pub active: Option<Box<Active>>,
}

/// The node of a pair that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// Its name.
    pub node: String,
    /// `host:port` of its agent.
    pub agent: String,
}

impl Failure {
    /// A failure with its sentence and no further evidence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            field: String::new(),
            object_kind: String::new(),
            object_name: Box::default(),
            messages: 0,
            consumers: 0,
            generation: 0,
            active: None,
        }
    }

    /// Names the attribute that is wrong.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// Names the object concerned.
    #[must_use]
    pub fn of(mut self, kind: &str, name: impl AsRef<str>) -> Self {
        self.object_kind = kind.to_owned();
        self.object_name = name.as_ref().into();
        self
    }

    /// Says how many messages would be lost and how many consumers are attached.
    #[must_use]
    pub fn holding(mut self, messages: u64, consumers: u64) -> Self {
        self.messages = messages;
        self.consumers = u32::try_from(consumers).unwrap_or(u32::MAX);
        self
    }

    /// Says which generation the object has now.
    #[must_use]
    pub fn now_at(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// Says which node is active.
    #[must_use]
    pub fn served_by(mut self, active: Option<Active>) -> Self {
        self.active = active.map(Box::new);
        self
    }

    /// The failure inside a status, if the agent's own logic put one there.
    pub fn from_status(status: &Status) -> Option<Self> {
        let outer = RpcStatus::decode(status.details()).ok()?;
        let detail = outer
            .details
            .iter()
            .find(|any| any.type_url == DETAIL_TYPE)?;
        let detail = ErrorDetail::decode(detail.value.as_slice()).ok()?;
        Some(Self {
            reason: detail.reason(),
            message: status.message().to_owned(),
            field: detail.field,
            object_kind: detail.object_kind,
            object_name: detail.object_name.into(),
            messages: detail.messages,
            consumers: u32::try_from(detail.consumers).unwrap_or(u32::MAX),
            generation: detail.generation,
            active: Active::named(detail.active_node, detail.active_agent).map(Box::new),
        })
    }
}

impl Active {
    fn named(node: String, agent: String) -> Option<Self> {
        (!node.is_empty() || !agent.is_empty()).then_some(Self { node, agent })
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let code = code(failure.reason);
        let (active_node, active_agent) = failure
            .active
            .map_or_else(Default::default, |active| (active.node, active.agent));
        let detail = ErrorDetail {
            reason: failure.reason.into(),
            field: failure.field,
            object_kind: failure.object_kind,
            object_name: failure.object_name.into(),
            messages: failure.messages,
            consumers: failure.consumers.into(),
            generation: failure.generation,
            active_node,
            active_agent,
        };
        let outer = RpcStatus {
            code: code.into(),
            message: failure.message.clone(),
            details: vec![Any {
                type_url: DETAIL_TYPE.to_owned(),
                value: detail.encode_to_vec(),
            }],
        };
        Self::with_details(code, failure.message, outer.encode_to_vec().into())
    }
}

/// `google.rpc.Status`: what stock gRPC tools expect to find in a status's details.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// The gRPC code each reason travels under, as `errors.proto` promises.
const fn code(reason: Reason) -> Code {
    match reason {
        Reason::NotFound => Code::NotFound,
        Reason::Conflict => Code::Aborted,
        Reason::AlreadyExists => Code::AlreadyExists,
        Reason::Invalid => Code::InvalidArgument,
        Reason::Forbidden => Code::PermissionDenied,
        Reason::NotEmpty | Reason::InUse | Reason::Mismatch | Reason::NotActive => {
            Code::FailedPrecondition
        }
        Reason::ResourceExhausted => Code::ResourceExhausted,
        Reason::Unavailable => Code::Unavailable,
        Reason::Unsupported => Code::Unimplemented,
        Reason::Internal | Reason::Unspecified => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_trip_through_a_status() {
        let failure = Failure::new(Reason::NotEmpty, "queue \"ä\" holds 3 messages")
            .at("name")
            .of("queue", "ä")
            .holding(3, 1)
            .now_at(9);
        let status = Status::from(failure.clone());
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(Failure::from_status(&status), Some(failure));
    }

    #[test]
    fn a_standby_tells_who_is_active() {
        let active = Active {
            node: "b".into(),
            agent: "mq-b:7443".into(),
        };
        let failure = Failure::new(Reason::NotActive, "ask b").served_by(Some(active));
        let status = Status::from(failure.clone());
        assert_eq!(Failure::from_status(&status), Some(failure));
        let nobody = Failure::new(Reason::NotActive, "nobody serves").served_by(None);
        let status = Status::from(nobody.clone());
        assert_eq!(Failure::from_status(&status), Some(nobody));
    }

    #[test]
    fn a_status_without_our_detail_is_no_failure_of_ours() {
        assert_eq!(
            Failure::from_status(&Status::not_found("no such page")),
            None
        );
        let foreign = RpcStatus {
            code: 5,
            message: String::new(),
            details: vec![Any::default()],
        };
        let status = Status::with_details(Code::NotFound, "x", foreign.encode_to_vec().into());
        assert_eq!(Failure::from_status(&status), None);
        let garbage = Status::with_details(Code::NotFound, "x", vec![0xff; 9].into());
        assert_eq!(Failure::from_status(&garbage), None);
    }
}
