//! `TopicPermissions`: what users may do with the keys of topic exchanges.

use agent_api::v1::topic_permissions_server::TopicPermissions;
use agent_api::v1::{
    DeleteTopicPermissionRequest, DeleteTopicPermissionResponse, GetTopicPermissionRequest,
    ListTopicPermissionsRequest, ListTopicPermissionsResponse, PutTopicPermissionRequest,
    TopicPermission,
};
use broker_core::definitions::{Stored, TopicPermissionSpec};
use tonic::{Request, Response};
use tracing::info;

use super::paging::page;
use super::refusal::{Subject, of_user_in_vhost};
use super::{Agent, Answer, durable, expect, required, settled, token};
use crate::logs::audit::about;

#[tonic::async_trait]
impl TopicPermissions for Agent {
    async fn get_topic_permission(
        &self,
        request: Request<GetTopicPermissionRequest>,
    ) -> Answer<TopicPermission> {
        let GetTopicPermissionRequest {
            broker,
            vhost,
            user,
            exchange,
        } = request.into_inner();
        let (_, host) = self.engine(&broker).await?;
        let found = host.admin().topic_permission(&user, &vhost, &exchange);
        let found = found.map_err(|refusal| subject(&exchange).refused(&refusal))?;
        Ok(Response::new(shown(found)))
    }

    async fn list_topic_permissions(
        &self,
        request: Request<ListTopicPermissionsRequest>,
    ) -> Answer<ListTopicPermissionsResponse> {
        let request = request.into_inner();
        let (_, host) = self.engine(&request.broker).await?;
        let vhost = Some(request.vhost.as_str()).filter(|vhost| !vhost.is_empty());
        let found = host.admin().topic_permissions(vhost).into_iter();
        let key = |spec: &TopicPermissionSpec| {
            vec![spec.vhost.clone(), spec.user.clone(), spec.exchange.clone()]
        };
        let found = found.map(|stored| (key(&stored.value), stored)).collect();
        let page = page(found, request.page_size, &request.page_token, shown)?;
        let (topic_permissions, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListTopicPermissionsResponse {
            topic_permissions,
            next_page_token,
        }))
    }

    async fn put_topic_permission(
        &self,
        request: Request<PutTopicPermissionRequest>,
    ) -> Answer<TopicPermission> {
        let request = request.into_inner();
        let token = token(&request.idempotency_token)?;
        let expect = expect(request.expect);
        let asked = required(request.topic_permission, "topic_permission")?;
        about(
            &request.broker,
            object(&asked.user, &asked.vhost, &asked.exchange),
        );
        let spec = TopicPermissionSpec {
            user: asked.user,
            vhost: asked.vhost,
            exchange: asked.exchange,
            write: asked.write,
            read: asked.read,
        };
        let (_, host) = self.engine(&request.broker).await?;
        let admin = host.admin();
        let existing = || {
            admin
                .topic_permission(&spec.user, &spec.vhost, &spec.exchange)
                .ok()
        };
        let (vhost, user, exchange) = (&spec.vhost, &spec.user, &spec.exchange);
        let changed = host.tokens().create(
            token,
            &format!("topic_permission {vhost:?} {user:?} {exchange:?}"),
            || admin.put_topic_permission(&spec, expect),
            || existing().filter(|existing| existing.value == spec),
        );
        let changed = changed.map_err(|refusal| {
            let generation = existing().map(|existing| existing.generation);
            let failure = subject(exchange).not_put(&refusal, expect, generation);
            of_user_in_vhost(admin, &spec.user, &spec.vhost, &refusal, failure)
        })?;
        let object = settled(&host, changed).await?;
        let broker = request.broker;
        info!(broker, vhost, user, exchange, "topic permission put");
        Ok(Response::new(shown(object)))
    }

    async fn delete_topic_permission(
        &self,
        request: Request<DeleteTopicPermissionRequest>,
    ) -> Answer<DeleteTopicPermissionResponse> {
        let DeleteTopicPermissionRequest {
            broker,
            vhost,
            user,
            exchange,
            expect: state,
        } = request.into_inner();
        about(&broker, object(&user, &vhost, &exchange));
        let expect = expect(state);
        let (_, host) = self.engine(&broker).await?;
        let admin = host.admin();
        let deleted = admin.delete_topic_permission(&user, &vhost, &exchange, expect);
        let lsn = deleted.map_err(|refusal| {
            let existing = admin.topic_permission(&user, &vhost, &exchange).ok();
            let generation = existing.map(|existing| existing.generation);
            subject(&exchange).not_deleted(&refusal, generation)
        })?;
        durable(&host, lsn).await?;
        info!(broker, vhost, user, exchange, "topic permission deleted");
        Ok(Response::new(DeleteTopicPermissionResponse {}))
    }
}

fn subject(exchange: &str) -> Subject<'_> {
    Subject::new("topic_permission", exchange)
}

fn shown(stored: Stored<TopicPermissionSpec>) -> TopicPermission {
    let TopicPermissionSpec {
        user,
        vhost,
        exchange,
        write,
        read,
    } = stored.value;
    TopicPermission {
        vhost,
        user,
        exchange,
        write,
        read,
        generation: stored.generation,
    }
}

/// What the audit log calls it.
fn object(user: &str, vhost: &str, exchange: &str) -> String {
    format!("topic permission of {user:?} at exchange {exchange:?} in {vhost:?}")
}
