//! A provider of luggage lockers, each a file in a directory. Shows what `notes.rs` does not: a
//! resource with an identity, a list of resources, an ephemeral resource that is renewed, an action
//! with progress, and modules that speak to the provider.
//!
//! `tests/framework` runs it under the real Terraform, and over the wire where that is too old.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::time::Duration;

use tfplugin_rs::prelude::*;

tfplugin_rs::main!(Lockers);

/// Luggage lockers.
#[derive(Model)]
struct LockersConfig {
    /// Directory that holds the lockers. Must exist.
    directory: String,
}

/// What a module says to the provider.
#[derive(Model)]
struct LockersMeta {
    /// Who is responsible for the lockers of this module.
    owner: String,
}

struct Lockers;

impl Provider for Lockers {
    const NAME: &'static str = "lockers";
    const SOURCE: Option<&'static str> = Some("example.com/test/lockers");
    type Config = LockersConfig;
    type Data = Station;

    async fn configure(&self, config: LockersConfig, _cx: &mut Configure) -> Result<Station> {
        let directory = config.directory.into();
        Ok(Station { directory })
    }

    fn contents(&self) -> Contents<Station> {
        Contents::new()
            .identified_resource(LockerResource)
            .list_resource(LockerList)
            .ephemeral_resource(Key)
            .action(Empty)
            .provider_meta::<LockersMeta>()
    }
}

/// Where the lockers are.
struct Station {
    directory: PathBuf,
}

impl Station {
    fn path(&self, number: u32) -> PathBuf {
        self.directory.join(format!("locker-{number}"))
    }

    /// What is in a locker, or `None` if there is no such locker.
    fn open(&self, number: u32) -> Result<Option<String>> {
        match std::fs::read_to_string(self.path(number)) {
            Ok(luggage) => Ok(Some(luggage)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Numbers of all lockers, in order.
    fn numbers(&self) -> Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let name = entry?.file_name().into_string().unwrap_or_default();
            numbers.extend(
                name.strip_prefix("locker-")
                    .and_then(|n| n.parse::<u32>().ok()),
            );
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Adds a line to the station's journal.
    fn note(&self, line: &str) -> Result<()> {
        let journal = self.directory.join("journal");
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(journal)?;
        writeln!(file, "{line}")?;
        Ok(())
    }
}

/// A locker.
#[derive(Model)]
struct Locker {
    /// Its number.
    #[attr(replace)]
    number: u32,
    /// What is in it.
    #[attr(default = "")]
    luggage: String,
    /// Who is responsible for it, as its module says.
    #[attr(use_state_for_unknown)]
    owner: Attr<String>,
}

/// What tells one locker from another.
#[derive(Model)]
struct LockerIdentity {
    /// Its number.
    number: u32,
}

struct LockerResource;

impl Resource for LockerResource {
    const NAME: &'static str = "locker";
    type Data = Station;
    type Model = Locker;

    async fn create(&self, mut plan: Locker, cx: &mut Apply<Station>) -> Result<Locker> {
        let meta: Option<LockersMeta> = cx.meta()?;
        plan.owner = meta.map(|meta| meta.owner).into();
        std::fs::write(cx.data().path(plan.number), &plan.luggage)?;
        Ok(plan)
    }

    async fn read(&self, state: Locker, cx: &mut Context<Station>) -> Result<Option<Locker>> {
        let luggage = cx.data().open(state.number)?;
        Ok(luggage.map(|luggage| Locker { luggage, ..state }))
    }

    async fn update(&self, prior: Locker, plan: Locker, cx: &mut Apply<Station>) -> Result<Locker> {
        std::fs::write(cx.data().path(prior.number), &plan.luggage)?;
        Ok(plan)
    }

    async fn delete(&self, state: Locker, cx: &mut Context<Station>) -> Result<()> {
        match std::fs::remove_file(cx.data().path(state.number)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn import(&self, id: &str, cx: &mut Context<Station>) -> Result<Locker> {
        let number = id.parse().or_diagnostic("The id is the locker's number")?;
        self.import_by_identity(LockerIdentity { number }, cx).await
    }
}

impl Identified for LockerResource {
    type Identity = LockerIdentity;

    fn identity(&self, state: &Locker, _: &Station) -> LockerIdentity {
        LockerIdentity {
            number: state.number,
        }
    }

    async fn import_by_identity(
        &self,
        identity: LockerIdentity,
        cx: &mut Context<Station>,
    ) -> Result<Locker> {
        let number = identity.number;
        let Some(luggage) = cx.data().open(number)? else {
            let detail = format!("There is no locker {number}.");
            return Err(Diagnostic::error("Nothing to import", detail)
                .at("number")
                .into());
        };
        let owner = Attr::Null;
        Ok(Locker {
            number,
            luggage,
            owner,
        })
    }
}

/// Finds lockers.
#[derive(Model)]
struct LockerListConfig {
    /// Only those with something in them.
    in_use: Option<bool>,
}

struct LockerList;

impl ListResource for LockerList {
    type Resource = LockerResource;
    type Config = LockerListConfig;

    async fn list(&self, config: LockerListConfig, cx: &mut Listing<LockerResource>) -> Result<()> {
        for number in cx.data().numbers()? {
            let luggage = cx.data().open(number)?.unwrap_or_default();
            if config.in_use == Some(luggage.is_empty()) {
                continue;
            }
            let found = Listed::new(format!("Locker {number}"), LockerIdentity { number });
            let owner = Attr::Null;
            cx.send(found.resource(Locker {
                number,
                luggage,
                owner,
            }))
            .await?;
        }
        Ok(())
    }
}

/// The key to a locker, lent for as long as Terraform needs it.
#[derive(Model)]
struct KeyModel {
    /// Number of the locker.
    locker: u32,
    /// What opens it.
    #[attr(computed, sensitive)]
    code: Attr<String>,
}

struct Key;

impl EphemeralResource for Key {
    const NAME: &'static str = "key";
    type Data = Station;
    type Model = KeyModel;

    async fn open(&self, mut config: KeyModel, cx: &mut Lease<Station>) -> Result<KeyModel> {
        cx.data().note(&format!("open {}", config.locker))?;
        cx.private_mut().set("locker", &config.locker)?;
        cx.renew_after(Duration::from_secs(1));
        config.code = Attr::Known(format!("code-of-{}", config.locker));
        Ok(config)
    }

    async fn renew(&self, cx: &mut Lease<Station>) -> Result<()> {
        let locker: u32 = cx.private().get("locker")?.unwrap_or_default();
        cx.renew_after(Duration::from_secs(1));
        cx.data().note(&format!("renew {locker}"))
    }

    async fn close(&self, cx: &mut Context<Station>) -> Result<()> {
        let locker: u32 = cx.private().get("locker")?.unwrap_or_default();
        cx.data().note(&format!("close {locker}"))
    }
}

/// Empties lockers.
#[derive(Model)]
struct EmptyConfig {
    /// Their numbers.
    lockers: Vec<u32>,
}

struct Empty;

impl Action for Empty {
    const NAME: &'static str = "empty";
    type Data = Station;
    type Config = EmptyConfig;

    async fn invoke(&self, config: EmptyConfig, cx: &mut Invocation<Station>) -> Result<()> {
        for number in config.lockers {
            if cx.stop().is_stopped() {
                let detail = format!("Locker {number} and those after it are as they were.");
                return Err(Diagnostic::error("Stopped", detail).into());
            }
            cx.progress(format!("emptying locker {number}")).await;
            if cx.data().open(number)?.is_none() {
                let missing = format!("There is no locker {number}.");
                cx.push(Diagnostic::warning("No such locker", missing).at("lockers"));
                continue;
            }
            std::fs::write(cx.data().path(number), "")?;
        }
        Ok(())
    }
}
