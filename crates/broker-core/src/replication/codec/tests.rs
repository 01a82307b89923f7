//! Frames there and back, damaged, and as the very bytes they have to be.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;

use super::bulk::append_fields;
use super::*;
use crate::journal::{
    self, Admission, Epoch, Haste, Kind as RecordKind, Lsn, Options, Record, RecordRef, Run,
    Shipment, SimDisk, StoreId, Turn,
};
use crate::replication::epochs::EpochTable;
use crate::replication::frame::{Append, CatchUp, Frame, Heartbeat, Hello, Reject, Welcome};
use crate::replication::preface::{Refusal, Settled};
use crate::replication::record::{Member, NodeId, Position};
use crate::replication::replica::{Bulk, Offer, Scrubbed};

const MOST_RECORDS: usize = 1 << 20;

/// Replays nothing: the journal is new.
struct Nothing;

impl journal::Replay for Nothing {
    fn checkpoint(&mut self, _: Lsn, _: &[u8]) -> Result<(), journal::Unreadable> {
        Ok(())
    }

    fn record(&mut self, _: RecordRef<'_>) -> Result<(), journal::Unreadable> {
        Ok(())
    }
}

/// Some records of a journal of epoch 3.
fn run() -> Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let options = Options {
            epoch: Some(Epoch(3)),
            ..Options::default()
        };
        let disk = Arc::new(SimDisk::new(1));
        let (journal, mut writer) = journal::open(disk, &options, &mut Nothing).unwrap();
        for number in 0..3 {
            let record = Record {
                kind: RecordKind::new(7),
                admission: Admission::Ordinary,
                parts: &[&[number; 21]],
                body: None,
            };
            journal.append(&record, Haste::Now).unwrap();
        }
        while writer.turn().unwrap() != Turn::Idle {}
        match journal.ship(journal.first(), MOST_RECORDS).unwrap() {
            Shipment::Run(run) => run,
            other => panic!("{other:?}"),
        }
    })
    .clone()
}

fn append(run: &Run) -> Append {
    Append {
        epoch: Epoch(4),
        prev: Position {
            epoch: Epoch(2),
            lsn: run.start(),
        },
        written_in: Epoch(3),
        end: run.end(),
        committed: Lsn(5),
    }
}

fn bytes(encoded: &Encoded) -> Vec<u8> {
    assert_eq!(encoded.pieces().concat().len(), encoded.len());
    encoded.pieces().concat()
}

/// Anything that is sent.
#[derive(Debug, Clone, PartialEq)]
enum Message {
    Packet(Packet),
    Answer(Answer),
}

fn encode(message: Message) -> Encoded {
    match message {
        Message::Packet(packet) => super::encode(packet),
        Message::Answer(answer) => encode_answer(answer),
    }
}

/// As a link reads: the head, then exactly the rest.
fn read(bytes: &[u8]) -> Option<Result<Message, CodecError>> {
    let (head, rest) = bytes.split_first_chunk()?;
    let head = match Head::parse(*head, MOST_RECORDS) {
        Ok(head) => head,
        Err(error) => return Some(Err(error)),
    };
    let rest = rest.get(..head.rest())?.to_vec();
    Some(match head.kind() {
        Kind::Accepted | Kind::Refused => decode_answer(&head, rest).map(Message::Answer),
        _ => decode(&head, rest).map(Message::Packet),
    })
}

fn lsn() -> impl Strategy<Value = Lsn> {
    any::<u64>().prop_map(Lsn)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    any::<u32>().prop_map(Epoch)
}

fn table() -> impl Strategy<Value = EpochTable> {
    let steps = prop::collection::vec((1..9u32, 1..99u64), 0..20);
    steps.prop_map(|steps| {
        let mut last = (0, 0);
        let rising = steps.into_iter().map(|(epochs, bytes)| {
            last = (last.0 + epochs, last.1 + bytes);
            (Epoch(last.0), Lsn(last.1))
        });
        EpochTable::new(rising.collect()).unwrap()
    })
}

fn frame() -> impl Strategy<Value = Frame> {
    let member = (any::<u16>(), any::<[u8; 16]>()).prop_map(|(node, store)| Member {
        node: NodeId(node),
        store: StoreId(store),
    });
    let catch_up = prop_oneof![lsn().prop_map(CatchUp::From), Just(CatchUp::Whole)];
    prop_oneof![
        (member, epoch(), lsn(), table()).prop_map(|(member, promised, end, epochs)| {
            Frame::Hello(Hello {
                member,
                promised,
                end,
                epochs,
            })
        }),
        (epoch(), catch_up, lsn()).prop_map(|(epoch, catch_up, end)| {
            Frame::Welcome(Welcome {
                epoch,
                catch_up,
                end,
            })
        }),
        epoch().prop_map(|known_epoch| Frame::Reject(Reject { known_epoch })),
        (epoch(), lsn()).prop_map(|(epoch, durable)| Frame::Ack { epoch, durable }),
        (epoch(), any::<u64>(), lsn()).prop_map(|(epoch, sent_at, committed)| {
            Frame::Heartbeat(Heartbeat {
                epoch,
                sent_at,
                committed,
            })
        }),
        any::<u64>().prop_map(|sent_at| Frame::Grant { sent_at }),
        Just(Frame::Leave),
        epoch().prop_map(|epoch| Frame::Transfer { epoch }),
    ]
}

fn part() -> impl Strategy<Value = Bulk> {
    let offer = (lsn(), lsn(), any::<u64>(), any::<u32>(), table());
    let offer = offer.prop_map(
        |(covered, front, payload_bytes, payload_crc, epochs)| Offer {
            covered,
            front,
            payload_bytes,
            payload_crc,
            epochs,
        },
    );
    let portion = (lsn(), any::<u64>(), any::<u32>(), any::<Vec<u8>>());
    let portion = portion.prop_map(|(covered, offset, crc, bytes)| Portion {
        covered,
        offset,
        crc,
        bytes,
    });
    prop_oneof![
        Just(Bulk::Ask),
        offer.prop_map(Bulk::Offer),
        (lsn(), any::<u64>()).prop_map(|(covered, offset)| Bulk::Want { covered, offset }),
        portion.prop_map(Bulk::Portion),
        Just(Bulk::Gone),
    ]
}

fn scrubbed() -> impl Strategy<Value = Scrubbed> {
    let scrubbed = (lsn(), lsn(), any::<u32>());
    scrubbed.prop_map(|(from, to, crc)| Scrubbed { from, to, crc })
}

fn answer() -> impl Strategy<Value = Answer> {
    let why = prop::sample::select(Refusal::NUMBERS.to_vec()).prop_map(|(why, _)| why);
    let settled = |(protocol, format)| Answer::Accepted(Settled { protocol, format });
    prop_oneof![
        any::<(u16, u16)>().prop_map(settled),
        (why, "[^\\pC]{0,200}").prop_map(|(why, text)| Answer::Refused { why, text }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        8 => frame().prop_map(|frame| Message::Packet(Packet::Frame(frame))),
        4 => part().prop_map(|part| Message::Packet(Packet::Bulk(part))),
        1 => scrubbed().prop_map(|scrubbed| Message::Packet(Packet::Scrub(scrubbed))),
        2 => answer().prop_map(Message::Answer),
        1 => Just(Message::Packet(Packet::Append(append(&run()), run()))),
    ]
}

proptest! {
    #[test]
    fn what_is_sent_is_what_comes(message in message()) {
        let bytes = bytes(&encode(message.clone()));
        prop_assert_eq!(read(&bytes), Some(Ok(message)));
        for len in 0..bytes.len() {
            prop_assert_eq!(read(&bytes[..len]), None, "{} of its bytes", len);
        }
    }

    #[test]
    fn damage_is_named_and_does_no_harm(
        message in message(),
        at in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let mut bytes = bytes(&encode(message));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Some(Ok(message)) = read(&bytes) {
            panic!("{message:?} out of damaged bytes");
        }
    }

    #[test]
    fn any_bytes_are_a_message_or_named(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    /// With a right checksum, so that what is behind it is reached.
    #[test]
    fn any_body_is_a_message_or_named(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        if let Some(Ok(message)) = read(&bytes(&Encoded::new(kind.0, Vec::new(), body.clone()))) {
            let again = bytes(&encode(message.clone()));
            prop_assert_eq!(read(&again), Some(Ok(message)));
        }
    }
}

fn hex(frame: &Encoded) -> String {
    let bytes = bytes(frame);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn one_of_each_frame() -> Vec<Frame> {
    let epochs = vec![(Epoch(1), Lsn(4096)), (Epoch(3), Lsn(0x10_0000))];
    let hello = Frame::Hello(Hello {
        member: Member {
            node: NodeId(2),
            store: StoreId(*b"0123456789abcdef"),
        },
        promised: Epoch(3),
        end: Lsn(0x11_0000),
        epochs: EpochTable::new(epochs).unwrap(),
    });
    let welcome = |catch_up| {
        Frame::Welcome(Welcome {
            epoch: Epoch(4),
            catch_up,
            end: Lsn(0x12_0000),
        })
    };
    let beat = Frame::Heartbeat(Heartbeat {
        epoch: Epoch(4),
        sent_at: 77,
        committed: Lsn(4096),
    });
    let ack = Frame::Ack {
        epoch: Epoch(4),
        durable: Lsn(4096),
    };
    vec![
        hello,
        welcome(CatchUp::From(Lsn(4096))),
        welcome(CatchUp::Whole),
        Frame::Reject(Reject {
            known_epoch: Epoch(9),
        }),
        ack,
        beat,
        Frame::Grant { sent_at: 77 },
        Frame::Leave,
        Frame::Transfer { epoch: Epoch(4) },
    ]
}

fn one_of_each_part() -> Vec<Bulk> {
    let epochs = EpochTable::new(vec![(Epoch(1), Lsn(4096))]).unwrap();
    let (covered, offset) = (Lsn(0x20_0000), 0x8_0000);
    vec![
        Bulk::Ask,
        Bulk::Offer(Offer {
            covered,
            front: Lsn(0x10_0000),
            payload_bytes: 0x9_0000,
            payload_crc: 0x0102_0304,
            epochs,
        }),
        Bulk::Want { covered, offset },
        Bulk::Portion(Portion {
            covered,
            offset,
            crc: 0x0506_0708,
            bytes: b"some".to_vec(),
        }),
        Bulk::Gone,
    ]
}

#[test]
fn their_bytes_are_these() {
    let answers = [
        Answer::Accepted(Settled {
            protocol: 1,
            format: 1,
        }),
        Answer::Refused {
            why: Refusal::Node,
            text: "no node 7".to_owned(),
        },
    ];
    let scrubbed = Scrubbed {
        from: Lsn(4096),
        to: Lsn(8192),
        crc: 0x0102_0304,
    };
    let frames = one_of_each_frame().into_iter().map(Packet::Frame);
    let packets = frames
        .chain(one_of_each_part().into_iter().map(Packet::Bulk))
        .chain([Packet::Scrub(scrubbed)]);
    let messages = (packets.map(Message::Packet)).chain(answers.map(Message::Answer));
    let lines: Vec<String> = messages.map(|message| hex(&encode(message))).collect();
    assert_eq!(lines.join("\n"), GOLDEN.trim());
}

/// Never to be changed within a protocol version.
const GOLDEN: &str = "
0000003f0100023031323334353637383961626364656600000003000000000011000000000002000000010000000000001000000000030000000000100000897a1e50
0000001a020000000400000000001200000000000000000010001ea03454
0000001a02000000040000000000120000010000000000000000d55b139d
0000000903000000090452709d
0000001105000000040000000000001000ce52e5b9
000000190600000004000000000000004d00000000000010005117aa00
0000000d07000000000000004d2b89dfbd
00000005089283d751
0000000909000000040e3fe887
0000000510080448f1
00000031110000000000200000000000000010000000000000000900000102030400000001000000010000000000001000e60f515d
000000151200000000002000000000000000080000daaedcca
0000001d13736f6d6500000000002000000000000000080000050607082ebced24
0000000514cf9edfee
0000001918000000000000100000000000000020000102030477af9650
00000009400001000154a86076
00000010416e6f206e6f64652037000215f4c149
";

fn refused(bytes: &[u8]) -> String {
    read(bytes).unwrap().unwrap_err().to_string()
}

fn head(length: u32, kind: u8) -> Vec<u8> {
    let mut head = length.to_be_bytes().to_vec();
    head.push(kind);
    head
}

#[test]
fn a_length_is_refused_before_anything_is_kept_for_it() {
    assert_eq!(
        refused(&head(u32::MAX, 3)),
        "reject frame of 4294967290 bytes; the most is 64"
    );
    let most = MOST_RECORDS as u32 + 36;
    assert_eq!(
        refused(&head(most + 6, 4)),
        format!("append frame of {} bytes; the most is {most}", most + 1)
    );
    assert_eq!(refused(&head(4, 8)), "frame of length 4");
    assert_eq!(refused(&head(100, 200)), "frame of the unknown kind 200");
    assert_eq!(refused(&head(100, 0)), "frame of the unknown kind 0");
}

fn frame_of(kind: Kind, body: Vec<u8>) -> Vec<u8> {
    bytes(&Encoded::new(kind, Vec::new(), body))
}

#[test]
fn whatever_is_wrong_has_a_name() {
    let short = frame_of(Kind::Ack, vec![0; 11]);
    assert_eq!(refused(&short), "ack frame that is too short");
    let long = frame_of(Kind::Ack, vec![0; 13]);
    assert_eq!(refused(&long), "ack frame with 1 bytes too many");
    let mut damaged = frame_of(Kind::Leave, vec![]);
    damaged[6] ^= 1;
    assert_eq!(refused(&damaged), "leave frame with a wrong checksum");
    let mut hello = vec![0; 30];
    hello.extend(2u32.to_be_bytes());
    let table = |entries: [u8; 24]| [hello.clone(), entries.to_vec()].concat();
    let flat = frame_of(Kind::Hello, table([0; 24]));
    assert_eq!(
        refused(&flat),
        "hello frame with a table of epochs that does not rise"
    );
    let cut = frame_of(Kind::Hello, table([0; 24])[..50].to_vec());
    assert_eq!(
        refused(&cut),
        "hello frame with a table of 2 epochs in 16 bytes"
    );
    let mut welcome = vec![0; 21];
    welcome[12] = 7;
    assert_eq!(
        refused(&frame_of(Kind::Welcome, welcome)),
        "welcome frame with catch up 7 and lsn 0"
    );
    let reason = frame_of(Kind::Refused, vec![b'x', 0, 99]);
    assert_eq!(refused(&reason), "refused frame with the unknown reason 99");
}

#[test]
fn records_have_to_be_what_the_append_says() {
    let run = run();
    let told = |change: fn(&mut Append)| {
        let mut append = append(&run);
        change(&mut append);
        refused(&bytes(&encode(Message::Packet(Packet::Append(
            append,
            run.clone(),
        )))))
    };
    let len = run.bytes().len();
    let (start, end) = (run.start().0, run.end().0);
    assert_eq!(
        told(|append| append.end.0 += 8),
        format!(
            "append frame with {len} bytes of records from lsn {start} to {}",
            end + 8
        )
    );
    assert_eq!(
        told(|append| append.written_in.0 -= 1),
        "append frame with records of epochs 3 to 3 said to be of epoch 2"
    );
    assert!(
        told(|append| {
            append.prev.lsn.0 += 8;
            append.end.0 += 8;
        })
        .starts_with("append frame with bad records: lsn")
    );
    assert!(told(|append| append.prev.lsn.0 = u64::MAX).contains("bytes of records from lsn"));
    let none = frame_of(
        Kind::Append,
        append_fields(&Append {
            end: run.start(),
            ..append(&run)
        }),
    );
    assert!(refused(&none).starts_with("append frame with bad records"));
}

#[test]
fn a_long_refusal_is_cut_and_cleaned_for_the_log() {
    let text = format!("a\nb{}", "é".repeat(1000));
    let why = Refusal::Busy;
    let sent = bytes(&encode(Message::Answer(Answer::Refused { why, text })));
    let Some(Ok(Message::Answer(Answer::Refused { text, .. }))) = read(&sent) else {
        panic!("{sent:?}");
    };
    assert!(text.starts_with("a bé") && text.len() > 1000 && text.len() <= Answer::TEXT_BYTES);
}
