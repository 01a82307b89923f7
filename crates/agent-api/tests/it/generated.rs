//! The committed code is exactly what `proto/` generates.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn committed_code_matches_the_protobuf_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = tempfile::tempdir().unwrap();
    generate(&root.join("proto"), fresh.path());

    let generated = fs::read_to_string(fresh.path().join("ferrymq.agent.v1.rs")).unwrap();
    let expected = format!("// @generated from proto/ferrymq/agent/v1: do not edit.\n{generated}");
    let committed = root.join("src/v1.rs");
    if fs::read_to_string(&committed).unwrap_or_default() == expected {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_GENERATED").is_some(),
        "src/v1.rs is stale: run again with UPDATE_GENERATED=1 to rewrite it"
    );
    fs::write(&committed, expected).unwrap();
}

fn generate(proto_dir: &Path, out: &Path) {
    let package = proto_dir.join("ferrymq/agent/v1");
    let mut files: Vec<PathBuf> = fs::read_dir(package)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let descriptors = protox::compile(&files, [proto_dir]).unwrap();
    tonic_prost_build::configure()
        .out_dir(out)
        .bytes(".")
        .btree_map(".")
        .skip_debug([
            "ferrymq.agent.v1.Password",
            "ferrymq.agent.v1.Password.form",
            "ferrymq.agent.v1.EtcdStore",
        ])
        // Most brokers have none; every call about a broker would be as large as if it had.
        .boxed(".ferrymq.agent.v1.Broker.replication")
        .boxed(".ferrymq.agent.v1.BrokerStatus.replication")
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors)
        .unwrap();
}
