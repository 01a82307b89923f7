//! The committed protocol code is exactly what `proto/` generates.

use std::fs;
use std::path::{Path, PathBuf};

/// Protobuf file, its package, and the module the generated code is committed as.
const FILES: [(&str, &str, &str); 3] = [
    ("tfplugin6.proto", "tfplugin6", "tfplugin6.rs"),
    ("plugin.proto", "plugin", "plugin.rs"),
    ("health.proto", "grpc.health.v1", "health.rs"),
];

#[test]
fn committed_code_matches_the_protobuf_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = tempfile::tempdir().unwrap();
    generate(&root.join("proto"), fresh.path());

    let mut stale = Vec::new();
    for (proto, package, module) in FILES {
        let generated = fs::read_to_string(fresh.path().join(format!("{package}.rs"))).unwrap();
        let expected = format!("// @generated from proto/{proto}: do not edit.\n{generated}");
        let committed = root.join("src/proto").join(module);
        if fs::read_to_string(&committed).unwrap_or_default() == expected {
            continue;
        }
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            fs::write(&committed, expected).unwrap();
        } else {
            stale.push(module);
        }
    }
    assert!(
        stale.is_empty(),
        "run again with UPDATE_GENERATED=1 to rewrite {stale:?}"
    );
}

fn generate(proto_dir: &Path, out: &Path) {
    let files: Vec<PathBuf> = FILES
        .iter()
        .map(|(proto, ..)| proto_dir.join(proto))
        .collect();
    let descriptors = protox::compile(&files, [proto_dir]).unwrap();
    tonic_prost_build::configure()
        .out_dir(out)
        .bytes(".")
        .build_transport(false)
        // Their values hold secrets; `src/proto/mod.rs` writes a `Debug` without them.
        .skip_debug([".tfplugin6.DynamicValue", ".tfplugin6.RawState"])
        .generate_default_stubs(true)
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors)
        .unwrap();
}
