//! Java: libraries by Maven, and the programs of `clients/java`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::prerequisite::Part;
use crate::process::Finished;
use crate::{cache, debian};

const CLIENT: &str = include_str!("../clients/java/pom.xml");
const PERF_TEST: &str = include_str!("../clients/perf-test/pom.xml");

/// What resolves the dependencies; the version is fixed, so that nothing has to be looked up.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies";

/// A class path.
pub struct Java {
    class_path: OsString,
}

impl Java {
    /// The scenarios over `com.rabbitmq:amqp-client`, compiled unless an earlier run did; `None` if
    /// Java is left out by name.
    pub fn scenarios() -> Result<Option<Self>> {
        if !debian::java()? {
            return Ok(None);
        }
        let libraries = every_jar(&libraries("java", CLIENT)?);
        let sources = sources()?;
        let mut recipe = CLIENT.to_owned();
        for source in &sources {
            recipe += &fs::read_to_string(source)?;
        }
        let classes = cache::prepared("java-scenarios", &recipe, |dir| {
            compile(&sources, &libraries, dir)
        })?;
        let mut class_path = classes.into_os_string();
        class_path.push(":");
        class_path.push(libraries);
        Ok(Some(Self { class_path }))
    }

    /// `com.rabbitmq:perf-test`, as it is; `None` if Java is left out by name.
    pub fn perf_test() -> Result<Option<Self>> {
        if !debian::java()? {
            return Ok(None);
        }
        let class_path = every_jar(&libraries("perf-test", PERF_TEST)?);
        Ok(Some(Self { class_path }))
    }

    /// Runs a class to its end.
    pub fn run(&self, class: &str, arguments: &[&str]) -> Result<Finished> {
        // These programs are over before a better compiler or collector would pay.
        let mut command = Command::new("java");
        command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"]);
        command.arg("-cp").arg(&self.class_path).arg(class);
        Finished::run(command.args(arguments))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/java")
}

fn sources() -> Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "java")
        {
            sources.push(path);
        }
    }
    ensure!(!sources.is_empty(), "no sources in {}", folder().display());
    sources.sort();
    Ok(sources)
}

/// A folder with all that a project depends on.
fn libraries(name: &str, project: &str) -> Result<PathBuf> {
    cache::prepared(name, project, |dir| {
        fs::write(dir.join("pom.xml"), project)?;
        let mut maven = Command::new("mvn");
        maven
            .args(["--batch-mode", "--quiet", COPY, "-DincludeScope=runtime"])
            .arg(format!("-DoutputDirectory={}", dir.display()))
            .current_dir(dir);
        let done = Finished::run(&mut maven)?.success();
        done.with_context(|| {
            let what = format!("Maven cannot get what {name} depends on");
            Part::Java.missing(&what, "check the connection to Maven Central")
        })?;
        Ok(())
    })
}

fn every_jar(dir: &Path) -> OsString {
    dir.join("*").into_os_string()
}

fn compile(sources: &[PathBuf], libraries: &OsString, dir: &Path) -> Result<()> {
    let mut javac = Command::new("javac");
    javac.args(["--release", "17", "-cp"]);
    javac.arg(libraries).arg("-d").arg(dir).args(sources);
    Finished::run(&mut javac)?.success()?;
    Ok(())
}
