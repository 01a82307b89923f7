//! What agents are told: a broker, a user, and for a pair where its nodes and its store are.

use std::collections::BTreeMap;

use agent_api::v1::{
    Broker, BrokerState, Coordination, CreateBrokerRequest, EtcdStore, Listener, Password,
    Permission, PutPermissionRequest, PutUserRequest, Replication, ReplicationNode,
    ReplicationState, User, coordination, password,
};
use anyhow::{Context as _, Result};

use super::Stage;
use super::node::{AMQP_PORT, BROKER, Node};
use crate::workload::{PASSWORD, USER};

impl Stage {
    /// Makes the broker on each agent, and its user.
    pub(super) fn create_brokers(&mut self) -> Result<()> {
        for index in 0..self.nodes.len() {
            self.create_broker(index)?;
        }
        self.wait_until_whole()?;
        let active = self.active()?;
        self.runtime.block_on(add_user(&self.nodes[active]))
    }

    /// Makes the broker on one agent: the first time, or on a new disk.
    pub(crate) fn create_broker(&self, index: usize) -> Result<()> {
        let listener = Listener {
            port: Some(AMQP_PORT.into()),
            tls: Some(false),
            ..Default::default()
        };
        let broker = Broker {
            name: BROKER.to_owned(),
            listeners: BTreeMap::from([("amqp".to_owned(), listener)]),
            replication: self.is_pair().then(|| Box::new(self.replication(index))),
            ..Default::default()
        };
        let request = CreateBrokerRequest {
            broker: Some(broker),
            idempotency_token: String::new(),
        };
        self.runtime.block_on(async {
            let client = self.nodes[index].agent.client().await?;
            client.call(client.brokers().create_broker(request)).await?;
            Ok(())
        })
    }

    /// Whether this node says that it is active.
    pub(crate) fn is_active(&self, index: usize) -> bool {
        let broker = self.runtime.block_on(self.nodes[index].agent.broker());
        broker.is_ok_and(|broker| is_active(&broker))
    }

    fn replication(&self, index: usize) -> Replication {
        let node = |index: usize| ReplicationNode {
            id: node_id(index),
            name: format!("node{}", index + 1),
            agent: self.nodes[index].agent.address.to_string(),
            replication: self.pair[index].address().to_string(),
        };
        let store = EtcdStore {
            endpoints: self
                .store
                .iter()
                .map(|proxy| format!("http://{}", proxy.address()))
                .collect(),
            ..Default::default()
        };
        Replication {
            group: format!("{:032x}", u128::from(self.seed) + 1),
            nodes: (0..self.nodes.len()).map(node).collect(),
            node: node_id(index),
            founder: node_id(0),
            coordination: Some(Coordination {
                store: Some(coordination::Store::Etcd(store)),
            }),
            ..Default::default()
        }
    }
}

fn node_id(index: usize) -> u32 {
    index as u32 + 1
}

fn state(broker: &Broker) -> Option<ReplicationState> {
    let status = broker.status.as_ref()?;
    Some(status.replication.as_ref()?.state())
}

/// Whether this node serves, or would.
pub(super) fn is_active(broker: &Broker) -> bool {
    use ReplicationState::{ActiveAlone, ActiveBlocked, ActiveReplicated};
    matches!(
        state(broker),
        Some(ActiveAlone | ActiveBlocked | ActiveReplicated)
    )
}

/// Whether this node runs.
pub(super) fn runs(broker: &Broker) -> bool {
    let status = broker.status.as_ref();
    status.is_some_and(|status| status.state() == BrokerState::Running)
}

/// Whether this node serves with all others in sync: the one that serves is who knows.
pub(super) fn is_replicated(broker: &Broker) -> bool {
    let status = broker.status.as_ref();
    let replication = status.and_then(|status| status.replication.as_ref());
    replication.is_some_and(|replication| {
        replication.state() == ReplicationState::ActiveReplicated
            && replication.nodes.iter().all(|node| node.in_sync)
    })
}

async fn add_user(node: &Node) -> Result<()> {
    let client = node.agent.client().await?;
    let user = PutUserRequest {
        broker: BROKER.to_owned(),
        user: Some(User {
            name: USER.to_owned(),
            ..Default::default()
        }),
        password: Some(Password {
            form: Some(password::Form::Plaintext(PASSWORD.to_owned())),
        }),
        ..Default::default()
    };
    let put = client.call(client.users().put_user(user)).await;
    put.context("declare a user")?;
    let all = || ".*".to_owned();
    let permission = PutPermissionRequest {
        broker: BROKER.to_owned(),
        permission: Some(Permission {
            vhost: "/".to_owned(),
            user: USER.to_owned(),
            configure: all(),
            write: all(),
            read: all(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut permissions = client.permissions();
    let put = client.call(permissions.put_permission(permission)).await;
    put.context("permit everything").map(drop)
}
