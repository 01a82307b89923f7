//! The keyring: what opens it, what a rotation changes, and what a crash leaves of it.

use std::sync::Arc;

use broker_core::journal::{
    Keyring, Keys, Master, OpenError, Options, SimDisk, Survival, Trouble, fingerprint,
};

use crate::harness::{Bench, master, open_on, payloads, secret, small};

fn two() -> Master {
    Master {
        name: "kms:two".to_owned(),
        data: b"as the KMS gave it".to_vec(),
    }
}

fn load(disk: &SimDisk) -> Keyring {
    Keyring::load(disk).unwrap().expect("there is one")
}

fn names(keyring: &Keyring) -> Vec<&str> {
    keyring.masters().map(|it| it.name.as_str()).collect()
}

fn encrypted(keys: Keys) -> Options {
    Options {
        keys: Some(Arc::new(keys)),
        ..small()
    }
}

fn open(disk: &SimDisk, options: &Options) -> Bench {
    open_on(Arc::new(disk.clone()), options).expect("the disk is sound")
}

#[test]
fn there_is_none_until_it_is_made() {
    let disk = SimDisk::new(1);
    assert_eq!(Keyring::load(&disk).unwrap(), None);
    let (made, keys) = Keyring::create(&disk, master(), &secret(1)).unwrap();
    assert_eq!(load(&disk), made);
    let again = load(&disk).open("file:one", &secret(1)).unwrap();
    assert_eq!(format!("{again:?}"), format!("{keys:?}"));
}

#[test]
fn another_master_key_does_not_open_it_and_it_says_whose_it_is() {
    let disk = SimDisk::new(1);
    Keyring::create(&disk, master(), &secret(1)).unwrap();
    for (name, byte) in [("file:one", 2), ("file:two", 1)] {
        let error = load(&disk).open(name, &secret(byte)).unwrap_err();
        assert_eq!(error.to_string(), "the keyring is encrypted with file:one");
    }
}

#[test]
fn neither_keys_nor_the_master_key_are_in_the_files() {
    let disk = SimDisk::new(1);
    let (mut keyring, keys) = Keyring::create(&disk, master(), &secret(0xa7)).unwrap();
    (keyring.add(
        &disk,
        &keys,
        ("file:one", &secret(0xa7)),
        (two(), &secret(0xb8)),
    ))
    .unwrap();
    for (name, bytes) in disk.contents() {
        for byte in [0xa7, 0xb8] {
            assert!(!bytes.windows(8).any(|it| it == [byte; 8]), "{name}");
        }
    }
    assert_ne!(fingerprint(&secret(1)), fingerprint(&secret(2)));
    assert_eq!(fingerprint(&secret(1)).len(), 16);
}

#[test]
fn a_rotation_opens_with_both_master_keys_and_then_with_the_new_one() {
    let disk = SimDisk::new(1);
    let (mut keyring, keys) = Keyring::create(&disk, master(), &secret(1)).unwrap();
    let options = encrypted(keys);
    let keys = options.keys.clone().unwrap();
    let old = keys.current();
    let mut bench = open(&disk, &options);
    let expected = payloads(60, 900);
    bench.publish_all(&expected[..30]);
    // While the broker works.
    (keyring.add(&disk, &keys, ("file:one", &secret(1)), (two(), &secret(2)))).unwrap();
    assert_ne!(keys.current(), old);
    bench.publish_all(&expected[30..]);
    bench.close();
    let used: Vec<_> = disk.contents().into_values().collect();
    let used = |id: &[u8]| used.iter().any(|it| it.get(80..88) == Some(id));
    assert!(used(&old.0) && used(&keys.current().0), "by segments");

    assert_eq!(names(&load(&disk)), ["file:one", "kms:two"]);
    load(&disk).open("file:one", &secret(1)).unwrap();
    (load(&disk).retire_others(&disk, "kms:two", &secret(2))).unwrap();
    let after = load(&disk);
    assert_eq!(names(&after), ["kms:two"]);
    after.open("file:one", &secret(1)).unwrap_err();
    let keys = after.open("kms:two", &secret(2)).unwrap();
    assert_eq!(keys.count(), 2);
    let bench = open(&disk, &encrypted(keys));
    assert_eq!(bench.replayed_payloads(), expected);
}

#[test]
fn a_crash_anywhere_in_a_rotation_leaves_what_one_of_the_master_keys_opens() {
    let (mut by_old, mut by_new) = (0, 0);
    for operation in 0.. {
        let disk = SimDisk::new(operation);
        let (mut keyring, keys) = Keyring::create(&disk, master(), &secret(1)).unwrap();
        disk.plan(disk.operations() + operation, Trouble::PowerLoss);
        let added = keyring.add(&disk, &keys, ("file:one", &secret(1)), (two(), &secret(2)));
        // Its owner has written down that the new one counts, between the two.
        let noted = added.is_ok();
        let ended = added.and_then(|()| keyring.retire_others(&disk, "kms:two", &secret(2)));
        for survival in [
            Survival::Nothing,
            Survival::Everything,
            Survival::Some(operation),
        ] {
            let disk = disk.after_power_loss(survival);
            let keyring = load(&disk);
            let old = keyring.open("file:one", &secret(1));
            let new = keyring.open("kms:two", &secret(2));
            assert!(
                if noted { new.is_ok() } else { old.is_ok() },
                "operation {operation}"
            );
            by_old += u32::from(old.is_ok());
            by_new += u32::from(new.is_ok());
            assert_eq!(load(&disk), keyring, "both files are the same again");
        }
        if ended.is_ok() {
            assert!(operation > 10, "it was interrupted often");
            break;
        }
    }
    assert!(by_old > 0 && by_new > 0);
}

#[test]
fn one_damaged_file_is_survived_and_written_anew() {
    let disk = SimDisk::new(1);
    let (made, _) = Keyring::create(&disk, master(), &secret(1)).unwrap();
    for name in ["keyring-a", "keyring-b"] {
        let good = disk.contents()[name].clone();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x20;
            disk.install(name, &bytes);
            assert_eq!(load(&disk), made, "byte {at}");
            assert!(disk.contents()[name] == good, "byte {at}");
        }
        for len in [0, 1, 39, 40, 41, good.len() - 1] {
            disk.install(name, &good[..len]);
            assert_eq!(load(&disk), made, "cut to {len} bytes");
        }
    }
}

#[test]
fn two_damaged_files_are_refused_by_name() {
    let disk = SimDisk::new(1);
    Keyring::create(&disk, master(), &secret(1)).unwrap();
    for name in ["keyring-a", "keyring-b"] {
        let mut bytes = disk.contents()[name].clone();
        bytes[50] ^= 1;
        disk.install(name, &bytes);
    }
    let error = Keyring::load(&disk).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("keyring-"), "{error}");
}
