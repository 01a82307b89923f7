//! What happens to disks: they are lost, decay, and are restored from a backup.

use broker_core::journal::{Lsn, SimDisk, Survival};

use crate::faults::Fault;
use crate::world::{Happening, SECOND, World};

/// A disk as it was, and where its journal ended.
#[derive(Debug)]
pub(crate) struct Backup {
    disk: SimDisk,
    end: Lsn,
}

impl World {
    /// At most one machine in a run loses what it had: more, and nothing could be promised.
    pub(crate) fn may_spend(&self) -> bool {
        !self.counts.contains_key("disks spent")
    }

    pub(crate) fn spend(&mut self) {
        self.count("disks spent");
    }

    /// Whether the group can do without what this machine's disk has: somebody else is in sync, and
    /// is there.
    fn can_spare(&self, index: usize) -> bool {
        let Some(record) = self.store.record() else {
            return false;
        };
        record.isr.iter().any(|member| {
            let other = usize::from(member.node.0) - 1;
            let replica = self.machines[other].replica.as_ref();
            let same = replica.is_some_and(|it| it.node().protocol().me() == *member);
            let whole = replica.is_some_and(|it| !it.node().protocol().vow().in_repair);
            other != index && same && whole && self.now > self.machines[other].sick_until
        })
    }

    pub(crate) fn wipe(&mut self, index: usize, lasts: u64) {
        if !self.may_spend() || !self.can_spare(index) {
            return;
        }
        self.spend();
        self.crash(index, true);
        self.machines[index].disk = SimDisk::new(self.chance.next());
        self.count("wiped disks");
        self.after(lasts, Happening::Restart(index));
    }

    pub(crate) fn damage(&mut self, index: usize, lasts: u64) {
        if !self.may_spend() || !self.can_spare(index) {
            return;
        }
        self.spend();
        self.kill(index, Survival::Everything, lasts);
        let disk = &self.machines[index].disk;
        let mut files = disk.contents();
        files.retain(|_, bytes| !bytes.is_empty());
        let which = self.chance.below(files.len() as u64) as usize;
        if let Some((name, bytes)) = files.iter().nth(which) {
            let bit = self.chance.below(bytes.len() as u64 * 8);
            disk.flip(name, bit as usize);
            let name = name.clone();
            self.note(|| format!("bit {bit} of {name} is flipped"));
        }
        self.count("damaged disks");
        // Found when it is read, however late that is.
        self.machines[index].falls_sick(u64::MAX);
    }

    /// A backup of a disk is made, which comes to be restored.
    pub(crate) fn back_up(&mut self, index: usize) {
        let machine = &self.machines[index];
        let Some(replica) = &machine.replica else {
            return;
        };
        let disk = machine.disk.after_power_loss(Survival::Nothing);
        let end = replica.node().protocol().log().end;
        self.machines[index].backup = Some(Backup { disk, end });
        // By then the record says that more was committed.
        let later = 11 * SECOND + self.chance.below(8 * SECOND);
        self.after(later, Happening::Mend(Fault::RollBackDisk(index)));
    }

    /// The backup takes the disk's place. What a disk lacks of what was committed behind the last
    /// hint, nobody can know.
    pub(crate) fn restore(&mut self, index: usize) {
        let Some(backup) = self.machines[index].backup.take() else {
            return;
        };
        let record = self.store.record();
        let known = record.is_some_and(|record| record.commit_hint.lsn > backup.end);
        if !known || !self.may_spend() || !self.can_spare(index) {
            return;
        }
        self.spend();
        self.crash(index, true);
        self.note(|| format!("node {} has a disk of lsn {}", index + 1, backup.end.0));
        self.machines[index].disk = backup.disk;
        self.count("rolled-back disks");
        self.after(SECOND, Happening::Restart(index));
    }
}
