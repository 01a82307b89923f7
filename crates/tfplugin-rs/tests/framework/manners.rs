//! Rules, meanings and timeouts through a whole provider, as Terraform drives it.

use std::time::Duration;

use serde_json::json;
use tfplugin_rs::Operation;
use tfplugin_rs::prelude::*;
use tfplugin_rs::testing::Terraform;
use tfplugin_rs::types::{Caseless, Json, Period};
use tokio::time::Instant;

/// A registry.
#[derive(Model)]
#[model(rule = rule::exactly_one_of(["token", "token_file"]))]
struct RegistryConfig {
    /// The token.
    token: Option<String>,
    /// Where the token is.
    token_file: Option<String>,
}

struct Registry;

impl Provider for Registry {
    const NAME: &'static str = "registry";
    type Config = RegistryConfig;
    type Data = ();

    async fn configure(&self, _: RegistryConfig, _: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        Contents::new().resource(Policy).data_source(Search)
    }
}

/// A rule of a policy.
#[derive(Model, Clone)]
#[model(rule = rule::conflicting(["allow", "deny"]))]
struct Clause {
    /// Who.
    host: Text<Caseless>,
    /// What is allowed.
    allow: Option<String>,
    /// What is denied.
    deny: Option<String>,
}

/// A policy. The service tells everything in its own spelling.
#[derive(Model, Clone)]
#[model(rule = rule::required_together(["owner", "contact"]))]
struct PolicyModel {
    /// The document.
    document: Text<Json>,
    /// Who owns it.
    #[attr(validate = validate::conflicts_with(["clauses"]))]
    owner: Option<String>,
    /// How to reach them.
    contact: Option<String>,
    /// How long it lasts.
    lasts: Option<Text<Period>>,
    /// Clauses in order.
    clauses: Option<Vec<Clause>>,
    /// How long the service took, in seconds at most.
    #[attr(computed)]
    limit: Attr<u64>,
    /// How long operations may take.
    #[block(timeouts(create = "20m", read = "10s", update = "15m"))]
    timeouts: Timeouts,
}

impl PolicyModel {
    /// As the service would tell it: everything in its own words.
    fn told(mut self) -> Self {
        self.document = Text::new(self.document.into_inner());
        self.lasts = self.lasts.map(|lasts| Text::new(lasts.into_inner()));
        for clause in self.clauses.iter_mut().flatten() {
            clause.host = Text::new(Caseless(clause.host.to_lowercase()));
        }
        self
    }
}

struct Policy;

impl Policy {
    /// Seconds left for an operation.
    fn limit(cx: &Context<()>) -> Attr<u64> {
        let left = cx.deadline().map(|deadline| deadline - Instant::now());
        left.map(|left| left.as_secs()).into()
    }
}

impl Resource for Policy {
    const NAME: &'static str = "policy";
    type Data = ();
    type Model = PolicyModel;

    async fn create(&self, plan: PolicyModel, cx: &mut Apply<()>) -> Result<PolicyModel> {
        let limit = Self::limit(cx);
        let wait = Duration::from_secs(if plan.lasts.is_none() { 0 } else { 3600 });
        cx.within_deadline(async {
            tokio::time::sleep_until(Instant::now() + wait).await;
            Ok(())
        })
        .await?;
        Ok(PolicyModel {
            limit,
            ..plan.told()
        })
    }

    async fn read(&self, state: PolicyModel, _: &mut Context<()>) -> Result<Option<PolicyModel>> {
        Ok(Some(state.told()))
    }

    async fn update(
        &self,
        _: PolicyModel,
        plan: PolicyModel,
        cx: &mut Apply<()>,
    ) -> Result<PolicyModel> {
        let limit = Self::limit(cx);
        Ok(PolicyModel {
            limit,
            ..plan.told()
        })
    }

    async fn delete(&self, state: PolicyModel, cx: &mut Context<()>) -> Result<()> {
        assert_eq!(cx.deadline(), None, "nothing limits deletions");
        assert_eq!(state.timeouts.configured(Operation::Delete), None);
        Ok(())
    }
}

/// Looks up policies.
#[derive(Model)]
#[model(rule = rule::at_least_one_of(["name", "label"]))]
struct SearchModel {
    /// By name.
    name: Option<Text<Caseless>>,
    /// By label.
    label: Option<String>,
}

struct Search;

impl DataSource for Search {
    const NAME: &'static str = "search";
    type Data = ();
    type Model = SearchModel;

    async fn read(&self, config: SearchModel, _: &mut Context<()>) -> Result<SearchModel> {
        let name = config
            .name
            .map(|name| Text::new(Caseless(name.to_uppercase())));
        Ok(SearchModel { name, ..config })
    }
}

async fn registry() -> Terraform<Registry> {
    Terraform::start(Registry, json!({"token": "t"}))
        .await
        .unwrap()
}

#[tokio::test]
async fn rules_hold_for_provider_resource_nested_object_and_data_source() {
    let both = json!({"token": "t", "token_file": "f"});
    let error = Terraform::start(Registry, both)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Invalid combination of attributes (at token)"),
        "{error}"
    );
    let error = Terraform::start(Registry, json!({}))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Missing attribute: Exactly one of"),
        "{error}"
    );

    let terraform = registry().await;
    for (config, place) in [
        (json!({"document": "{}", "owner": "o"}), "(at owner)"),
        (
            json!({"document": "{}", "clauses": [
                {"host": "a", "allow": "x"},
                {"host": "b", "allow": "x", "deny": "y"},
            ]}),
            "(at clauses[1].allow)",
        ),
        (
            json!({"document": "{}", "owner": "o", "contact": "c", "clauses": []}),
            "(at owner)",
        ),
        (json!({"document": "{"}), "(at document)"),
        (
            json!({"document": "{}", "timeouts": {"create": "soon"}}),
            "(at timeouts.create)",
        ),
    ] {
        let mut policy = terraform.resource("registry_policy");
        let error = policy.apply(config).await.unwrap_err().to_string();
        assert!(error.contains(place), "{place}: {error}");
    }
    let error = terraform
        .data("registry_search", json!({}))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("At least one of"), "{error}");
}

#[tokio::test]
async fn what_a_person_wrote_stays_while_it_means_the_same() {
    let terraform = registry().await;
    let mut policy = terraform.resource("registry_policy");
    let config = json!({
        "document": "{ \"b\": 1.50, \"a\": [] }",
        "clauses": [{"host": "Example.COM", "allow": "x"}],
    });
    // Create, the read after it, and a plan that finds nothing to do.
    policy.apply(config.clone()).await.unwrap();
    assert_eq!(policy.state()["document"], config["document"]);
    assert_eq!(policy.state()["clauses"][0]["host"], "Example.COM");
    assert!(!policy.refresh().await.unwrap());

    // Another meaning is a change, another spelling is one too: it is what the person wants to see.
    let mut other = config.clone();
    other["document"] = json!("{\"a\":[],\"b\":2}");
    policy.apply(other.clone()).await.unwrap();
    assert_eq!(policy.state()["document"], other["document"]);
    other["clauses"][0]["host"] = json!("example.com");
    policy.apply(other).await.unwrap();
    assert_eq!(policy.state()["clauses"][0]["host"], "example.com");

    let found = terraform
        .data("registry_search", json!({"name": "MiXed"}))
        .await
        .unwrap();
    assert_eq!(found["name"], "MiXed");
}

#[tokio::test(start_paused = true)]
async fn timeouts_reach_the_operation_they_are_for() {
    let terraform = registry().await;
    let mut policy = terraform.resource("registry_policy");
    policy.apply(json!({"document": "{}"})).await.unwrap();
    assert_eq!(policy.state()["limit"], 20 * 60);
    let limited = json!({"document": "[]", "timeouts": {"update": "1h30m"}});
    policy.apply(limited).await.unwrap();
    assert_eq!(policy.state()["limit"], 90 * 60);
    assert_eq!(policy.state()["timeouts"]["update"], "1h30m");
    policy.destroy().await.unwrap();

    let mut slow = terraform.resource("registry_policy");
    let config = json!({"document": "{}", "lasts": "2h", "timeouts": {"create": "59m"}});
    let error = slow.apply(config).await.unwrap_err().to_string();
    assert!(
        error.contains("(at timeouts.create): It was not done within 59m."),
        "{error}"
    );
    let config = json!({"document": "{}", "lasts": "2h", "timeouts": {"create": "61m"}});
    slow.apply(config).await.unwrap();
    assert_eq!(slow.state()["lasts"], "2h");
}
