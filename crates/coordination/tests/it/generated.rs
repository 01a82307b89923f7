//! The committed code is exactly what `proto/` generates.

use std::fs;
use std::path::Path;

#[test]
fn committed_code_matches_the_protobuf_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = tempfile::tempdir().unwrap();
    let proto = root.join("proto");
    let descriptors = protox::compile([proto.join("etcd.proto")], [&proto]).unwrap();
    tonic_prost_build::configure()
        .out_dir(fresh.path())
        .build_server(false)
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors)
        .unwrap();
    let generated = fs::read_to_string(fresh.path().join("etcdserverpb.rs")).unwrap();
    let expected = format!("// @generated from proto/etcd.proto: do not edit.\n{generated}");
    let committed = root.join("src/etcd/api.rs");
    if fs::read_to_string(&committed).unwrap_or_default() == expected {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_GENERATED").is_some(),
        "src/etcd/api.rs is stale: run again with UPDATE_GENERATED=1 to rewrite it"
    );
    fs::write(&committed, expected).unwrap();
}
