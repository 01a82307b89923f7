//! Topic permissions of users.

use std::sync::atomic::Ordering;

use super::changes::check_expected;
use super::{Broker, exhausted};
use crate::access::check_topic;
use crate::definitions::{Changed, Expect, Stored, TopicPermissionSpec};
use crate::journal::Lsn;
use crate::lock::{read, write};
use crate::names;
use crate::records::Change;
use crate::refusal::{Reason, Refusal};

impl Broker {
    /// A user's permission at a topic exchange.
    pub(crate) fn topic_permission(
        &self,
        user: &str,
        vhost: &str,
        exchange: &str,
    ) -> Result<Stored<TopicPermissionSpec>, Refusal> {
        let key = (vhost.to_owned(), exchange.to_owned());
        let users = read(&self.users);
        let user_of = users.get(user);
        let found = user_of.and_then(|user| user.topic_permissions.get(&key));
        let missing = || format!("no {}", thing(user, vhost, exchange));
        let found = found.ok_or_else(|| Refusal::new(Reason::NotFound, missing()))?;
        Ok(found.clone())
    }

    /// All of them, those of one virtual host if one is named.
    pub(crate) fn topic_permission_list(
        &self,
        vhost: Option<&str>,
    ) -> Vec<Stored<TopicPermissionSpec>> {
        let users = read(&self.users);
        let all = users
            .values()
            .flat_map(|user| user.topic_permissions.values());
        all.filter(|it| vhost.is_none_or(|vhost| it.value.vhost == vhost))
            .cloned()
            .collect()
    }

    /// Sets a user's permission at a topic exchange.
    pub(crate) fn put_topic_permission(
        &self,
        spec: &TopicPermissionSpec,
        expect: Expect,
    ) -> Result<Changed<TopicPermissionSpec>, Refusal> {
        names::check("exchange", &spec.exchange, &self.limits)
            .map_err(|refusal| refusal.at("exchange"))?;
        check_topic(spec, self.limits.expression_bytes)?;
        let mut change = self.change();
        self.vhost(&spec.vhost)?;
        self.user(&spec.user)?;
        let found = self
            .topic_permission(&spec.user, &spec.vhost, &spec.exchange)
            .ok();
        let thing = || thing(&spec.user, &spec.vhost, &spec.exchange);
        check_expected(expect, found.as_ref(), thing)?;
        let most = self.limits.topic_permissions_per_user;
        let count = |user: &str| {
            let users = read(&self.users);
            users
                .get(user)
                .map_or(0, |user| user.topic_permissions.len())
        };
        if found.is_none() && count(&spec.user) >= most {
            return Err(exhausted("topic permissions of one user", most));
        }
        if let Some(object) = found.filter(|stored| stored.value == *spec) {
            let lsn = self.last_change();
            return Ok(Changed { object, lsn });
        }
        let object = Stored {
            value: spec.clone(),
            generation: change.next_id()?,
        };
        let lsn = change.put(&Change::TopicPermissionPut(object.clone()))?;
        if let Some(user) = write(&self.users).get_mut(spec.user.as_str()) {
            let key = (spec.vhost.clone(), spec.exchange.clone());
            user.topic_permissions.insert(key, object.clone());
        }
        self.access_epoch.fetch_add(1, Ordering::SeqCst);
        Ok(Changed { object, lsn })
    }

    /// Takes one away: the exchange is open to whoever may use it.
    pub(crate) fn delete_topic_permission(
        &self,
        user: &str,
        vhost: &str,
        exchange: &str,
        expect: Expect,
    ) -> Result<Lsn, Refusal> {
        let mut change = self.change();
        let stored = self.topic_permission(user, vhost, exchange)?;
        check_expected(expect, Some(&stored), || thing(user, vhost, exchange))?;
        let lsn = change.delete(&Change::TopicPermissionDeleted {
            user: user.to_owned(),
            vhost: vhost.to_owned(),
            exchange: exchange.to_owned(),
        })?;
        if let Some(user) = write(&self.users).get_mut(user) {
            let key = (vhost.to_owned(), exchange.to_owned());
            user.topic_permissions.remove(&key);
        }
        self.access_epoch.fetch_add(1, Ordering::SeqCst);
        Ok(lsn)
    }
}

fn thing(user: &str, vhost: &str, exchange: &str) -> String {
    format!("topic permission of user '{user}' at exchange '{exchange}' in vhost '{vhost}'")
}
