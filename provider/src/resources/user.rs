//! `ferrymq_user`.
//!
//! The password is the delicate part. It is sent when the user is made, when the configuration says
//! a new one, and when someone else has set another: never along with anything else. What was set is
//! recognised by the agent's digest. The digest of the password that Terraform set lies in private
//! state, the one the user has now is the attribute `password_digest`; when they differ, the plan
//! shows the attribute as unknown, and that is also what tells the update to send the password.

use std::collections::BTreeSet;

use agent_api::FieldMask;
use agent_api::v1::{
    self, DeleteUserRequest, GetUserRequest, Password, PutUserRequest, password::Form,
};
use tfplugin_rs::prelude::*;
use tfplugin_rs::validate::Validator;
use tfplugin_rs::value::Value;

use crate::agents::Agents;
use crate::failure::{CallError, Doing};
use crate::id::{self, BrokerId, UserId};
use crate::{generation, name, object, status};

/// The resource.
pub(crate) struct User;

/// A user of a broker. What it may do is said by `ferrymq_permission`.
///
/// A password set elsewhere is noticed, shown as a change of `password_digest`, and replaced by the
/// configured one. Without `password` and `password_wo` the password is left as it is; a new user
/// then has none and cannot log in with one.
#[derive(Clone, Model)]
pub(crate) struct UserModel {
    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker, or one not known at plan, replaces the user.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// `<broker>/user/<name>`, the last percent-encoded. Known at plan when its parts are.
    id: Attr<String>,

    /// Name, 1 to 255 bytes of UTF-8 without control characters. Changing it replaces the user.
    #[attr(replace, validate = name::plain())]
    name: String,

    /// Password, 1 to 1,024 bytes, stored in the state; see `password_wo` for one that is not.
    /// Conflicts with `password_wo`.
    #[attr(sensitive, validate = password_length())]
    password: Option<String>,

    /// Digest of the password as the broker holds it; tells nothing about the password and changes
    /// whenever one is set. Null while there is none.
    password_digest: Attr<String>,

    /// Password, 1 to 1,024 bytes, never stored in plan or state. Sent when the user is made and
    /// when `password_wo_version` changes. Conflicts with `password`.
    #[attr(sensitive, write_only, validate = password_length())]
    password_wo: Option<String>,

    /// Any number; changing it sends `password_wo` again.
    password_wo_version: Option<i64>,

    /// Free words such as `administrator` or `monitoring`, each 1 to 255 bytes. Default: none.
    /// Changing them leaves the password alone.
    #[attr(default = Value::set(Vec::<Value>::new()), validate = validate::each([tag()]))]
    tags: BTreeSet<String>,
}

/// Private state: the digest of the password that Terraform set last.
const SET_DIGEST: &str = "password_digest";

impl Resource for User {
    const NAME: &'static str = "user";
    type Data = Agents;
    type Model = UserModel;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        let stored: Attr<String> = cx.get("password")?;
        let write_only: Attr<String> = cx.get("password_wo")?;
        if !stored.is_null() && !write_only.is_null() {
            let detail = "Set `password`, which is stored in the state, or `password_wo`, which is \
                          not, but not both.";
            return Err(Diagnostic::error("Two passwords", detail)
                .at("password_wo")
                .into());
        }
        Ok(())
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        id::plan(plan, cx.data(), UserId::planned)?;
        match plan.action() {
            ResourceAction::Create | ResourceAction::Delete | ResourceAction::Replace => Ok(()),
            ResourceAction::Keep | ResourceAction::Update => plan_digest(plan, cx),
        }
    }

    async fn create(&self, mut plan: UserModel, cx: &mut Apply<Agents>) -> Result<UserModel> {
        let id = plan.id();
        plan.id = id.to_string().into();
        let request = PutUserRequest {
            broker: id.broker.name().to_owned(),
            user: Some(plan.to_api()),
            password: plan.take_password(),
            update_mask: None,
            expect: generation::absent(),
            idempotency_token: generation::token()?,
        };
        let user = object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move { agent.users().put_user(request).await }
        })
        .await?;
        plan.set(&user, cx)?;
        Ok(plan)
    }

    async fn read(&self, state: UserModel, cx: &mut Context<Agents>) -> Result<Option<UserModel>> {
        let id = state.id();
        let user = object::read(&id, fetch(cx.data(), &id).await, cx)?;
        Ok(user.map(|user| state.seen(&id, user)))
    }

    async fn update(
        &self,
        prior: UserModel,
        mut plan: UserModel,
        cx: &mut Apply<Agents>,
    ) -> Result<UserModel> {
        let id = plan.id();
        plan.id = id.to_string().into();
        let password = plan
            .take_password()
            .filter(|_| plan.password_digest.is_unknown());
        let mut paths = Vec::new();
        if prior.tags != plan.tags {
            paths.push("tags".to_owned());
        }
        if password.is_some() {
            paths.push("password".to_owned());
        }
        let agents = cx.shared_data();
        object::follow(&id, &prior.broker.0, || fetch(&agents, &id), cx).await?;
        if paths.is_empty() {
            let user = object::unchanged(&id, fetch(&agents, &id).await, cx)?;
            plan.password_digest = status::optional(&user.password_digest);
            return Ok(plan);
        }
        let sets_password = password.is_some();
        let request = PutUserRequest {
            broker: id.broker.name().to_owned(),
            user: Some(plan.to_api()),
            password,
            update_mask: Some(FieldMask { paths }),
            expect: generation::expected(cx)?,
            idempotency_token: String::new(),
        };
        let user = object::update(&id, cx, request, |agent, request| async move {
            agent.users().put_user(request).await
        })
        .await?;
        if sets_password {
            plan.set(&user, cx)?;
        } else {
            plan.password_digest = status::optional(&user.password_digest);
        }
        Ok(plan)
    }

    async fn delete(&self, state: UserModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id();
        let request = DeleteUserRequest {
            broker: id.broker.name().to_owned(),
            name: id.name.clone(),
            expect: generation::expected(cx)?,
        };
        object::delete(&id, cx, request, |agent, request| async move {
            agent.users().delete_user(request).await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<UserModel> {
        let id: UserId = id.parse()?;
        let user = object::found(&id, Doing::Import, fetch(cx.data(), &id).await, cx)?;
        let blank = UserModel {
            broker: id.broker.clone().into(),
            id: Attr::Unknown,
            name: id.name.clone(),
            password: None,
            password_digest: Attr::Unknown,
            password_wo: None,
            password_wo_version: None,
            tags: BTreeSet::new(),
        };
        Ok(blank.seen(&id, user))
    }
}

/// Plans the digest: unknown when the password is to be sent, else as it is.
fn plan_digest(plan: &mut ResourcePlan, cx: &Context<Agents>) -> Result<()> {
    let is_set = |attribute: &str| -> Result<bool> {
        Ok(!plan.config().get::<Attr<String>>(attribute)?.is_null())
    };
    let configured = is_set("password")? || is_set("password_wo")?;
    let now: Option<String> = plan.prior().get("password_digest")?;
    let set: Option<String> = cx.private().get(SET_DIGEST)?;
    let sends = configured
        && (set.is_some_and(|set| now.as_ref() != Some(&set))
            || changes::<String>(plan, "password")?
            || changes::<i64>(plan, "password_wo_version")?);
    if sends {
        plan.set_unknown("password_digest")
    } else {
        plan.set("password_digest", &now)
    }
}

/// True if the attribute is planned to be other than it is.
fn changes<T: tfplugin_rs::model::Field + PartialEq>(
    plan: &ResourcePlan,
    attribute: &str,
) -> Result<bool> {
    let planned: Attr<T> = plan.planned().get(attribute)?;
    Ok(planned != plan.prior().get(attribute)?)
}

/// The user as the agent has it.
async fn fetch(agents: &Agents, id: &UserId) -> Result<v1::User, CallError> {
    let request = GetUserRequest {
        broker: id.broker.name().to_owned(),
        name: id.name.clone(),
    };
    agents
        .ask(&id.broker, request, |agent, request| async move {
            agent.users().get_user(request).await
        })
        .await
}

impl UserModel {
    fn id(&self) -> UserId {
        UserId {
            broker: self.broker.0.clone(),
            name: self.name.clone(),
        }
    }

    fn to_api(&self) -> v1::User {
        let tags = self.tags.iter().cloned().collect();
        v1::User {
            name: self.name.clone(),
            tags,
            ..Default::default()
        }
    }

    /// The configured password. The write-only one leaves the model, which goes into the state.
    fn take_password(&mut self) -> Option<Password> {
        let text = self.password_wo.take().or_else(|| self.password.clone())?;
        Some(Password {
            form: Some(Form::Plaintext(text)),
        })
    }

    /// Notes what the agent answered to a password.
    fn set(&mut self, user: &v1::User, cx: &mut Context<Agents>) -> Result<()> {
        self.password_digest = status::optional(&user.password_digest);
        match &self.password_digest {
            Attr::Known(digest) => cx.private_mut().set(SET_DIGEST, digest),
            Attr::Null | Attr::Unknown => {
                cx.private_mut().remove(SET_DIGEST);
                Ok(())
            }
        }
    }

    /// With everything the agent has.
    fn seen(self, id: &UserId, user: v1::User) -> Self {
        Self {
            id: id.to_string().into(),
            password_digest: status::optional(&user.password_digest),
            tags: user.tags.into_iter().collect(),
            ..self
        }
    }
}

fn password_length() -> Validator {
    validate::string(|password| match password.len() {
        1..=1024 => Ok(()),
        _ => Err("must be 1 to 1,024 bytes of UTF-8".to_owned()),
    })
}

fn tag() -> Validator {
    validate::string(|tag| match tag.len() {
        1..=255 => Ok(()),
        _ => Err("must be 1 to 255 bytes of UTF-8".to_owned()),
    })
}
