//! Keys a sender chose beside the routing key: the headers `CC` and `BCC`.
//!
//! Both hold lists of routing keys, by which the message is routed as well. Who gets the message sees
//! the `CC`s; the `BCC`s are taken out of it before anyone does.

use std::collections::HashSet;
use std::fmt;

use bytes::{Bytes, BytesMut};
use wire::amqp091::{BasicPublish, Properties, ReplyCode, Table, TableBuilder, Value};

use super::fault::Fault;

/// What the two headers ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Copies {
    /// Further keys to route by.
    pub(super) keys: Box<[Box<str>]>,
    /// The properties without the header that nobody may see, where they had it.
    pub(super) cleaned: Option<Bytes>,
}

const CC: &str = "CC";
const BCC: &str = "BCC";

/// Most further keys of one message: each takes memory, and is looked up, beyond what the few bytes
/// of its header say.
const MOST_KEYS: usize = 256;

impl Copies {
    /// Reads the two headers.
    pub(super) fn of(properties: &Properties<'_>) -> Result<Self, Fault> {
        let Some(headers) = properties.headers else {
            return Ok(Self::default());
        };
        let mut keys = Keys::default();
        keys.add(headers, CC)?;
        keys.add(headers, BCC)?;
        let secret = headers.get(BCC).is_some();
        Ok(Self {
            keys: keys.list.into(),
            cleaned: secret.then(|| without_bcc(properties, headers)),
        })
    }
}

/// Keys, each once.
#[derive(Default)]
struct Keys<'a> {
    list: Vec<Box<str>>,
    seen: HashSet<&'a str>,
}

impl<'a> Keys<'a> {
    /// Values that are not text are passed over, as RabbitMQ does.
    fn add(&mut self, headers: Table<'a>, name: &str) -> Result<(), Fault> {
        let list = match headers.get(name) {
            None => return Ok(()),
            Some(Value::List(list)) => list,
            Some(_) => {
                return Err(invalid(format_args!(
                    "header '{name}' must be a list of texts"
                )));
            }
        };
        let texts = list.iter().filter_map(|value| match value {
            Value::Text(key) => str::from_utf8(key).ok(),
            _ => None,
        });
        for key in texts {
            if !self.seen.insert(key) {
                continue;
            }
            if self.list.len() == MOST_KEYS {
                return Err(invalid(format_args!(
                    "more than {MOST_KEYS} keys in {CC} and {BCC}"
                )));
            }
            self.list.push(key.into());
        }
        Ok(())
    }
}

fn invalid(why: fmt::Arguments<'_>) -> Fault {
    let text = format_args!("invalid message: {why}");
    Fault::new(ReplyCode::PreconditionFailed, text).of(BasicPublish::IDS)
}

fn without_bcc(properties: &Properties<'_>, headers: Table<'_>) -> Bytes {
    let kept = headers.iter().filter(|(name, _)| *name != BCC.as_bytes());
    let kept = kept.fold(TableBuilder::new(), |table, (name, value)| {
        table.entry(name, value)
    });
    let cleaned = Properties {
        headers: Some(kept.as_table()),
        ..*properties
    };
    let mut out = BytesMut::new();
    cleaned.encode(&mut out);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[Value<'_>]) -> TableBuilder {
        let names = names.iter();
        names.fold(TableBuilder::new(), |list, name| list.item(*name))
    }

    fn copies(headers: &TableBuilder) -> Result<Copies, String> {
        let properties = Properties {
            headers: Some(headers.as_table()),
            app_id: Some(b"app"),
            ..Properties::default()
        };
        Copies::of(&properties).map_err(|fault| fault.reply_text())
    }

    #[test]
    fn both_headers_name_keys_and_only_one_stays() {
        let cc = keys(&[Value::Text(b"a"), Value::U8(1), Value::Text(b"\xff")]);
        let bcc = keys(&[Value::Text(b"b"), Value::Text(b"")]);
        let open = TableBuilder::new().entry(CC, Value::List(cc.as_list()));
        let found = copies(&open).unwrap();
        assert_eq!((found.keys, found.cleaned), ([Box::from("a")].into(), None));

        let both = open.clone().entry(BCC, Value::List(bcc.as_list()));
        let found = copies(&both.text("other", "x")).unwrap();
        assert_eq!(*found.keys, ["a", "b", ""].map(Box::from));
        let cleaned = found.cleaned.unwrap();
        let left = Properties::parse(&cleaned).unwrap();
        assert_eq!(left.app_id, Some(&b"app"[..]));
        let expected = open.text("other", "x");
        assert_eq!(left.headers, Some(expected.as_table()));
    }

    #[test]
    fn a_single_text_is_no_list() {
        for name in [CC, BCC] {
            let refused = copies(&TableBuilder::new().text(name, "a")).unwrap_err();
            assert!(refused.starts_with("PRECONDITION_FAILED - invalid message: header"));
            assert!(refused.contains(&format!("'{name}'")));
        }
    }

    #[test]
    fn each_key_counts_once_and_they_are_not_without_limit() {
        let numbers: Vec<_> = (0..257).map(|n: u32| n.to_string()).collect();
        let texts = |numbers: &[String]| {
            let twice = numbers.iter().chain(numbers);
            let texts: Vec<_> = twice.map(|it| Value::Text(it.as_bytes())).collect();
            let list = keys(&texts);
            copies(&TableBuilder::new().entry(CC, Value::List(list.as_list())))
        };
        let most: Vec<_> = numbers[..256].iter().map(|it| Box::from(&**it)).collect();
        assert_eq!(*texts(&numbers[..256]).unwrap().keys, most[..]);
        let refused = texts(&numbers).unwrap_err();
        let words = "PRECONDITION_FAILED - invalid message: more than 256 keys in CC and BCC";
        assert_eq!(refused, words);
    }

    #[test]
    fn other_headers_ask_for_nothing() {
        let headers = TableBuilder::new().text("cc", "a");
        assert_eq!(copies(&headers), Ok(Copies::default()));
        assert_eq!(Copies::of(&Properties::default()), Ok(Copies::default()));
    }
}
