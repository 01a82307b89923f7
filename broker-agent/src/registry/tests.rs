//! The registry on a real directory, with what crashes leave behind.

use super::*;

fn record(registry: &Registry, name: &str) -> Record {
    let name = name.parse().unwrap();
    let record = registry
        .new_record(name, "token".into(), BTreeMap::new(), None)
        .unwrap();
    fs::create_dir(registry.data_dir(&record)).unwrap();
    registry.put(&record).unwrap();
    record
}

fn reopen(registry: Registry, dir: &Path) -> (Registry, Vec<Record>) {
    drop(registry);
    Registry::open(dir).unwrap()
}

#[test]
fn records_come_back_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, records) = Registry::open(dir.path()).unwrap();
    assert_eq!(records, []);
    let (b, a) = (record(&registry, "b"), record(&registry, "a"));
    let (registry, records) = reopen(registry, dir.path());
    assert_eq!(records, [a, b.clone()]);

    let changed = Record {
        generation: registry.next_generation(),
        ..b
    };
    registry.put(&changed).unwrap();
    assert_eq!(reopen(registry, dir.path()).1[1], changed);
}

#[test]
fn a_write_that_a_crash_cut_short_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, _) = Registry::open(dir.path()).unwrap();
    let a = record(&registry, "a");
    let torn = dir.path().join("registry/a.json.new");
    fs::write(&torn, b"{\"form").unwrap();
    assert_eq!(reopen(registry, dir.path()).1, [a]);
    assert!(!torn.exists());
}

#[test]
fn a_damaged_record_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, _) = Registry::open(dir.path()).unwrap();
    let (a, b) = (record(&registry, "a"), record(&registry, "b"));
    fs::write(dir.path().join("registry/a.json"), b"{").unwrap();
    fs::create_dir(dir.path().join("brokers/x.deleted")).unwrap();
    let (registry, records) = reopen(registry, dir.path());
    assert_eq!(records, [b]);
    assert!(registry.data_dir(&a).exists());
    assert!(
        dir.path().join("brokers/x.deleted").exists(),
        "nothing is swept in doubt"
    );
}

#[test]
fn a_record_under_another_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, _) = Registry::open(dir.path()).unwrap();
    let a = record(&registry, "a");
    let path = dir.path().join("registry");
    fs::copy(path.join("a.json"), path.join("b.json")).unwrap();
    assert_eq!(reopen(registry, dir.path()).1, [a]);
}

#[test]
fn generations_rise_across_deletion_and_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, _) = Registry::open(dir.path()).unwrap();
    let a = record(&registry, "a");
    registry.remove(&a).unwrap();
    registry.discard_data(&a).unwrap();
    assert!(!registry.data_dir(&a).exists());
    let (registry, records) = reopen(registry, dir.path());
    assert_eq!(records, []);
    assert!(registry.next_generation() > a.generation);
}

#[test]
fn a_deletion_cut_short_is_finished_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, _) = Registry::open(dir.path()).unwrap();
    let a = record(&registry, "a");
    registry.remove(&a).unwrap();
    let data = registry.data_dir(&a);
    let doomed = data.with_extension("deleted");
    fs::rename(&data, &doomed).unwrap();
    let orphan = data.with_file_name("orphan");
    fs::create_dir(&orphan).unwrap();
    let (registry, _) = reopen(registry, dir.path());
    assert!(!doomed.exists());
    assert!(
        orphan.exists(),
        "data without a record is nobody's to delete"
    );
    registry.discard_data(&a).unwrap();
}

#[test]
fn two_agents_cannot_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (_first, _) = Registry::open(dir.path()).unwrap();
    let error = Registry::open(dir.path()).unwrap_err();
    assert!(matches!(error, RegistryError::Locked(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains(&dir.path().display().to_string()),
        "{error}"
    );
}
