//! The new state that Terraform proposes: the configuration, with what is computed taken over from
//! the state before where the configuration says nothing.

use tfplugin_rs::schema::Nesting;

use crate::schema::{Member, Role, Shape};
use crate::term::Term;

/// The proposal for an object in state `prior`, null if there is none yet.
pub(crate) fn proposed(members: &[Member], prior: &Term, config: &Term) -> Term {
    if !matches!(config, Term::Map(_)) {
        return config.clone();
    }
    let member = |member: &Member| {
        let (prior, config) = (prior.get(&member.name), config.get(&member.name));
        (member.name.clone(), value(member, prior, config))
    };
    Term::Map(members.iter().map(member).collect())
}

fn value(member: &Member, prior: &Term, config: &Term) -> Term {
    match &member.shape {
        _ if member.role.is_computed() && config.is_null() => {
            // An object that only a configuration can have made is gone with it.
            match &member.shape {
                Shape::Nested(nesting, members)
                    if member.role == Role::OptionalComputed
                        && objects(*nesting, prior).any(|o| was_configured(members, o)) =>
                {
                    Term::Null
                }
                _ => prior.clone(),
            }
        }
        Shape::Plain(_) => config.clone(),
        Shape::Nested(nesting, members) => nested(*nesting, members, prior, config),
    }
}

fn objects(nesting: Nesting, value: &Term) -> impl Iterator<Item = &Term> {
    let single = (nesting == Nesting::Single).then_some(value);
    let entries = match value {
        Term::Map(entries) if nesting == Nesting::Map => Some(entries.values()),
        _ => None,
    };
    single
        .into_iter()
        .chain(value.elements())
        .chain(entries.into_iter().flatten())
}

/// True if an object holds what only a configuration can have set.
fn was_configured(members: &[Member], object: &Term) -> bool {
    members.iter().any(|member| {
        let value = object.get(&member.name);
        !value.is_null()
            && (!member.role.is_computed()
                || match &member.shape {
                    Shape::Nested(nesting, inner) => {
                        objects(*nesting, value).any(|o| was_configured(inner, o))
                    }
                    Shape::Plain(_) => false,
                })
    })
}

fn nested(nesting: Nesting, members: &[Member], prior: &Term, config: &Term) -> Term {
    match (nesting, config) {
        (Nesting::Single, config) => proposed(members, prior, config),
        (Nesting::List, Term::List(configs)) => {
            let priors = prior.elements();
            let pairs = configs.iter().enumerate();
            let each =
                pairs.map(|(i, c)| proposed(members, priors.get(i).unwrap_or(&Term::Null), c));
            Term::List(each.collect())
        }
        (Nesting::Map, Term::Map(configs)) => {
            let each = configs.iter();
            Term::Map(
                each.map(|(key, c)| (key.clone(), proposed(members, prior.get(key), c)))
                    .collect(),
            )
        }
        (Nesting::Set, Term::Set(configs)) => {
            let mut priors: Vec<&Term> = prior.elements().iter().collect();
            let each = configs.iter().map(|config| {
                let like = priors
                    .iter()
                    .position(|prior| may_become(members, prior, config));
                let prior = like.map_or(&Term::Null, |at| priors.remove(at));
                proposed(members, prior, config)
            });
            Term::set(each.collect())
        }
        (_, config) => config.clone(),
    }
}

/// True if the element of a set differs from the configured one only in what is computed, and not in
/// a set within: Terraform does not look into those.
fn may_become(members: &[Member], prior: &Term, config: &Term) -> bool {
    !differ_in_sets(prior, config) && proposed(members, prior, config) == *prior
}

fn differ_in_sets(prior: &Term, config: &Term) -> bool {
    match (prior, config) {
        (Term::Set(_), Term::Set(_)) => prior != config,
        (Term::List(prior), Term::List(config)) => {
            prior.iter().zip(config).any(|(p, c)| differ_in_sets(p, c))
        }
        (Term::Map(prior), Term::Map(config)) => {
            let mut pairs = prior.values().zip(config.values());
            pairs.any(|(prior, config)| differ_in_sets(prior, config))
        }
        _ => false,
    }
}
