//! Records of definitions: one per object that came, changed or went.
//!
//! ```text
//! 1 vhost put        generation name description       2 vhost deleted       name
//! 3 user put         generation name has_password:bool [password] tags:count tag*
//! 4 user deleted     name
//! 5 permission put   generation user vhost configure write read
//! 6 permission deleted  user vhost
//! 7 exchange put     generation vhost name kind:u8 flags arguments    8 exchange deleted  vhost name
//! 9 queue put        generation vhost name flags arguments
//! 10 queue deleted   vhost name id:varint
//! 11 binding put     generation binding               12 binding deleted     binding
//! 13 ids reserved    below:varint
//! 14 together        changes:varint (change:blob)*    none of them a 14
//! 15 queue changed   id:varint, then as 9             16 exchange changed    as 7; bindings stay
//! 17 policy put      generation vhost name operator:bool apply_to:u8 pattern priority:i64 definition
//! 18 policy deleted  vhost name operator:bool
//! 19 vhost put, with more than 1 has    as 1, then tags:count tag* default_queue_type protected:bool
//! 20 limits put      generation, see `limits`         21 limits deleted      of_user:bool name
//! 22 topic permission put      generation user vhost exchange write read
//! 23 topic permission deleted  user vhost exchange
//! 24 delayed exchange put      id:varint, then as 7
//!
//! binding  vhost source to_queue:bool destination routing_key arguments
//! flags    bit 0 durable, bit 1 auto_delete, bit 2 internal (exchange) or exclusive (queue)
//! kind     1 direct, 2 fanout, 3 topic, 4 headers, 5 consistent-hash, 6 delayed
//! apply_to see `policy`
//! ```
//! A queue that was changed keeps the number of its first generation, which messages name it by. So
//! does a delayed exchange, whose messages name it as a queue: a checkpoint tells of one by 24.
//! All texts are `str`, generations are varints.

use std::collections::BTreeSet;

use super::VERSION;
use super::codec::{Malformed, Reader, put_blob, put_str, put_varint};
use super::limits::{limited, limits, put_limited, put_limits};
use super::policy::{policy, put_policy};
use super::value::{arguments, put_arguments};
use crate::access::PasswordHash;
use crate::call::QueueId;
use crate::definitions::{
    BindingSpec, Endpoint, ExchangeKind, ExchangeSpec, Limited, LimitsSpec, PermissionSpec,
    PolicySpec, QueueSpec, Stored, TopicPermissionSpec, UserSpec, VhostSpec,
};

/// One change of the definitions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Numbers below this may be in use.
    IdsReserved(u64),
    LimitsDeleted(Limited),
    LimitsPut(Stored<LimitsSpec>),
    BindingDeleted(BindingSpec),
    BindingPut(Stored<BindingSpec>),
    /// Its bindings went with it.
    ExchangeDeleted {
        vhost: String,
        name: String,
    },
    ExchangePut(Stored<ExchangeSpec>),
    /// A delayed exchange that was changed, in a checkpoint; messages name it by the number `id`.
    DelayedExchangePut {
        id: QueueId,
        definition: Stored<ExchangeSpec>,
    },
    /// Its bindings stay.
    ExchangeChanged(Stored<ExchangeSpec>),
    PermissionDeleted {
        user: String,
        vhost: String,
    },
    PermissionPut(Stored<PermissionSpec>),
    PolicyDeleted {
        vhost: String,
        name: String,
        operator: bool,
    },
    PolicyPut(Stored<PolicySpec>),
    /// Its bindings and messages stay. In a checkpoint it makes the queue.
    QueueChanged {
        id: QueueId,
        definition: Stored<QueueSpec>,
    },
    /// Its bindings and messages went with it.
    QueueDeleted {
        vhost: String,
        name: String,
        id: QueueId,
    },
    QueuePut(Stored<QueueSpec>),
    /// Several that happen or do not happen as one; none of them is such a group itself.
    Together(Vec<Change>),
    TopicPermissionDeleted {
        user: String,
        vhost: String,
        exchange: String,
    },
    TopicPermissionPut(Stored<TopicPermissionSpec>),
    /// Its permissions and limits went with it.
    UserDeleted {
        name: String,
    },
    UserPut(Stored<UserSpec>),
    /// Everything in it, and all permissions in it, went with it.
    VhostDeleted {
        name: String,
    },
    VhostPut(Stored<VhostSpec>),
}

/// Tag of a group of changes.
const TOGETHER: u8 = 14;

const DURABLE: u8 = 1;
const AUTO_DELETE: u8 = 2;
const INTERNAL_OR_EXCLUSIVE: u8 = 4;

/// Replaces `out` with a change record.
pub(crate) fn write_change(out: &mut Vec<u8>, change: &Change) {
    out.clear();
    out.extend([VERSION, tag(change)]);
    match change {
        Change::IdsReserved(below) => put_varint(out, *below),
        Change::BindingDeleted(spec) => put_binding(out, spec),
        Change::BindingPut(stored) => {
            put_varint(out, stored.generation);
            put_binding(out, &stored.value);
        }
        Change::ExchangeDeleted { vhost, name } => put_strs(out, &[vhost, name]),
        Change::ExchangePut(stored) | Change::ExchangeChanged(stored) => put_exchange(out, stored),
        Change::PermissionDeleted { user, vhost } => put_strs(out, &[user, vhost]),
        Change::PermissionPut(Stored { value, generation }) => {
            put_varint(out, *generation);
            let PermissionSpec {
                user,
                vhost,
                configure,
                write,
                read,
            } = value;
            put_strs(out, &[user, vhost, configure, write, read]);
        }
        Change::PolicyDeleted {
            vhost,
            name,
            operator,
        } => {
            put_strs(out, &[vhost, name]);
            out.push(u8::from(*operator));
        }
        Change::PolicyPut(stored) => put_policy(out, stored),
        Change::DelayedExchangePut { id, definition } => {
            put_varint(out, id.0);
            put_exchange(out, definition);
        }
        Change::QueueChanged { id, definition } => {
            put_varint(out, id.0);
            put_queue(out, definition);
        }
        Change::QueueDeleted { vhost, name, id } => {
            put_strs(out, &[vhost, name]);
            put_varint(out, id.0);
        }
        Change::QueuePut(stored) => put_queue(out, stored),
        Change::Together(changes) => {
            put_varint(out, changes.len() as u64);
            let mut one = Vec::new();
            for change in changes {
                write_change(&mut one, change);
                put_blob(out, &one);
            }
        }
        Change::UserDeleted { name } | Change::VhostDeleted { name } => put_str(out, name),
        Change::UserPut(stored) => put_user(out, stored),
        Change::VhostPut(stored) => put_vhost(out, stored),
        Change::LimitsPut(stored) => put_limits(out, stored),
        Change::LimitsDeleted(of) => put_limited(out, of),
        Change::TopicPermissionPut(stored) => put_topic_permission(out, stored),
        Change::TopicPermissionDeleted {
            user,
            vhost,
            exchange,
        } => put_strs(out, &[user, vhost, exchange]),
    }
}

pub(crate) fn read_change(payload: &[u8]) -> Result<Change, Malformed> {
    let mut reader = Reader::versioned(payload)?;
    let change = match reader.u8()? {
        TOGETHER => Change::Together(read_together(&mut reader)?),
        tag => read_tagged(tag, &mut reader)?,
    };
    reader.end()?;
    Ok(change)
}

fn read_together(reader: &mut Reader<'_>) -> Result<Vec<Change>, Malformed> {
    let mut changes = Vec::new();
    for _ in 0..reader.varint()? {
        let mut one = Reader::versioned(reader.blob()?)?;
        let tag = one.u8()?;
        changes.push(read_tagged(tag, &mut one)?);
        one.end()?;
    }
    Ok(changes)
}

fn tag(change: &Change) -> u8 {
    match change {
        Change::VhostPut(stored) if is_plain(&stored.value) => 1,
        Change::VhostPut(_) => 19,
        Change::VhostDeleted { .. } => 2,
        Change::UserPut(_) => 3,
        Change::UserDeleted { .. } => 4,
        Change::PermissionPut(_) => 5,
        Change::PermissionDeleted { .. } => 6,
        Change::ExchangePut(_) => 7,
        Change::ExchangeDeleted { .. } => 8,
        Change::QueuePut(_) => 9,
        Change::QueueDeleted { .. } => 10,
        Change::BindingPut(_) => 11,
        Change::BindingDeleted(_) => 12,
        Change::IdsReserved(_) => 13,
        Change::Together(_) => TOGETHER,
        Change::QueueChanged { .. } => 15,
        Change::ExchangeChanged(_) => 16,
        Change::PolicyPut(_) => 17,
        Change::PolicyDeleted { .. } => 18,
        Change::LimitsPut(_) => 20,
        Change::LimitsDeleted(_) => 21,
        Change::TopicPermissionPut(_) => 22,
        Change::TopicPermissionDeleted { .. } => 23,
        Change::DelayedExchangePut { .. } => 24,
    }
}

fn read_tagged(tag: u8, reader: &mut Reader<'_>) -> Result<Change, Malformed> {
    Ok(match tag {
        1 => Change::VhostPut(stored(reader, plain_vhost)?),
        2 => Change::VhostDeleted {
            name: reader.string()?,
        },
        3 => Change::UserPut(stored(reader, user)?),
        4 => Change::UserDeleted {
            name: reader.string()?,
        },
        5 => Change::PermissionPut(stored(reader, |reader| {
            Ok(PermissionSpec {
                user: reader.string()?,
                vhost: reader.string()?,
                configure: reader.string()?,
                write: reader.string()?,
                read: reader.string()?,
            })
        })?),
        6 => Change::PermissionDeleted {
            user: reader.string()?,
            vhost: reader.string()?,
        },
        7 => Change::ExchangePut(stored(reader, exchange)?),
        8 => Change::ExchangeDeleted {
            vhost: reader.string()?,
            name: reader.string()?,
        },
        9 => Change::QueuePut(stored(reader, queue)?),
        10 => Change::QueueDeleted {
            vhost: reader.string()?,
            name: reader.string()?,
            id: QueueId(reader.varint()?),
        },
        11 => Change::BindingPut(stored(reader, binding)?),
        12 => Change::BindingDeleted(binding(reader)?),
        13 => Change::IdsReserved(reader.varint()?),
        15 => Change::QueueChanged {
            id: QueueId(reader.varint()?),
            definition: stored(reader, queue)?,
        },
        16 => Change::ExchangeChanged(stored(reader, exchange)?),
        17 => Change::PolicyPut(stored(reader, policy)?),
        18 => Change::PolicyDeleted {
            vhost: reader.string()?,
            name: reader.string()?,
            operator: reader.bool()?,
        },
        19 => Change::VhostPut(stored(reader, vhost)?),
        20 => Change::LimitsPut(stored(reader, limits)?),
        21 => Change::LimitsDeleted(limited(reader)?),
        22 => Change::TopicPermissionPut(stored(reader, topic_permission)?),
        23 => Change::TopicPermissionDeleted {
            user: reader.string()?,
            vhost: reader.string()?,
            exchange: reader.string()?,
        },
        24 => Change::DelayedExchangePut {
            id: QueueId(reader.varint()?),
            definition: stored(reader, exchange)?,
        },
        _ => return Err(Malformed("a change of unknown type")),
    })
}

fn stored<T>(
    reader: &mut Reader<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Stored<T>, Malformed> {
    let generation = reader.varint()?;
    Ok(Stored {
        value: read(reader)?,
        generation,
    })
}

fn put_strs(out: &mut Vec<u8>, texts: &[&str]) {
    texts.iter().for_each(|text| put_str(out, text));
}

/// Nothing is said of the virtual host that the first layout has no place for.
fn is_plain(vhost: &VhostSpec) -> bool {
    vhost.tags.is_empty() && vhost.default_queue_type.is_none() && !vhost.protected
}

fn put_vhost(out: &mut Vec<u8>, Stored { value, generation }: &Stored<VhostSpec>) {
    put_varint(out, *generation);
    put_strs(out, &[&value.name, &value.description]);
    if !is_plain(value) {
        put_tags(out, &value.tags);
        put_str(out, value.default_queue_type.as_deref().unwrap_or_default());
        out.push(u8::from(value.protected));
    }
}

fn plain_vhost(reader: &mut Reader<'_>) -> Result<VhostSpec, Malformed> {
    let name = reader.string()?;
    let description = reader.string()?;
    Ok(VhostSpec {
        description,
        ..VhostSpec::named(name)
    })
}

fn vhost(reader: &mut Reader<'_>) -> Result<VhostSpec, Malformed> {
    let plain = plain_vhost(reader)?;
    let tags = read_tags(reader)?;
    let default_queue_type = Some(reader.string()?).filter(|name| !name.is_empty());
    Ok(VhostSpec {
        tags,
        default_queue_type,
        protected: reader.bool()?,
        ..plain
    })
}

fn put_tags(out: &mut Vec<u8>, tags: &BTreeSet<String>) {
    put_varint(out, tags.len() as u64);
    tags.iter().for_each(|tag| put_str(out, tag));
}

fn read_tags(reader: &mut Reader<'_>) -> Result<BTreeSet<String>, Malformed> {
    let mut tags = BTreeSet::new();
    for _ in 0..reader.varint()? {
        tags.insert(reader.string()?);
    }
    Ok(tags)
}

fn put_user(out: &mut Vec<u8>, Stored { value, generation }: &Stored<UserSpec>) {
    put_varint(out, *generation);
    put_str(out, &value.name);
    out.push(u8::from(value.password.is_some()));
    if let Some(hash) = &value.password {
        put_str(out, hash.as_str());
    }
    put_tags(out, &value.tags);
}

fn user(reader: &mut Reader<'_>) -> Result<UserSpec, Malformed> {
    let name = reader.string()?;
    let password = match reader.bool()? {
        true => {
            Some(PasswordHash::parse(reader.str()?).map_err(|_| Malformed("not a password hash"))?)
        }
        false => None,
    };
    Ok(UserSpec {
        name,
        password,
        tags: read_tags(reader)?,
    })
}

fn put_topic_permission(out: &mut Vec<u8>, stored: &Stored<TopicPermissionSpec>) {
    let Stored { value, generation } = stored;
    put_varint(out, *generation);
    put_strs(out, &[&value.user, &value.vhost, &value.exchange]);
    put_strs(out, &[&value.write, &value.read]);
}

fn topic_permission(reader: &mut Reader<'_>) -> Result<TopicPermissionSpec, Malformed> {
    Ok(TopicPermissionSpec {
        user: reader.string()?,
        vhost: reader.string()?,
        exchange: reader.string()?,
        write: reader.string()?,
        read: reader.string()?,
    })
}

fn put_exchange(out: &mut Vec<u8>, Stored { value, generation }: &Stored<ExchangeSpec>) {
    put_varint(out, *generation);
    put_strs(out, &[&value.vhost, &value.name]);
    let kind = match value.kind {
        ExchangeKind::Direct => 1,
        ExchangeKind::Fanout => 2,
        ExchangeKind::Topic => 3,
        ExchangeKind::Headers => 4,
        ExchangeKind::ConsistentHash => 5,
        ExchangeKind::Delayed => 6,
    };
    out.extend([
        kind,
        flags(value.durable, value.auto_delete, value.internal),
    ]);
    put_arguments(out, &value.arguments);
}

fn exchange(reader: &mut Reader<'_>) -> Result<ExchangeSpec, Malformed> {
    let (vhost, name) = (reader.string()?, reader.string()?);
    let kind = match reader.u8()? {
        1 => ExchangeKind::Direct,
        2 => ExchangeKind::Fanout,
        3 => ExchangeKind::Topic,
        4 => ExchangeKind::Headers,
        5 => ExchangeKind::ConsistentHash,
        6 => ExchangeKind::Delayed,
        _ => return Err(Malformed("an exchange of unknown kind")),
    };
    let [durable, auto_delete, internal] = read_flags(reader)?;
    let arguments = arguments(reader)?;
    Ok(ExchangeSpec {
        vhost,
        name,
        kind,
        durable,
        auto_delete,
        internal,
        arguments,
    })
}

fn put_queue(out: &mut Vec<u8>, Stored { value, generation }: &Stored<QueueSpec>) {
    put_varint(out, *generation);
    put_strs(out, &[&value.vhost, &value.name]);
    out.push(flags(value.durable, value.auto_delete, value.exclusive));
    put_arguments(out, &value.arguments);
}

fn queue(reader: &mut Reader<'_>) -> Result<QueueSpec, Malformed> {
    let (vhost, name) = (reader.string()?, reader.string()?);
    let [durable, auto_delete, exclusive] = read_flags(reader)?;
    let arguments = arguments(reader)?;
    Ok(QueueSpec {
        vhost,
        name,
        durable,
        exclusive,
        auto_delete,
        arguments,
    })
}

fn put_binding(out: &mut Vec<u8>, spec: &BindingSpec) {
    put_strs(out, &[&spec.vhost, &spec.source]);
    let (to_queue, destination) = match &spec.destination {
        Endpoint::Exchange(name) => (0, name),
        Endpoint::Queue(name) => (1, name),
    };
    out.push(to_queue);
    put_strs(out, &[destination, &spec.routing_key]);
    put_arguments(out, &spec.arguments);
}

fn binding(reader: &mut Reader<'_>) -> Result<BindingSpec, Malformed> {
    let (vhost, source) = (reader.string()?, reader.string()?);
    let destination = match reader.bool()? {
        false => Endpoint::Exchange(reader.string()?),
        true => Endpoint::Queue(reader.string()?),
    };
    let routing_key = reader.string()?;
    let arguments = arguments(reader)?;
    Ok(BindingSpec {
        vhost,
        source,
        destination,
        routing_key,
        arguments,
    })
}

fn flags(durable: bool, auto_delete: bool, third: bool) -> u8 {
    let bit = |set: bool, mask: u8| if set { mask } else { 0 };
    bit(durable, DURABLE) | bit(auto_delete, AUTO_DELETE) | bit(third, INTERNAL_OR_EXCLUSIVE)
}

fn read_flags(reader: &mut Reader<'_>) -> Result<[bool; 3], Malformed> {
    let flags = reader.u8()?;
    if flags & !(DURABLE | AUTO_DELETE | INTERNAL_OR_EXCLUSIVE) != 0 {
        return Err(Malformed("an unknown flag is set"));
    }
    Ok([DURABLE, AUTO_DELETE, INTERNAL_OR_EXCLUSIVE].map(|mask| flags & mask != 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::definitions::ApplyTo;
    use crate::value::{Arguments, Value};

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$\
                        aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";

    const GOLDEN: [&str; 24] = [
        r"\x01\x01\x01\x01/\x05first",
        r"\x01\x02\x01v",
        concat!(
            r"\x01\x03\xac\x02\x01u\x01",
            "[$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$",
            r"aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\x02\radministrator\x01b",
        ),
        r"\x01\x04\x01u",
        r"\x01\x05\x03\x01u\x01/\x00\x02.*\x03^q$",
        r"\x01\x06\x01u\x01/",
        r"\x01\x07\x04\x01/\x02ex\x03\x05\x00",
        r"\x01\x08\x01/\x02ex",
        r"\x01\t\x05\x01/\x04q \xc3\xa9\x03\x01\x0cx-queue-type\x05\x06quorum",
        r"\x01\n\x01/\x01q\x05",
        r"\x01\x0b\x06\x01/\x02ex\x01\x01q\x03a.#\x00",
        r"\x01\x0c\x01/\x02ex\x00\x02e2\x03a.#\x00",
        r"\x01\r\x80 ",
        r"\x01\x0e\x02\x04\x01\x02\x01v\x04\x01\x04\x01u",
        r"\x01\x0f\x05\x07\x01/\x04q \xc3\xa9\x03\x01\x0cx-queue-type\x05\x06quorum",
        r"\x01\x10\x08\x01/\x02ex\x03\x05\x00",
        concat!(
            r"\x01\x11\t\x01/\x01p\x01\x03\x02^q\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            r"\x08overflow\x05\tdrop-head",
        ),
        r"\x01\x12\x01/\x01p\x01",
        r"\x01\x13\n\x01/\x00\x01\x01t\x06quorum\x01",
        r"\x01\x14\x0b\x01\x01u\x06\x01\x00",
        r"\x01\x15\x00\x01/",
        r"\x01\x16\x0c\x01u\x01/\x02ex\x02^a\x00",
        r"\x01\x17\x01u\x01/\x02ex",
        r"\x01\x18\x06\r\x01/\x02ex\x06\x05\x00",
    ];

    fn exchange_spec() -> ExchangeSpec {
        ExchangeSpec {
            vhost: "/".into(),
            name: "ex".into(),
            kind: ExchangeKind::Topic,
            durable: true,
            auto_delete: false,
            internal: true,
            arguments: Arguments::new(),
        }
    }

    fn queue_spec() -> QueueSpec {
        QueueSpec {
            vhost: "/".into(),
            name: "q é".into(),
            durable: true,
            exclusive: false,
            auto_delete: true,
            arguments: [("x-queue-type".into(), Value::Text("quorum".into()))].into(),
        }
    }

    fn binding_spec(destination: Endpoint) -> BindingSpec {
        BindingSpec {
            vhost: "/".into(),
            source: "ex".into(),
            destination,
            routing_key: "a.#".into(),
            arguments: Arguments::new(),
        }
    }

    fn stored<T>(generation: u64, value: T) -> Stored<T> {
        Stored { value, generation }
    }

    /// One change of each type, in order of their tags.
    fn one_of_each() -> Vec<Change> {
        [one_of_each_first(), one_of_each_later()].concat()
    }

    /// One change of each of the first types, in order of their tags.
    fn one_of_each_first() -> Vec<Change> {
        let (root, name) = (|| "/".to_owned(), |name: &str| name.to_owned());
        let vhost = VhostSpec {
            description: name("first"),
            ..VhostSpec::named("/")
        };
        let user = UserSpec {
            name: name("u"),
            password: Some(PasswordHash::parse(HASH).unwrap()),
            tags: [name("administrator"), name("b")].into(),
        };
        let permission = PermissionSpec {
            user: name("u"),
            vhost: root(),
            configure: String::new(),
            write: name(".*"),
            read: name("^q$"),
        };
        vec![
            Change::VhostPut(stored(1, vhost)),
            Change::VhostDeleted { name: name("v") },
            Change::UserPut(stored(300, user)),
            Change::UserDeleted { name: name("u") },
            Change::PermissionPut(stored(3, permission)),
            Change::PermissionDeleted {
                user: name("u"),
                vhost: root(),
            },
            Change::ExchangePut(stored(4, exchange_spec())),
            Change::ExchangeDeleted {
                vhost: root(),
                name: name("ex"),
            },
            Change::QueuePut(stored(5, queue_spec())),
            Change::QueueDeleted {
                vhost: root(),
                name: name("q"),
                id: QueueId(5),
            },
            Change::BindingPut(stored(6, binding_spec(Endpoint::Queue(name("q"))))),
            Change::BindingDeleted(binding_spec(Endpoint::Exchange(name("e2")))),
            Change::IdsReserved(4096),
            Change::Together(vec![
                Change::VhostDeleted { name: name("v") },
                Change::UserDeleted { name: name("u") },
            ]),
        ]
    }

    /// The same of the types that came later.
    fn one_of_each_later() -> Vec<Change> {
        let (root, name) = (|| "/".to_owned(), |name: &str| name.to_owned());
        let told = VhostSpec {
            tags: [name("t")].into(),
            default_queue_type: Some(name("quorum")),
            protected: true,
            ..VhostSpec::named("/")
        };
        let limits = LimitsSpec {
            of: Limited::User(name("u")),
            max_connections: Some(5),
            max_channels: Some(0),
            max_queues: None,
        };
        let topic = TopicPermissionSpec {
            user: name("u"),
            vhost: root(),
            exchange: name("ex"),
            write: name("^a"),
            read: String::new(),
        };
        let policy = PolicySpec {
            vhost: root(),
            name: name("p"),
            operator: true,
            pattern: name("^q"),
            apply_to: ApplyTo::ClassicQueues,
            priority: -1,
            definition: [("overflow".into(), Value::Text("drop-head".into()))].into(),
        };
        let delayed = ExchangeSpec {
            kind: ExchangeKind::Delayed,
            ..exchange_spec()
        };
        vec![
            Change::QueueChanged {
                id: QueueId(5),
                definition: stored(7, queue_spec()),
            },
            Change::ExchangeChanged(stored(8, exchange_spec())),
            Change::PolicyPut(stored(9, policy)),
            Change::PolicyDeleted {
                vhost: root(),
                name: name("p"),
                operator: true,
            },
            Change::VhostPut(stored(10, told)),
            Change::LimitsPut(stored(11, limits)),
            Change::LimitsDeleted(Limited::Vhost(root())),
            Change::TopicPermissionPut(stored(12, topic)),
            Change::TopicPermissionDeleted {
                user: name("u"),
                vhost: root(),
                exchange: name("ex"),
            },
            Change::DelayedExchangePut {
                id: QueueId(6),
                definition: stored(13, delayed),
            },
        ]
    }

    #[test]
    fn changes_that_happen_together_are_no_groups_themselves() {
        let group = |changes| {
            let mut out = Vec::new();
            write_change(&mut out, &Change::Together(changes));
            read_change(&out)
        };
        assert_eq!(group(Vec::new()), Ok(Change::Together(Vec::new())));
        assert!(group(vec![Change::Together(Vec::new())]).is_err());
    }

    /// What earlier versions wrote must be read for good: a change here needs a new layout version.
    #[test]
    fn every_change_keeps_its_bytes() {
        let written: Vec<String> = one_of_each()
            .iter()
            .map(|change| {
                let mut out = Vec::new();
                write_change(&mut out, change);
                out.escape_ascii().to_string()
            })
            .collect();
        assert_eq!(written, GOLDEN);
    }

    #[test]
    fn every_change_round_trips_and_refuses_to_be_cut() {
        for (index, change) in one_of_each().iter().enumerate() {
            let mut out = Vec::new();
            write_change(&mut out, change);
            assert_eq!(usize::from(out[1]), index + 1, "tags are never reassigned");
            assert_eq!(read_change(&out).as_ref(), Ok(change));
            for end in 0..out.len() {
                assert!(read_change(&out[..end]).is_err(), "{change:?} cut at {end}");
            }
            out.push(0);
            assert!(read_change(&out).is_err(), "{change:?} with a byte more");
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..96), tag in 0u8..32) {
            let versioned: Vec<u8> = [&[VERSION, tag][..], &bytes].concat();
            let _ = (read_change(&bytes), read_change(&versioned));
        }
    }
}
