//! `Permissions`: what users may do in virtual hosts.

use agent_api::v1::permissions_server::Permissions;
use agent_api::v1::{
    DeletePermissionRequest, DeletePermissionResponse, GetPermissionRequest,
    ListPermissionsRequest, ListPermissionsResponse, Permission, PutPermissionRequest,
};
use broker_core::definitions::{PermissionSpec, Stored};
use tonic::{Request, Response};
use tracing::info;

use super::paging::page;
use super::refusal::{Subject, of_user_in_vhost};
use super::{Agent, Answer, durable, expect, required, settled, token};
use crate::logs::audit::about;

#[tonic::async_trait]
impl Permissions for Agent {
    async fn get_permission(&self, request: Request<GetPermissionRequest>) -> Answer<Permission> {
        let GetPermissionRequest {
            broker,
            vhost,
            user,
        } = request.into_inner();
        let (_, host) = self.engine(&broker).await?;
        let found = host.admin().permission(&user, &vhost);
        let found = found.map_err(|refusal| subject(&user).refused(&refusal))?;
        Ok(Response::new(shown(found)))
    }

    async fn list_permissions(
        &self,
        request: Request<ListPermissionsRequest>,
    ) -> Answer<ListPermissionsResponse> {
        let request = request.into_inner();
        let (_, host) = self.engine(&request.broker).await?;
        let vhost = Some(request.vhost.as_str()).filter(|vhost| !vhost.is_empty());
        let found = host.admin().permissions(vhost).into_iter();
        let key = |spec: &PermissionSpec| vec![spec.vhost.clone(), spec.user.clone()];
        let found = found
            .map(|permission| (key(&permission.value), permission))
            .collect();
        let page = page(found, request.page_size, &request.page_token, shown)?;
        let (permissions, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListPermissionsResponse {
            permissions,
            next_page_token,
        }))
    }

    async fn put_permission(&self, request: Request<PutPermissionRequest>) -> Answer<Permission> {
        let request = request.into_inner();
        let token = token(&request.idempotency_token)?;
        let expect = expect(request.expect);
        let Permission {
            vhost,
            user,
            configure,
            write,
            read,
            ..
        } = required(request.permission, "permission")?;
        let object = format!("permission of {user:?} in {vhost:?}");
        about(&request.broker, object);
        let spec = PermissionSpec {
            user,
            vhost,
            configure,
            write,
            read,
        };
        let (_, host) = self.engine(&request.broker).await?;
        let admin = host.admin();
        let existing = || admin.permission(&spec.user, &spec.vhost).ok();
        let changed = host.tokens().create(
            token,
            &format!("permission {:?} {:?}", spec.vhost, spec.user),
            || admin.put_permission(&spec, expect),
            || existing().filter(|existing| existing.value == spec),
        );
        let changed = changed.map_err(|refusal| {
            let generation = existing().map(|existing| existing.generation);
            let failure = subject(&spec.user).not_put(&refusal, expect, generation);
            of_user_in_vhost(admin, &spec.user, &spec.vhost, &refusal, failure)
        })?;
        let object = settled(&host, changed).await?;
        info!(
            broker = request.broker,
            vhost = spec.vhost,
            user = spec.user,
            "permission put"
        );
        Ok(Response::new(shown(object)))
    }

    async fn delete_permission(
        &self,
        request: Request<DeletePermissionRequest>,
    ) -> Answer<DeletePermissionResponse> {
        let DeletePermissionRequest {
            broker,
            vhost,
            user,
            expect: state,
        } = request.into_inner();
        about(&broker, format!("permission of {user:?} in {vhost:?}"));
        let expect = expect(state);
        let (_, host) = self.engine(&broker).await?;
        let deleted = host.admin().delete_permission(&user, &vhost, expect);
        let lsn = deleted.map_err(|refusal| {
            let existing = host.admin().permission(&user, &vhost).ok();
            subject(&user).not_deleted(&refusal, existing.map(|existing| existing.generation))
        })?;
        durable(&host, lsn).await?;
        info!(broker, vhost, user, "permission deleted");
        Ok(Response::new(DeletePermissionResponse {}))
    }
}

fn subject(user: &str) -> Subject<'_> {
    Subject::new("permission", user)
}

fn shown(permission: Stored<PermissionSpec>) -> Permission {
    let PermissionSpec {
        user,
        vhost,
        configure,
        write,
        read,
    } = permission.value;
    Permission {
        vhost,
        user,
        configure,
        write,
        read,
        generation: permission.generation,
    }
}
