//! Sends one call to both providers and looks at what differs.

use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tonic::transport::Channel;

use crate::answer::{Answer, Difference};
use crate::call::Call;
use crate::justified::{Exchange, claim};
use crate::schema::World;
use crate::send::send;
use crate::tables::nothing;
use crate::term::Term;

/// The two providers, and what both offer.
#[derive(Clone)]
pub(crate) struct Pair<'w> {
    pub(crate) reference: ProviderClient<Channel>,
    pub(crate) ours: ProviderClient<Channel>,
    pub(crate) world: &'w World,
}

/// What a call led to.
pub(crate) struct Compared {
    pub(crate) reference: Answer,
    pub(crate) ours: Answer,
    /// Rows of the table that claimed a difference.
    pub(crate) justified: Vec<&'static str>,
    /// Differences that nobody claimed.
    pub(crate) open: Vec<Difference>,
}

impl Pair<'_> {
    /// Asks both and compares.
    pub(crate) async fn compare(&mut self, call: &Call) -> Compared {
        let (reference, ours) = tokio::join!(
            send(&mut self.reference, self.world, call),
            send(&mut self.ours, self.world, call)
        );
        let exchange = Exchange {
            world: self.world,
            call,
            reference: &reference,
            ours: &ours,
        };
        let (mut justified, mut open) = (Vec::new(), Vec::new());
        for difference in reference.differences(&ours) {
            match claim(&exchange, &difference) {
                Some(name) => justified.push(name),
                None => open.push(difference),
            }
        }
        Compared {
            reference,
            ours,
            justified,
            open,
        }
    }

    /// The smallest call found that still differs in the same way: attributes are left out one by
    /// one, from all values of the call at once.
    pub(crate) async fn minimised(&mut self, call: &Call, differs: &Difference) -> Call {
        let kind = std::mem::discriminant(differs);
        let mut smallest = call.clone();
        for (name, absent) in self.absent(call) {
            let mut smaller = smallest.clone();
            for (_, value) in &mut smaller.values {
                if let Term::Map(entries) = value
                    && let Some(entry) = entries.get_mut(&name)
                {
                    entry.clone_from(&absent);
                }
            }
            if smaller != smallest {
                let compared = self.compare(&smaller).await;
                if compared
                    .open
                    .iter()
                    .any(|d| std::mem::discriminant(d) == kind)
                {
                    smallest = smaller;
                }
            }
        }
        smallest
    }

    /// How each attribute or block of a call's values is when it is not there.
    fn absent(&self, call: &Call) -> Vec<(String, Term)> {
        let kinds = self.world.resources.get(&call.subject);
        let Some(kind) = kinds.or_else(|| self.world.data_sources.get(&call.subject)) else {
            return Vec::new();
        };
        let Term::Map(entries) = nothing(&kind.members) else {
            return Vec::new();
        };
        entries.into_iter().collect()
    }
}
