//! `Users`: who may log in to a broker.

use std::collections::BTreeSet;

use agent_api::v1::password::Form;
use agent_api::v1::users_server::Users;
use agent_api::v1::{
    DeleteUserRequest, DeleteUserResponse, GetUserRequest, ListUsersRequest, ListUsersResponse,
    Password, PutUserRequest, Reason, User,
};
use agent_api::{Failure, FieldMask};
use broker_core::access::PasswordHash;
use broker_core::definitions::{PasswordChange, Stored, UserSpec, UserUpdate};
use tonic::{Request, Response};
use tracing::info;

use super::paging::page;
use super::refusal::Subject;
use super::{Agent, Answer, durable, expect, required, settled, token};
use crate::logs::audit::about;
use crate::passwords::digest;
use crate::registry::Record;

#[tonic::async_trait]
impl Users for Agent {
    async fn get_user(&self, request: Request<GetUserRequest>) -> Answer<User> {
        let GetUserRequest { broker, name } = request.into_inner();
        let (record, host) = self.engine(&broker).await?;
        let found = host.admin().user(&name);
        let found = found.map_err(|refusal| subject(&name).refused(&refusal))?;
        Ok(Response::new(shown(&record, found)))
    }

    async fn list_users(&self, request: Request<ListUsersRequest>) -> Answer<ListUsersResponse> {
        let request = request.into_inner();
        let (record, host) = self.engine(&request.broker).await?;
        let found = host.admin().users().into_iter();
        let found = found
            .map(|user| (vec![user.value.name.clone()], user))
            .collect();
        let show = |user| shown(&record, user);
        let page = page(found, request.page_size, &request.page_token, show)?;
        let (users, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListUsersResponse {
            users,
            next_page_token,
        }))
    }

    async fn put_user(&self, request: Request<PutUserRequest>) -> Answer<User> {
        let request = request.into_inner();
        let token = token(&request.idempotency_token)?;
        let expect = expect(request.expect);
        let User { name, tags, .. } = required(request.user, "user")?;
        about(&request.broker, format!("user {name:?}"));
        let fields = Fields::named(request.update_mask.as_ref(), request.password.as_ref())?;
        let (record, host) = self.engine(&request.broker).await?;
        let tags = fields
            .tags
            .then(|| tags.into_iter().collect::<BTreeSet<_>>());
        let password = match (fields.password, request.password) {
            (false, _) => None,
            (true, None) => Some(PasswordChange::Remove),
            (true, Some(password)) => Some(PasswordChange::Set(self.hash(password).await?)),
        };
        let update = UserUpdate { password, tags };
        let admin = host.admin();
        let existing = || admin.user(&name).ok();
        // A hash never equals another one of the same password, so the token vouches for that.
        let equal = |user: &Stored<UserSpec>| {
            update
                .tags
                .as_ref()
                .is_none_or(|tags| *tags == user.value.tags)
        };
        let changed = host.tokens().create(
            token,
            &format!("user {name:?}"),
            || admin.put_user(&name, update.clone(), expect),
            || existing().filter(equal),
        );
        let changed = changed.map_err(|refusal| {
            let generation = existing().map(|existing| existing.generation);
            subject(&name).not_put(&refusal, expect, generation)
        })?;
        let object = settled(&host, changed).await?;
        info!(
            broker = request.broker,
            user = name,
            password = fields.password,
            "user put"
        );
        Ok(Response::new(shown(&record, object)))
    }

    async fn delete_user(&self, request: Request<DeleteUserRequest>) -> Answer<DeleteUserResponse> {
        let DeleteUserRequest {
            broker,
            name,
            expect: state,
        } = request.into_inner();
        about(&broker, format!("user {name:?}"));
        let expect = expect(state);
        let (_, host) = self.engine(&broker).await?;
        let deleted = host.admin().delete_user(&name, expect);
        let lsn = deleted.map_err(|refusal| {
            let generation = host
                .admin()
                .user(&name)
                .ok()
                .map(|existing| existing.generation);
            subject(&name).not_deleted(&refusal, generation)
        })?;
        durable(&host, lsn).await?;
        info!(broker, user = name, "user deleted");
        Ok(Response::new(DeleteUserResponse {}))
    }
}

impl Agent {
    async fn hash(&self, password: Password) -> Result<PasswordHash, Failure> {
        let hash = match password.form {
            None => return Err(super::missing("password")),
            Some(Form::PhcHash(hash)) => PasswordHash::parse(&hash),
            Some(Form::Plaintext(plaintext)) => self.hashing.hash(plaintext).await,
        };
        hash.map_err(|refusal| Subject::new("user", "").refused(&refusal).at("password"))
    }
}

/// Which fields a call changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fields {
    password: bool,
    tags: bool,
}

impl Fields {
    /// Without a mask: what the call carries. So a call that knows nothing of the password cannot
    /// wipe it.
    fn named(mask: Option<&FieldMask>, password: Option<&Password>) -> Result<Self, Failure> {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        if paths.is_empty() {
            return Ok(Self {
                password: password.is_some(),
                tags: true,
            });
        }
        let mut fields = Self {
            password: false,
            tags: false,
        };
        for path in paths {
            match path.as_str() {
                "password" => fields.password = true,
                "tags" => fields.tags = true,
                other => {
                    let sentence = format!(
                        "a user's {other:?} cannot be updated; \"tags\" and \"password\" can"
                    );
                    return Err(Failure::new(Reason::Invalid, sentence).at("update_mask"));
                }
            }
        }
        if password.is_some() && !fields.password {
            let sentence = "the request carries a password that its update_mask does not name";
            return Err(Failure::new(Reason::Invalid, sentence).at("update_mask"));
        }
        Ok(fields)
    }
}

fn subject(name: &str) -> Subject<'_> {
    Subject::new("user", name)
}

fn shown(record: &Record, user: Stored<UserSpec>) -> User {
    let UserSpec {
        name,
        password,
        tags,
    } = user.value;
    User {
        name,
        tags: tags.into_iter().collect(),
        generation: user.generation,
        has_password: password.is_some(),
        password_digest: password
            .map(|hash| digest(&record.digest_key, &hash))
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(paths: &[&str], carries: bool, expected: Option<(bool, bool)>) {
        let paths = paths.iter().map(ToString::to_string).collect();
        let mask = FieldMask { paths };
        let password = carries.then(Password::default);
        let named = Fields::named(Some(&mask), password.as_ref()).ok();
        assert_eq!(named.map(|fields| (fields.password, fields.tags)), expected);
    }

    #[test]
    fn only_named_fields_change() {
        check(&[], false, Some((false, true)));
        check(&[], true, Some((true, true)));
        check(&["tags"], false, Some((false, true)));
        check(&["password"], true, Some((true, false)));
        check(&["password"], false, Some((true, false)));
        check(&["tags", "password"], true, Some((true, true)));
        check(&["tags"], true, None);
        check(&["name"], false, None);
    }
}
