//! Connections between machines: in order within one, and lost with it. A cut in one direction swallows
//! what is sent there; the ends learn of it late or from the silence.

use std::collections::{BTreeMap, BTreeSet};

use broker_core::replication::codec::{CodecError, HEAD_LEN, Head, decode, encode};
use broker_core::replication::frame::Peer;
use broker_core::replication::replica::{Input, Packet};

use crate::world::{Chance, Happening, Life, MS, SECOND, SEGMENT_BYTES, World, machine_of, peer};

#[derive(Debug, Default)]
pub(crate) struct Network {
    conversations: Vec<Conversation>,
    /// From one machine to another nothing arrives.
    pub(crate) cuts: BTreeSet<(usize, usize)>,
    /// Packets take so long at most.
    pub(crate) slow_ms: u64,
    /// From one machine to another everything takes so much longer, in milliseconds.
    pub(crate) lags: BTreeMap<(usize, usize), u64>,
    /// So many of the next packets are damaged on the way.
    pub(crate) garbles: u32,
}

#[derive(Debug)]
struct Conversation {
    session: Peer,
    follower: Life,
    leader: Life,
    /// By direction, to the leader first: when what was sent last arrives, and whether something was
    /// swallowed, after which nothing arrives.
    last: [u64; 2],
    swallowed: [bool; 2],
    /// Who has been told, or has said, that it is over: the follower, the leader.
    over: [bool; 2],
}

impl Network {
    /// Who is at that end.
    pub(crate) fn end(&self, conversation: u64, at_leader: bool) -> Life {
        let it = &self.conversations[conversation as usize];
        if at_leader { it.leader } else { it.follower }
    }

    fn find(&self, life: Life, of: Peer) -> Option<(u64, bool)> {
        let mut all = self.conversations.iter().enumerate().rev();
        all.find_map(|(index, it)| {
            if it.session.session != of.session {
                return None;
            }
            match () {
                () if it.follower == life => Some((index as u64, false)),
                () if it.leader == life => Some((index as u64, true)),
                () => None,
            }
        })
    }

    fn delay(&self, chance: &mut Chance) -> u64 {
        let slow = self.slow_ms.max(1);
        MS / 10
            + chance.below(MS)
            + if chance.one_in(20) {
                chance.below(slow * MS)
            } else {
                0
            }
    }
}

impl World {
    /// A follower calls its leader.
    pub(crate) fn call(&mut self, follower: Life, to: Peer, packet: Packet) {
        let leader = self.life(machine_of(to.node));
        let there = self.is_current(leader);
        let mut ways = [
            (follower.machine, leader.machine),
            (leader.machine, follower.machine),
        ]
        .into_iter();
        let cut = ways.any(|way| self.network.cuts.contains(&way));
        if !there || cut {
            let delay = if there { 3 * SECOND } else { MS };
            let gone = Box::new(Input::Disconnected(to));
            return self.after(delay, Happening::Tell(follower, gone));
        }
        self.network.conversations.push(Conversation {
            session: to,
            follower,
            leader,
            last: [0; 2],
            swallowed: [false; 2],
            over: [false; 2],
        });
        self.send(follower, to, packet);
    }

    pub(crate) fn send(&mut self, from: Life, to: Peer, packet: Packet) {
        let Some((conversation, at_leader)) = self.network.find(from, to) else {
            return;
        };
        if let Some(time) = self.way(conversation, !at_leader) {
            let happening = Happening::Arrive {
                conversation,
                at_leader: !at_leader,
                packet: Box::new(packet),
            };
            self.at(time, happening);
        }
    }

    /// When something sent now arrives at that end, if it does.
    fn way(&mut self, conversation: u64, to_leader: bool) -> Option<u64> {
        let delay = self.network.delay(&mut self.chance);
        let network = &mut self.network;
        let it = &mut network.conversations[conversation as usize];
        let (from, to) = match to_leader {
            true => (it.follower.machine, it.leader.machine),
            false => (it.leader.machine, it.follower.machine),
        };
        let delay = delay + network.lags.get(&(from, to)).copied().unwrap_or(0) * MS;
        let side = usize::from(!to_leader);
        if network.cuts.contains(&(from, to)) {
            it.swallowed[side] = true;
        }
        if it.over[0] || it.over[1] || it.swallowed[side] {
            return None;
        }
        it.last[side] = it.last[side].max(self.now + delay);
        Some(it.last[side])
    }

    /// One end hangs up.
    pub(crate) fn hang_up(&mut self, from: Life, peer: Peer) {
        let Some((conversation, at_leader)) = self.network.find(from, peer) else {
            return;
        };
        let arrives = self.way(conversation, !at_leader);
        let time = arrives.unwrap_or(self.now + 15 * SECOND);
        self.network.conversations[conversation as usize].over[usize::from(at_leader)] = true;
        let ended = Happening::Ended {
            conversation,
            at_leader: !at_leader,
        };
        self.at(time, ended);
    }

    /// All of a machine's connections are gone, and the other ends hear of it.
    pub(crate) fn lose_connections(&mut self, machine: usize, quietly: bool) {
        let mut gone = Vec::new();
        for (index, it) in self.network.conversations.iter_mut().enumerate() {
            for (at_leader, life) in [(false, it.follower), (true, it.leader)] {
                let other = usize::from(!at_leader);
                if life.machine == machine && !it.over[usize::from(at_leader)] {
                    it.over[usize::from(at_leader)] = true;
                    if !it.over[other] {
                        gone.push((index as u64, !at_leader));
                    }
                }
            }
        }
        for (conversation, at_leader) in gone {
            let delay = if quietly {
                20 * SECOND
            } else {
                self.network.delay(&mut self.chance)
            };
            let ended = Happening::Ended {
                conversation,
                at_leader,
            };
            self.after(delay, ended);
        }
    }

    /// A connection breaks, and both ends hear of it.
    pub(crate) fn reset_connections(&mut self) {
        for index in 0..self.network.conversations.len() {
            let it = &self.network.conversations[index];
            if it.over != [false; 2] || self.chance.one_in(3) {
                continue;
            }
            self.break_off(index as u64);
        }
    }

    pub(crate) fn arrive(&mut self, conversation: u64, at_leader: bool, packet: Packet) {
        let it = &self.network.conversations[conversation as usize];
        let (life, session, other) = match at_leader {
            true => (it.leader, it.session, it.follower),
            false => (it.follower, it.session, it.leader),
        };
        if !it.over[usize::from(at_leader)] && self.is_current(life) {
            let from = peer(other.machine, session);
            match self.transmitted(packet) {
                Some(packet) => self.tell(life, Input::Packet(from, packet)),
                None => self.break_off(conversation),
            }
        }
    }

    /// The packet as bytes, and what the other side makes of them; none if they are damaged.
    fn transmitted(&mut self, packet: Packet) -> Option<Packet> {
        let mut bytes = encode(packet).pieces().concat();
        let garbled = self.network.garbles > 0;
        if garbled {
            self.network.garbles -= 1;
            let bit = self.chance.below(bytes.len() as u64 * 8) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let decoded = decoded(bytes);
        match decoded {
            Ok(packet) if !garbled => return Some(packet),
            Ok(packet) => panic!("{}\ndamage passes for {packet:?}", self.story()),
            Err(error) if !garbled => panic!("{}\nsound bytes: {error}", self.story()),
            Err(error) => self.note(|| format!("refused: {error}")),
        }
        self.count("frames refused");
        None
    }

    /// Both ends of a conversation hear that it is over.
    fn break_off(&mut self, conversation: u64) {
        for at_leader in [false, true] {
            let delay = self.network.delay(&mut self.chance);
            let ended = Happening::Ended {
                conversation,
                at_leader,
            };
            self.after(delay, ended);
        }
        // What comes behind bytes that cannot be read cannot be read either.
        self.network.conversations[conversation as usize].swallowed = [true; 2];
    }

    pub(crate) fn ended(&mut self, conversation: u64, at_leader: bool) {
        let it = &mut self.network.conversations[conversation as usize];
        let (life, session, other) = match at_leader {
            true => (it.leader, it.session, it.follower),
            false => (it.follower, it.session, it.leader),
        };
        if !std::mem::replace(&mut it.over[usize::from(at_leader)], true) && self.is_current(life) {
            let from = peer(other.machine, session);
            self.tell(life, Input::Disconnected(from));
        }
    }
}

/// Bytes of one frame, read as a connection reads them.
fn decoded(bytes: Vec<u8>) -> Result<Packet, CodecError> {
    let head = *bytes.first_chunk::<HEAD_LEN>().expect("a frame has a head");
    let head = Head::parse(head, SEGMENT_BYTES as usize)?;
    let mut rest = bytes[HEAD_LEN..].to_vec();
    // A length that is too large waits for bytes that never come, until the connection ends.
    rest.resize(head.rest(), 0);
    decode(&head, rest)
}
