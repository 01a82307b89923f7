//! `[limits]` of the configuration: upper bounds of every broker that the agent hosts. All are finite;
//! what is absent has its default.

use std::num::{NonZeroU32, NonZeroUsize};

use broker_core::limits::Limits;
use broker_net::AdmissionLimits;
use serde::Deserialize;

/// What a broker is started with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds {
    /// Free space of the disk below which publishers wait; none for the engine's default.
    pub disk_keep_free_bytes: Option<u64>,
    /// Of the engine.
    pub limits: Limits,
    /// Of who may come in.
    pub admission: AdmissionLimits,
}

/// Declares the keys, each with the limit it sets.
macro_rules! limits {
    ($($(#[$doc:meta])* $key:ident),+ $(,)?) => {
        /// `[limits]`.
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct LimitSettings {
            /// Connections of a broker at a time.
            connections: Option<NonZeroUsize>,
            /// Connections whose login is not behind them.
            half_open: Option<NonZeroUsize>,
            /// The same of one peer address.
            half_open_per_address: Option<NonZeroUsize>,
            /// Memory for messages.
            memory_mib: Option<NonZeroU32>,
            /// How long a client may keep a delivery without settling it.
            consumer_timeout_s: Option<NonZeroU32>,
            $($(#[$doc])* $key: Option<NonZeroUsize>,)+
        }

        impl LimitSettings {
            /// The bounds they make.
            pub(crate) fn bounds(&self, disk_keep_free_bytes: Option<u64>) -> Bounds {
                let mut bounds = Bounds {
                    disk_keep_free_bytes,
                    ..Bounds::default()
                };
                let Bounds { limits, admission, .. } = &mut bounds;
                $(set(&mut limits.$key, self.$key);)+
                set(&mut limits.connections, self.connections);
                set(&mut admission.connections, self.connections);
                set(&mut admission.half_open, self.half_open);
                set(&mut admission.half_open_per_address, self.half_open_per_address);
                if let Some(seconds) = self.consumer_timeout_s {
                    limits.consumer_timeout_ms = u64::from(seconds.get()) * 1000;
                }
                if let Some(mib) = self.memory_mib {
                    limits.memory_bytes = u64::from(mib.get()) << 20;
                }
                bounds
            }
        }
    };
}

limits! {
    /// Levels of lists and maps in one set of arguments.
    argument_depth,
    /// Bytes of one set of arguments.
    argument_bytes,
    /// Bindings of one virtual host.
    bindings_per_vhost,
    /// Consumers of one connection.
    consumers_per_connection,
    /// Consumers of one queue.
    consumers_per_queue,
    /// Exchanges of one virtual host.
    exchanges_per_vhost,
    /// Bytes of a regular expression.
    expression_bytes,
    /// Bytes of one message's body.
    message_bytes,
    /// Policies of one virtual host.
    policies_per_vhost,
    /// Queues of one virtual host.
    queues_per_vhost,
    /// Topic permissions of one user.
    topic_permissions_per_user,
    /// Bytes in open transactions of one connection.
    transaction_bytes,
    /// Users.
    users,
    /// Virtual hosts.
    vhosts,
}

fn set(limit: &mut usize, setting: Option<NonZeroUsize>) {
    if let Some(setting) = setting {
        *limit = setting.get();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<LimitSettings, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn what_is_absent_has_its_default_and_what_is_there_counts() {
        let bounds = parse("").unwrap().bounds(None);
        assert_eq!(bounds.limits, Limits::default());
        assert_eq!(bounds.admission, AdmissionLimits::default());
        let text = "connections = 5\nhalf_open = 2\nmemory_mib = 64\nqueues_per_vhost = 7\nconsumer_timeout_s = 60";
        let bounds = parse(text).unwrap().bounds(Some(1));
        let Bounds {
            disk_keep_free_bytes,
            limits,
            admission,
        } = bounds;
        assert_eq!((limits.connections, admission.connections), (5, 5));
        assert_eq!((admission.half_open, limits.queues_per_vhost), (2, 7));
        assert_eq!(limits.consumer_timeout_ms, 60_000);
        assert_eq!(
            (limits.memory_bytes, disk_keep_free_bytes),
            (64 << 20, Some(1))
        );
    }

    #[test]
    fn no_limit_is_zero_or_unheard_of() {
        for text in [
            "connections = 0",
            "users = -1",
            "queues = 5",
            "vhosts = \"many\"",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
