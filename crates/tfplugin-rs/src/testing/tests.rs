//! The test client itself: it finds what Terraform would find.

use serde_json::json;

use super::*;
use crate::prelude::*;

/// How the provider under test behaves or misbehaves.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Correct,
    DriftsOnRead,
    ForgetsComputed,
    ChangesPlanned,
    VanishesAfterCreate,
    ReplansForEver,
    ReplacesLate,
}

struct Lab(Manner);

#[derive(Model)]
struct LabConfig {
    /// Where.
    site: String,
}

impl Provider for Lab {
    const NAME: &'static str = "lab";
    type Config = LabConfig;
    type Data = Manner;

    async fn configure(&self, config: LabConfig, cx: &mut Configure) -> Result<Manner> {
        assert_eq!(cx.terraform_version(), VERSION);
        if config.site == "closed" {
            return Err(Diagnostic::error("Closed", "Go away.").at("site").into());
        }
        Ok(self.0)
    }

    fn contents(&self) -> Contents<Manner> {
        Contents::new().resource(Flask)
    }
}

/// A flask.
#[derive(Model, Clone)]
struct FlaskModel {
    /// What is in it.
    #[attr(replace)]
    liquid: String,
    /// Label.
    label: Option<String>,
    /// Key to the flask.
    #[attr(write_only, sensitive)]
    key: Option<String>,
    /// Number on the shelf.
    place: Attr<u32>,
}

struct Flask;

impl Resource for Flask {
    const NAME: &'static str = "flask";
    type Data = Manner;
    type Model = FlaskModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Manner>) -> Result<()> {
        if *cx.data() == Manner::ReplansForEver && plan.action() == ResourceAction::Keep {
            plan.set_unknown("place")?;
        }
        let label: Attr<String> = plan.planned().get("label")?;
        if *cx.data() == Manner::ReplacesLate && label.known().is_some() {
            plan.require_replace("label");
        }
        Ok(())
    }

    async fn create(&self, mut plan: FlaskModel, cx: &mut Apply<Manner>) -> Result<FlaskModel> {
        if *cx.data() != Manner::ForgetsComputed {
            plan.place = Attr::Known(7);
        }
        if *cx.data() == Manner::ChangesPlanned {
            plan.liquid.make_ascii_uppercase();
        }
        Ok(plan)
    }

    async fn read(
        &self,
        mut s: FlaskModel,
        cx: &mut Context<Manner>,
    ) -> Result<Option<FlaskModel>> {
        match cx.data() {
            Manner::VanishesAfterCreate => return Ok(None),
            Manner::DriftsOnRead => s.label = Some("drifted".into()),
            _ => {}
        }
        Ok(Some(s))
    }

    async fn update(
        &self,
        _: FlaskModel,
        plan: FlaskModel,
        cx: &mut Apply<Manner>,
    ) -> Result<FlaskModel> {
        self.create(plan, cx).await
    }

    async fn delete(&self, _: FlaskModel, _: &mut Context<Manner>) -> Result<()> {
        Ok(())
    }

    async fn import(&self, id: &str, _: &mut Context<Manner>) -> Result<FlaskModel> {
        let place = id.parse().or_diagnostic("An id is a number")?;
        Ok(FlaskModel {
            liquid: "water".into(),
            label: None,
            key: None,
            place: Attr::Known(place),
        })
    }
}

async fn terraform(manner: Manner) -> Terraform<Lab> {
    Terraform::start(Lab(manner), json!({"site": "here"}))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_correct_provider_passes_from_creation_to_destruction() {
    let terraform = terraform(Manner::Correct).await;
    let mut flask = terraform.resource("lab_flask");
    let config = json!({"liquid": "water", "key": "k"});
    let plan = flask.plan(config.clone()).await.unwrap();
    assert_eq!(plan.action, ResourceAction::Create);
    assert_eq!(plan.planned["place"], UNKNOWN);
    assert_eq!(plan.planned["key"], json!(null));
    flask.apply(config.clone()).await.unwrap();
    let state = json!({"liquid": "water", "label": null, "key": null, "place": 7});
    assert_eq!(flask.state(), state);
    assert_eq!(
        flask.apply(config).await.unwrap().action,
        ResourceAction::Keep
    );
    let update = flask
        .apply(json!({"liquid": "water", "label": "l"}))
        .await
        .unwrap();
    assert_eq!(update.action, ResourceAction::Update);
    let replace = flask
        .apply(json!({"liquid": "oil", "label": "l"}))
        .await
        .unwrap();
    assert_eq!(replace.action, ResourceAction::Replace);
    assert_eq!(replace.replaced_by, ["liquid".into()]);
    assert_eq!(
        flask.destroy().await.unwrap().action,
        ResourceAction::Delete
    );
    assert_eq!(flask.state(), json!(null));
}

#[tokio::test]
async fn broken_rules_are_found() {
    for (manner, complaint) in [
        (
            Manner::DriftsOnRead,
            "Reading after apply gave another state",
        ),
        (
            Manner::ForgetsComputed,
            "The provider left a value unknown (at place)",
        ),
        (
            Manner::ChangesPlanned,
            "The provider did not keep to its plan (at liquid)",
        ),
        (
            Manner::VanishesAfterCreate,
            "Reading after apply gave another state",
        ),
        (
            Manner::ReplansForEver,
            "After apply, the plan was not empty: Update",
        ),
    ] {
        let terraform = terraform(manner).await;
        let mut flask = terraform.resource("lab_flask");
        let error = flask.apply(json!({"liquid": "water"})).await.unwrap_err();
        assert!(error.to_string().contains(complaint), "{manner:?}: {error}");
    }
}

#[tokio::test]
async fn values_unknown_at_plan_are_known_at_apply() {
    let terraform = terraform(Manner::Correct).await;
    let mut flask = terraform.resource("lab_flask");
    let planned = json!({"liquid": UNKNOWN, "label": UNKNOWN});
    let config = json!({"liquid": "water", "label": null});
    let change = flask.apply_after(planned, config).await.unwrap();
    assert_eq!(change.planned["liquid"], UNKNOWN);
    assert_eq!(flask.state()["liquid"], "water");
}

#[tokio::test]
async fn an_action_that_changes_during_the_apply_is_found() {
    let terraform = terraform(Manner::ReplacesLate).await;
    let mut flask = terraform.resource("lab_flask");
    flask.apply(json!({"liquid": "water"})).await.unwrap();
    let labelled = |label| json!({"liquid": "water", "label": label});
    let late = flask.apply_after(labelled(UNKNOWN), labelled("l")).await;
    let error = late.unwrap_err().to_string();
    assert!(error.contains("inconsistent final plan"), "{error}");
    assert!(error.contains("from Update to Replace"), "{error}");
    assert_eq!(flask.state()["label"], json!(null), "nothing is applied");
}

#[tokio::test]
async fn terraforms_own_checks_come_first() {
    let terraform = terraform(Manner::Correct).await;
    let mut flask = terraform.resource("lab_flask");
    for (config, complaint) in [
        (json!({}), "Missing required argument (at liquid)"),
        (
            json!({"liquid": "x", "place": 3}),
            "Value for unconfigurable attribute (at place)",
        ),
        (
            json!({"liquid": "x", "colour": 3}),
            "Unsupported argument (at colour)",
        ),
        (
            json!({"liquid": 3}),
            "Incorrect attribute value type (at liquid)",
        ),
    ] {
        let error = flask.plan(config).await.unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
    }
    let mut nothing = terraform.resource("lab_nothing");
    let error = nothing.plan(json!({})).await.unwrap_err();
    assert!(
        error.to_string().contains("Unknown resource type"),
        "{error}"
    );
}

#[tokio::test]
async fn imports_are_read_at_once() {
    let lab = terraform(Manner::Correct).await;
    let flask = lab.import("lab_flask", "12").await.unwrap();
    assert_eq!(flask.state()["place"], 12);
    let error = lab.import("lab_flask", "twelve").await.unwrap_err();
    assert!(error.to_string().contains("An id is a number"), "{error}");
    let lab = terraform(Manner::VanishesAfterCreate).await;
    let error = lab.import("lab_flask", "12").await.unwrap_err();
    assert!(error.to_string().contains("non-existent"), "{error}");
}

#[tokio::test]
async fn a_refused_configuration_is_returned() {
    let refused = Terraform::start(Lab(Manner::Correct), json!({"site": "closed"})).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "error: Closed (at site): Go away."
    );
}

#[tokio::test]
async fn stored_states_pass_through_the_upgrade() {
    let terraform = terraform(Manner::Correct).await;
    let old = json!({"liquid": "water", "gone": [1], "place": 4});
    let mut flask = terraform.stored("lab_flask", 0, old).await.unwrap();
    assert_eq!(
        flask
            .apply(json!({"liquid": "water"}))
            .await
            .unwrap()
            .action,
        ResourceAction::Keep
    );
    let error = terraform
        .stored("lab_flask", 1, json!({}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("newer provider"), "{error}");
    let error = terraform
        .stored("lab_flask", 0, json!({"liquid": [1]}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("(at liquid)"), "{error}");
}
