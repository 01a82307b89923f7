//! What a plan would do, from `show -json`.

use anyhow::{Context, Result};
use serde_json::Value;

/// A plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Everything it would change, in Terraform's order.
    pub changes: Vec<Change>,
    /// What it found changed behind its back.
    pub drift: Vec<Change>,
}

/// What would happen, or has happened, to one object.
#[derive(Debug, Clone)]
pub struct Change {
    /// Address of the resource.
    pub address: String,
    /// `create`, `update`, `delete`, `replace`, or another of Terraform's words.
    pub action: String,
    /// Attributes before.
    pub before: Value,
    /// Attributes after; those not known yet are missing.
    pub after: Value,
    /// Attributes that force a replacement.
    pub replace_because: Vec<String>,
}

impl Plan {
    pub(super) fn parse(json: &str) -> Result<Self> {
        let plan: Value = serde_json::from_str(json).context("the plan is not JSON")?;
        let changes = |key: &str| -> Result<Vec<Change>> {
            let listed = plan[key].as_array().map(Vec::as_slice).unwrap_or_default();
            let all = listed
                .iter()
                .map(Change::parse)
                .collect::<Result<Vec<_>>>()?;
            let quiet = ["no-op", "read"];
            Ok(all
                .into_iter()
                .filter(|change| !quiet.contains(&change.action.as_str()))
                .collect())
        };
        Ok(Self {
            changes: changes("resource_changes")?,
            drift: changes("resource_drift")?,
        })
    }

    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Each change as `action address`, in order of addresses.
    pub fn summary(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.changes.iter().map(Change::summary).collect();
        lines.sort();
        lines
    }

    /// The change of one resource.
    pub fn change(&self, address: &str) -> Result<&Change> {
        let found = self.changes.iter().find(|change| change.address == address);
        found.with_context(|| format!("the plan does not change {address}: {self:#?}"))
    }
}

impl Change {
    fn parse(resource: &Value) -> Result<Self> {
        let change = &resource["change"];
        let actions = change["actions"]
            .as_array()
            .context("a change without actions")?;
        let action = match actions.as_slice() {
            [one] => one.as_str().unwrap_or_default().to_owned(),
            _ => "replace".to_owned(),
        };
        let paths = change["replace_paths"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let names = paths.iter().filter_map(|path| path[0].as_str());
        Ok(Self {
            address: resource["address"]
                .as_str()
                .context("a change without address")?
                .to_owned(),
            action,
            before: change["before"].clone(),
            after: change["after"].clone(),
            replace_because: names.map(str::to_owned).collect(),
        })
    }

    fn summary(&self) -> String {
        format!("{} {}", self.action, self.address)
    }

    /// Names of the attributes whose known value changes.
    pub fn changed(&self) -> Vec<String> {
        let (Some(before), Some(after)) = (self.before.as_object(), self.after.as_object()) else {
            return Vec::new();
        };
        let differs = |name: &&String| before.get(*name) != after.get(*name);
        after.keys().filter(differs).cloned().collect()
    }
}
