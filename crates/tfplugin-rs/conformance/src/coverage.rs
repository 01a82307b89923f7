//! What a run has touched: every RPC, type and feature with the number of requests and of answers
//! that differed. What is listed here and was never asked fails a run.

use std::collections::BTreeMap;

use crate::call::{Call, Rpc, Slot};
use crate::compare::Compared;
use crate::numbers::has_misfit;
use crate::schema::World;
use crate::term::Term;

/// How often something was asked, and how often the answers differed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    pub(crate) differing: u64,
}

/// Something that a provider can do, and how to see that a call is about it.
struct Feature {
    name: &'static str,
    holds: fn(&Call, &Compared) -> bool,
}

macro_rules! features {
    ($($name:literal: $holds:expr;)*) => {
        &[$(Feature { name: $name, holds: $holds }),*]
    };
}

const FEATURES: &[Feature] = features! {
    "plan: create": |call, _| is_plan(call, |prior, planned| prior.is_null() && !planned.is_null());
    "plan: destroy": |call, _| is_plan(call, |prior, planned| !prior.is_null() && planned.is_null());
    "plan: update": |call, _| {
        is_plan(call, |prior, planned| !prior.is_null() && !planned.is_null() && prior != planned)
    };
    "plan: no change": |call, _| is_plan(call, |prior, planned| !prior.is_null() && prior == planned);
    "plan: replacement": |_, compared| !compared.reference.requires_replace.is_empty();
    "apply: create": |call, _| is_apply(call, |prior, planned| prior.is_null() && !planned.is_null());
    "apply: update": |call, _| is_apply(call, |prior, planned| !prior.is_null() && !planned.is_null());
    "apply: destroy": |call, _| is_apply(call, |prior, planned| !prior.is_null() && planned.is_null());
    "answer: refusal": |_, compared| compared.reference.stops();
    "answer: warning": |_, compared| compared.reference.diagnostics.iter().any(|told| !told.is_error);
    "value: unknown": |call, _| has(call, &|term| matches!(term, Term::Unknown(_)));
    "value: unknown with refinements": |call, _| {
        has(call, &|term| matches!(term, Term::Unknown(about) if !about.is_empty()))
    };
    "value: dynamic": |call, _| has(call, &|term| matches!(term, Term::Dynamic(_)));
    "value: set with elements": |call, _| {
        has(call, &|term| matches!(term, Term::Set(elements) if !elements.is_empty()))
    };
    "value: number beyond 64 bits or with a fraction": |call, _| {
        has(call, &|term| matches!(term, Term::Number(n) if n.precision() > 17 || !n.is_whole()))
    };
    "value: number that its attribute does not take": |call, _| has(call, &has_misfit);
    "value: bytes that are none": |call, _| has(call, &|term| matches!(term, Term::Broken(_)));
    "private state": |call, _| !call.private.is_empty();
    "provider meta": |call, _| call.given(Slot::Meta).is_some_and(|meta| !meta.is_null());
    "provider meta: used": |call, _| {
        ["plan_meta", "apply_meta", "read_meta"].contains(&call.script())
    };
    "identity: plan": |call, _| call.rpc == Rpc::Plan && brings_identity(call);
    "identity: apply": |call, _| call.rpc == Rpc::Apply && brings_identity(call);
    "identity: read": |call, _| call.rpc == Rpc::Read && brings_identity(call);
    "identity: none known before": |call, compared| {
        compared.reference.values.contains_key("identity") && !brings_identity(call)
    };
    "identity: changed or missing": |call, _| {
        call.script().starts_with("identity_")
    };
    "identity: upgrade": |call, compared| {
        call.rpc == Rpc::UpgradeIdentity && !compared.reference.stops()
    };
    "import by id": |call, compared| {
        call.rpc == Rpc::Import && !call.text.is_empty() && !compared.reference.stops()
    };
    "import by identity": |call, compared| {
        call.rpc == Rpc::Import && brings_identity(call) && !compared.reference.stops()
    };
    "list: with states": |call, compared| {
        call.rpc == Rpc::List && call.wants_resource && events(compared) > 0
    };
    "list: without states": |call, compared| {
        call.rpc == Rpc::List && !call.wants_resource && events(compared) > 0
    };
    "list: limit reached": |call, compared| {
        call.rpc == Rpc::List && call.limit > 0 && i64::try_from(events(compared)) == Ok(call.limit)
    };
    "list: nothing found": |call, compared| call.rpc == Rpc::List && events(compared) == 0;
    "timeouts: attribute": |call, _| is_set(call, "timeouts");
    "timeouts: block": |call, _| is_set(call, "limits");
    "semantic equality": |call, compared| {
        ["apply_shout", "read_shout"].contains(&call.script()) && !compared.reference.stops()
    };
    "deferral: of one operation": |_, compared| matches!(compared.reference.deferred, Some(1 | 3));
    "deferral: of the whole provider": |_, compared| compared.reference.deferred == Some(2);
    "deferral: not allowed": |call, compared| {
        call.script().ends_with("_defer") && !call.may_defer && compared.reference.stops()
    };
    "generated configuration": |call, compared| {
        call.rpc == Rpc::GenerateConfig && !compared.reference.stops()
    };
    "action: progress": |call, compared| {
        call.rpc == Rpc::InvokeAction && compared.reference.progress.len() > 1
    };
    "ephemeral resource: renewal": |_, compared| compared.reference.renew_at.is_some();
    "write-only values": |call, _| {
        is_set(call, "secret_wo") || is_set(call, "number_wo")
    };
    "write-only values: the caller does not know them": |call, _| !call.knows_write_only;
    "moved": |call, compared| call.rpc == Rpc::Move && !compared.reference.stops();
    "moved: with an identity": |call, compared| {
        call.rpc == Rpc::Move && !call.source_identity.is_empty() && !compared.reference.stops()
    };
    "moved: refused": |call, compared| call.rpc == Rpc::Move && compared.reference.stops();
    "upgrade: same version": |call, compared| {
        call.rpc == Rpc::Upgrade && call.subject != "conform_versioned" && !compared.reference.stops()
    };
    "upgrade: older version": |call, compared| {
        call.rpc == Rpc::Upgrade
            && call.subject == "conform_versioned"
            && call.version < 2
            && !compared.reference.stops()
    };
    "function: error about an argument": |_, compared| {
        compared.reference.function_error.is_some_and(|argument| argument >= 0)
    };
    "unknown type": |call, _| call.subject == "conform_nowhere";
};

fn is_plan(call: &Call, holds: fn(&Term, &Term) -> bool) -> bool {
    call.rpc == Rpc::Plan && holds(call.value(Slot::Prior), call.value(Slot::Proposed))
}

fn is_apply(call: &Call, holds: fn(&Term, &Term) -> bool) -> bool {
    call.rpc == Rpc::Apply && holds(call.value(Slot::Prior), call.value(Slot::Planned))
}

fn has(call: &Call, holds: &dyn Fn(&Term) -> bool) -> bool {
    call.values.iter().any(|(_, value)| value.any(holds))
}

fn is_set(call: &Call, name: &str) -> bool {
    let mut values = call.values.iter();
    values.any(|(_, value)| !value.get(name).is_null())
}

fn brings_identity(call: &Call) -> bool {
    let identity = call.given(Slot::Identity);
    identity.is_some_and(|identity| !identity.is_null())
}

/// How many results a list had.
fn events(compared: &Compared) -> usize {
    let events = compared.reference.values.get("events");
    events.map_or(0, |events| events.elements().len())
}

/// Counts by RPC, by type and by feature.
pub(crate) struct Coverage {
    pub(crate) rpcs: BTreeMap<&'static str, Count>,
    pub(crate) types: BTreeMap<String, Count>,
    pub(crate) features: Vec<(&'static str, Count)>,
}

impl Coverage {
    /// Nothing yet, of all there is.
    pub(crate) fn new(world: &World) -> Self {
        let kinds = [
            &world.resources,
            &world.data_sources,
            &world.ephemeral,
            &world.actions,
        ];
        let types = kinds.into_iter().flat_map(|kinds| kinds.keys());
        let types = types.chain(world.functions.keys());
        let none = Count::default();
        Self {
            rpcs: Rpc::ALL.map(|rpc| (rpc.name(), none)).into(),
            types: types.map(|name| (name.clone(), none)).collect(),
            features: FEATURES
                .iter()
                .map(|feature| (feature.name, none))
                .collect(),
        }
    }

    pub(crate) fn count(&mut self, call: &Call, compared: &Compared) {
        let differs = !compared.justified.is_empty() || !compared.open.is_empty();
        let add = |count: &mut Count| {
            count.requests += 1;
            count.differing += u64::from(differs);
        };
        self.rpcs.entry(call.rpc.name()).and_modify(add);
        self.types.entry(call.subject.clone()).and_modify(add);
        for (feature, (_, count)) in FEATURES.iter().zip(&mut self.features) {
            if (feature.holds)(call, compared) {
                add(count);
            }
        }
    }

    /// All counts with their names, in groups.
    pub(crate) fn groups(&self) -> [(&'static str, Vec<(String, Count)>); 3] {
        let owned = |(name, count): (&&str, &Count)| ((*name).to_owned(), *count);
        [
            ("RPC", self.rpcs.iter().map(owned).collect()),
            (
                "Type",
                self.types.iter().map(|(n, c)| (n.clone(), *c)).collect(),
            ),
            (
                "Feature",
                self.features
                    .iter()
                    .map(|(name, count)| ((*name).to_owned(), *count))
                    .collect(),
            ),
        ]
    }

    /// What was never asked.
    pub(crate) fn missing(&self) -> Vec<String> {
        let groups = self.groups().into_iter();
        let rows = groups.flat_map(|(_, rows)| rows);
        rows.filter(|(_, count)| count.requests == 0)
            .map(|(name, _)| name)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;

    #[test]
    fn what_was_never_asked_is_missing() {
        let mut coverage = Coverage {
            rpcs: Rpc::ALL.map(|rpc| (rpc.name(), Count::default())).into(),
            types: [("conform_known".to_owned(), Count::default())].into(),
            features: FEATURES
                .iter()
                .map(|feature| (feature.name, Count::default()))
                .collect(),
        };
        let compared = Compared {
            reference: Answer::default(),
            ours: Answer::default(),
            justified: vec!["a row"],
            open: Vec::new(),
        };
        let mut call = Call::new(Rpc::Import, "conform_known");
        "a".clone_into(&mut call.text);
        coverage.count(&call, &compared);
        let missing = coverage.missing();
        assert!(missing.iter().any(|name| name == "PlanResourceChange"));
        for name in ["ImportResourceState", "conform_known", "import by id"] {
            assert!(!missing.iter().any(|other| other == name), "{name}");
        }
        let once = Count {
            requests: 1,
            differing: 1,
        };
        assert_eq!(coverage.rpcs["ImportResourceState"], once);
    }
}
