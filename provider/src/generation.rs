//! Generations: how a change made by someone else is noticed before it is overwritten.
//!
//! The agent raises an object's generation with every change. The one that was last seen lies in
//! the resource's private state, from where it travels from refresh to plan to apply, and goes with
//! the next change as an expectation.

use agent_api::v1::{Expect, expect::State};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::renewal::Attached;

const KEY: &str = "generation";

/// Remembers the generation that was just seen.
pub(crate) fn keep(cx: &mut Context<Agents>, generation: u64) -> Result<()> {
    cx.private_mut().set(KEY, &generation)
}

/// Remembers the generation of an object that was just made.
pub(crate) fn made(cx: &mut Context<Agents>, id: &impl Attached, generation: u64) -> Result<()> {
    cx.data().renewals().made(id);
    keep(cx, generation)
}

/// The generation that was last seen, if one was.
pub(crate) fn seen(cx: &Context<Agents>) -> Result<Option<u64>> {
    cx.private().get(KEY)
}

/// The object as it was last seen; anything, when it never was.
pub(crate) fn expected(cx: &Context<Agents>) -> Result<Option<Expect>> {
    Ok(seen(cx)?.map(|generation| Expect {
        state: Some(State::Generation(generation)),
    }))
}

/// No such object: a creation.
pub(crate) fn absent() -> Option<Expect> {
    Some(Expect {
        state: Some(State::Absent(true)),
    })
}

/// A token for one creation: the agent answers a repetition like the first time.
pub(crate) fn token() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).or_diagnostic("No random numbers from the system")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
