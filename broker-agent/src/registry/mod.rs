//! The durable registry: which brokers this agent hosts.
//!
//! One file for each broker, so that damage to one hides no other:
//!
//! ```text
//! DATA/registry/NAME.json   the broker's record; replaced as a whole: written beside, synced,
//!                           renamed, directory synced
//! DATA/registry/generation  highest generation of any broker deleted so far
//! DATA/brokers/ID/          the broker's data; ID is random, so that a new broker of an old name
//!                           can never find the old one's messages
//! DATA/brokers/ID.deleted/  data of a broker that is no longer registered; removed, at the
//!                           latest with the next start
//! ```
//!
//! A crash while a broker is made leaves at most a directory without a record: nobody was told of
//! that broker. It is reported and left alone, since it could also be the data of a broker whose
//! record someone lost.

mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing::{error, warn};

use self::record::FORMAT;
pub(crate) use self::record::{ClientCertificates, Listener, Record, Secret, UserFrom};
use crate::encryption::Encryption;
use crate::logs::Wanted;
use crate::name::BrokerName;
use crate::passwords;
use crate::replication::settings::Settings;

/// The registry on disk. All methods block for syncs of a few small files.
#[derive(Debug)]
pub(crate) struct Registry {
    dir: PathBuf,
    brokers: PathBuf,
    /// The highest generation given out. Held for an increment only.
    generation: Mutex<u64>,
    /// Held open and locked, so that two agents never work on one directory.
    _lock: File,
}

/// What is to change about a broker; none: it stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    /// Where its clients connect.
    pub listeners: Option<BTreeMap<String, Listener>>,
    /// How it is replicated, if at all.
    pub replication: Option<Option<Settings>>,
    /// Which log files are kept about it.
    pub logs: Option<Wanted>,
    /// Whether and how it is encrypted.
    pub encryption: Option<Option<Encryption>>,
}

/// Why the registry could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "{} is in use by another agent; stop that one, or give this one its own data_dir",
        .0.display()
    )]
    Locked(PathBuf),
    #[error("no randomness from the operating system: {0}")]
    Random(getrandom::Error),
}

/// A record that cannot be used; the others can.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub file: PathBuf,
    pub why: String,
}

impl Registry {
    /// Opens the registry below `data_dir`, making it if there is none, and reads all records.
    pub(crate) fn open(data_dir: &Path) -> Result<(Self, Vec<Record>), RegistryError> {
        let dir = data_dir.join("registry");
        let brokers = data_dir.join("brokers");
        for path in [data_dir, &dir, &brokers] {
            make_dir(path)?;
        }
        let lock = lock(&dir.join("lock"))?;
        let (records, unreadable) = read_records(&dir)?;
        for Unreadable { file, why } in &unreadable {
            error!(file = %file.display(), why, "registry record cannot be read; its broker is not hosted");
        }
        let deleted = read_generation(&dir.join("generation"));
        let generation = records
            .iter()
            .map(|record| record.generation)
            .fold(deleted, u64::max);
        let registry = Self {
            dir,
            brokers,
            generation: Mutex::new(generation),
            _lock: lock,
        };
        if unreadable.is_empty() {
            registry.sweep(&records);
        }
        Ok((registry, records))
    }

    /// A record for a new broker, not registered yet.
    pub(crate) fn new_record(
        &self,
        name: BrokerName,
        token: String,
        listeners: BTreeMap<String, Listener>,
        replication: Option<Settings>,
    ) -> Result<Record, RegistryError> {
        let id = random_hex::<16>()?;
        let uid = replication.as_ref().map(|settings| settings.group.clone());
        let digest_key = passwords::digest_key(uid.as_ref().map_or(&id, |group| group.as_str()));
        Ok(Record {
            format: FORMAT,
            name,
            id,
            uid,
            generation: self.next_generation(),
            token,
            digest_key,
            listeners,
            replication,
            logs: Wanted::default(),
            encryption: None,
        })
    }

    /// The record after a change.
    pub(crate) fn changed(&self, record: &Record, change: Change) -> Record {
        let Change {
            listeners,
            replication,
            logs,
            encryption,
        } = change;
        let replication = replication.unwrap_or_else(|| record.replication.clone());
        Record {
            listeners: listeners.unwrap_or_else(|| record.listeners.clone()),
            // A broker that leaves its group stays the broker it was.
            uid: replication
                .as_ref()
                .map(|settings| settings.group.clone())
                .or_else(|| record.uid.clone()),
            replication,
            logs: logs.unwrap_or(record.logs),
            encryption: encryption.unwrap_or_else(|| record.encryption.clone()),
            generation: self.next_generation(),
            ..record.clone()
        }
    }

    /// A generation above all there ever were.
    fn next_generation(&self) -> u64 {
        let mut generation = self
            .generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *generation += 1;
        *generation
    }

    /// Where a broker's data is.
    pub(crate) fn data_dir(&self, record: &Record) -> PathBuf {
        self.brokers.join(&record.id)
    }

    /// Registers a broker, or replaces its record: afterwards a crash does not undo it.
    pub(crate) fn put(&self, record: &Record) -> Result<(), RegistryError> {
        let text = serde_json::to_vec_pretty(record).expect("a record has only text keys");
        replace(&self.dir, &file_name(&record.name), &text)
    }

    /// Takes a broker out: afterwards a crash does not bring it back. Its data is still there.
    pub(crate) fn remove(&self, record: &Record) -> Result<(), RegistryError> {
        // Before the record goes, or a crash in between could give a generation out twice.
        let highest = *self
            .generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        replace(&self.dir, "generation", highest.to_string().as_bytes())?;
        let path = self.dir.join(file_name(&record.name));
        fs::remove_file(&path).map_err(io_error("remove", &path))?;
        sync_dir(&self.dir)
    }

    /// Removes the data of a broker that is not registered (any more).
    pub(crate) fn discard_data(&self, record: &Record) -> Result<(), RegistryError> {
        let live = self.data_dir(record);
        let doomed = self.brokers.join(format!("{}.deleted", record.id));
        match fs::rename(&live, &doomed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(io_error("rename", &live))?,
        }
        sync_dir(&self.brokers)?;
        fs::remove_dir_all(&doomed).map_err(io_error("remove", &doomed))
    }

    /// Finishes interrupted deletions and reports directories that nobody owns.
    fn sweep(&self, records: &[Record]) {
        let known: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        let entries = fs::read_dir(&self.brokers).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = entry.path();
            if name.ends_with(".deleted") {
                if let Err(cause) = fs::remove_dir_all(&path) {
                    warn!(path = %path.display(), %cause, "data of a deleted broker cannot be removed");
                }
            } else if !known.contains(&*name) {
                warn!(path = %path.display(), "data of no registered broker; left alone");
            }
        }
    }
}

fn file_name(name: &BrokerName) -> String {
    format!("{name}.json")
}

fn read_records(dir: &Path) -> Result<(Vec<Record>, Vec<Unreadable>), RegistryError> {
    let mut records = Vec::new();
    let mut unreadable = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))? {
        let path = entry.map_err(io_error("list", dir))?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => match read_record(&path) {
                Ok(record) => records.push(record),
                Err(why) => unreadable.push(Unreadable { file: path, why }),
            },
            // Left by a crash before its rename: it was never the record.
            Some("new") => fs::remove_file(&path).map_err(io_error("remove", &path))?,
            _ => {}
        }
    }
    records.sort_by(|one, other| one.name.cmp(&other.name));
    Ok((records, unreadable))
}

fn read_record(path: &Path) -> Result<Record, String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let record: Record = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if record.format != FORMAT {
        return Err(format!(
            "it has format {}, this agent reads {FORMAT}",
            record.format
        ));
    }
    if path
        .file_name()
        .is_none_or(|name| name != file_name(&record.name).as_str())
    {
        return Err(format!(
            "it is the record of broker {:?}",
            record.name.as_str()
        ));
    }
    Ok(record)
}

/// 0 when there is none. One that cannot be read was never needed: records hold higher numbers
/// unless the newest broker was deleted and the file damaged.
fn read_generation(path: &Path) -> u64 {
    match fs::read_to_string(path) {
        Ok(text) => text.trim().parse().unwrap_or_else(|_| {
            warn!(path = %path.display(), "cannot be read; counting on from the registered brokers");
            0
        }),
        Err(_) => 0,
    }
}

fn lock(path: &Path) -> Result<File, RegistryError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(io_error("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(RegistryError::Locked(
            path.parent()
                .and_then(Path::parent)
                .unwrap_or(path)
                .to_owned(),
        )),
        Err(fs::TryLockError::Error(source)) => Err(io_error("lock", path)(source)),
    }
}

/// Replaces a file so that after a crash either the old or the new content is there, whole.
fn replace(dir: &Path, name: &str, content: &[u8]) -> Result<(), RegistryError> {
    let path = dir.join(name);
    let beside = dir.join(format!("{name}.new"));
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .map_err(io_error("write", &beside))?;
    fs::rename(&beside, &path).map_err(io_error("rename to", &path))?;
    sync_dir(dir)
}

fn make_dir(path: &Path) -> Result<(), RegistryError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(io_error("make", path))?;
    // The name of a new directory is as volatile as any other.
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or(Ok(()), sync_dir)
}

fn sync_dir(dir: &Path) -> Result<(), RegistryError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io_error("sync", dir))
}

fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> RegistryError + 'a {
    move |source| RegistryError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn random_hex<const N: usize>() -> Result<String, RegistryError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(RegistryError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
