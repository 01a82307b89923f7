//! Planning: from Terraform's proposal to the plan that is answered.
//!
//! The steps and their order are those Terraform's own framework takes, so that providers behave
//! alike: defaults, write-only values to null, computed values to unknown if anything differs,
//! plan modifiers of attributes, the resource's own say, and last the rules that Terraform will
//! check. Each step is a file and a pure function over values; `align` pairs up the elements of
//! nested objects for all of them.

pub(crate) use self::contract::{check_applied, check_configured, check_known, check_planned};
pub(crate) use self::write_only::{fill_write_only, null_write_only};
use crate::diagnostics::{Diagnostics, Result};
use crate::path::AttributePath;
use crate::resource::ResourcePlan;
use crate::schema::Members;
use crate::value::Value;

mod align;
mod contract;
mod defaults;
mod likeness;
mod lost;
#[cfg(test)]
mod matrix_tests;
mod modifiers;
#[cfg(test)]
mod nested_tests;
mod unknown;
mod write_only;

pub(crate) use self::defaults::apply_defaults;
pub(crate) use self::unknown::mark_computed;

/// The three states of a plan before the resource has its say. None of them is ever null as a
/// whole except `prior`, for a resource that does not exist.
pub(crate) struct Proposal {
    pub(crate) config: Value,
    pub(crate) prior: Value,
    pub(crate) planned: Value,
}

impl Proposal {
    /// Runs the framework's steps; returns the attributes that require a replacement.
    pub(crate) fn prepare(
        &mut self,
        members: &Members,
        diagnostics: &mut Diagnostics,
    ) -> Result<Vec<AttributePath>> {
        lost::restore_lost(members, &self.config, &mut self.planned);
        apply_defaults(members, &self.config, &mut self.planned);
        null_write_only(members, &mut self.planned);
        if self.planned != self.prior {
            mark_computed(members, &self.config, &mut self.planned);
        }
        let mut found = Diagnostics::new();
        let replace = modifiers::run(
            members,
            &self.config,
            &self.prior,
            &mut self.planned,
            &mut found,
        );
        if members.has_sets() {
            self.planned.settle_sets();
        }
        if found.has_error() {
            return Err(found);
        }
        diagnostics.extend(found);
        Ok(replace)
    }
}

/// Settles what the resource has left: write-only values stay out whatever it planned, and each
/// replaced attribute is named once.
pub(crate) fn settle(members: &Members, plan: &mut ResourcePlan) -> Result<()> {
    if plan.planned.is_null() {
        return Ok(());
    }
    null_write_only(members, plan.planned.value_mut());
    plan.replace.sort_unstable();
    plan.replace.dedup();
    check_planned(
        members,
        plan.config.value(),
        plan.prior.value(),
        plan.planned.value(),
    )
    .into_result()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
