//! What a plan makes anew, and what goes down with the old one.
//!
//! A queue that is replaced takes its bindings with it, a user its permissions, a broker
//! everything. Terraform sees no change in those: what they say stays the same. Without more they
//! would be missing after the apply and come back with the next one. So within a plan every object
//! notes that it will be made, and what is inside it or attached to it, being planned later because
//! it refers to it, is replaced along.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use tfplugin_rs::prelude::*;

/// Ids of what will be made, as far as this process has planned.
#[derive(Debug, Default)]
pub(crate) struct Renewals(Mutex<HashSet<String>>);

/// An id that tells which other objects its own cannot outlive.
pub(crate) trait Attached: Display {
    /// Their ids.
    fn bases(&self) -> Vec<String>;
}

impl Renewals {
    /// Notes an object that will be made, or replaces one whose base will be.
    pub(crate) fn settle(&self, plan: &mut ResourcePlan, id: &impl Attached) -> Result<()> {
        match plan.action() {
            ResourceAction::Create | ResourceAction::Replace => {
                self.lock().insert(id.to_string());
                Ok(())
            }
            ResourceAction::Keep | ResourceAction::Update if self.renews(id) => {
                plan.set_unknown("id")?;
                plan.require_replace("id");
                Ok(())
            }
            ResourceAction::Delete | ResourceAction::Keep | ResourceAction::Update => Ok(()),
        }
    }

    /// Forgets an object that is made now: what is planned from here on sees the new one.
    pub(crate) fn made(&self, id: &impl Attached) {
        self.lock().remove(&id.to_string());
    }

    /// Whether the object itself will be made.
    pub(crate) fn makes(&self, id: &impl Display) -> bool {
        self.lock().contains(&id.to_string())
    }

    /// Whether what the object is in or attached to will be made.
    pub(crate) fn renews(&self, id: &impl Attached) -> bool {
        let renewed = self.lock();
        // The usual plan makes nothing anew; then no text is built.
        !renewed.is_empty() && id.bases().iter().any(|base| renewed.contains(base))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
