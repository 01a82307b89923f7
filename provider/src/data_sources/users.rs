//! `data "ferrymq_users"`: the users there are.

use agent_api::v1::{self, ListUsersRequest};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::id::{BrokerId, UserId};
use crate::{listing, name};

/// The data source.
pub(crate) struct Users;

/// The users of a broker, whoever declared them.
#[derive(Debug, Clone, Model)]
pub(crate) struct UsersModel {
    /// Id of the broker, `ferrymq_broker.<label>.id`.
    broker: Text<BrokerId>,
    /// Regular expression that finds something in the names wanted. Default: all names.
    #[attr(validate = name::expression())]
    name_pattern: Option<String>,
    /// The users, by name.
    users: Attr<Vec<UserSeen>>,
}

/// One user.
#[derive(Debug, Clone, Model)]
pub(crate) struct UserSeen {
    /// False: the user cannot log in with a password.
    has_password: Attr<bool>,
    /// Id of the user, as resource and import have it.
    id: Attr<String>,
    /// Name of the user.
    name: Attr<String>,
    /// Free words such as `administrator`.
    tags: Attr<Vec<String>>,
}

impl DataSource for Users {
    const NAME: &'static str = "users";
    type Data = Agents;
    type Model = UsersModel;

    async fn read(&self, config: UsersModel, cx: &mut Context<Agents>) -> Result<UsersModel> {
        let broker = &config.broker.0;
        let wanted = listing::wanted(config.name_pattern.as_ref())?;
        let name = broker.name().to_owned();
        let users = listing::all(broker, cx.data(), |agent, page_token| {
            let request = ListUsersRequest {
                broker: name.clone(),
                page_token,
                ..Default::default()
            };
            async move { agent.users().list_users(request).await }
        });
        let users = users.await?.into_iter().filter(|user| wanted(&user.name));
        let users: Vec<_> = users.map(|user| UserSeen::of(user, broker)).collect();
        Ok(UsersModel {
            users: users.into(),
            ..config
        })
    }
}

impl UserSeen {
    fn of(user: v1::User, broker: &BrokerId) -> Self {
        let id = UserId {
            broker: broker.clone(),
            name: user.name.clone(),
        };
        Self {
            has_password: user.has_password.into(),
            id: id.to_string().into(),
            name: user.name.into(),
            tags: user.tags.into(),
        }
    }
}
