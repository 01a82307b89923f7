//! A broker gets its keys, gets others, or is encrypted from now on.

use std::sync::Arc;

use agent_api::Failure;
use agent_api::v1::Reason;
use broker_core::journal::Keys;
use tracing::{info, warn};

use super::failures::{registry_failed, start_failed};
use super::{Hosting, STOP_DEADLINE, Slot, State};
use crate::encryption::{Encryption, Vault, VaultError};
use crate::host::StartFailure;
use crate::registry::Record;

impl Hosting {
    /// The keys of a broker that is to start; none if it is not encrypted. Once the agent has them it
    /// keeps them: what holds the master key is not asked again.
    pub(super) async fn unlock(
        &self,
        slot: &Slot,
        record: &Record,
    ) -> Result<Option<Arc<Keys>>, StartFailure> {
        let Some(encryption) = &record.encryption else {
            return Ok(None);
        };
        let mut vault = slot.vault.lock().await;
        if let Some(vault) = vault.as_ref().filter(|it| it.encryption() == encryption) {
            return Ok(Some(vault.keys()));
        }
        let opened = Vault::open(&self.data_dir(record), encryption).await;
        let opened = opened.map_err(|error| StartFailure::Encryption(error.to_string()))?;
        let keys = opened.keys();
        self.show_vault(slot, &opened);
        *vault = Some(opened);
        Ok(Some(keys))
    }

    /// Carries out another setting of encryption, and registers it.
    pub(super) async fn change_encryption(
        &self,
        slot: &Arc<Slot>,
        old: &Arc<Record>,
        new: &Arc<Record>,
    ) -> Result<(), Failure> {
        match (&old.encryption, &new.encryption) {
            (_, None) => Err(not_off(old)),
            (None, Some(_)) => {
                // Before anything is stopped: are the keys to be had?
                let unlocked = self.unlock(slot, new).await;
                unlocked.map_err(|failure| start_failed(new, &failure))?;
                self.turn_on(slot, new).await
            }
            (Some(_), Some(to)) => {
                let failed = matches!(slot.view().state, State::Failed(_));
                match failed && slot.vault.lock().await.is_none() {
                    true => self.relocate(slot, new).await,
                    false => self.rotate(slot, old, new, to).await,
                }
            }
        }
    }

    /// Stops a broker and starts it encrypted. From the first record on it can only be opened so:
    /// whatever fails is tried again with the new setting, never with the old one.
    async fn turn_on(&self, slot: &Arc<Slot>, new: &Arc<Record>) -> Result<(), Failure> {
        let registered = self.register(Arc::clone(new)).await;
        registered.map_err(|error| registry_failed(new, &error))?;
        let state = slot.view().state;
        self.show(slot, State::Stopping);
        self.halt(state, STOP_DEADLINE).await;
        self.replace(slot, Arc::clone(new));
        self.show(slot, State::Starting);
        if let Err(failure) = self.run(slot, new).await {
            self.show(slot, State::Failed(failure.to_string()));
            self.start_again(slot, new);
            return Err(start_failed(new, &failure));
        }
        info!(broker = %new.name, "broker is encrypted from now on");
        Ok(())
    }

    /// Another master key, while the broker goes on.
    async fn rotate(
        &self,
        slot: &Slot,
        old: &Arc<Record>,
        new: &Arc<Record>,
        to: &Encryption,
    ) -> Result<(), Failure> {
        let unlocked = self.unlock(slot, old).await;
        unlocked.map_err(|failure| start_failed(old, &failure))?;
        let mut vault = slot.vault.lock().await;
        let Some(present) = vault.as_mut() else {
            return Ok(());
        };
        let rotated = present.rotate(to).await;
        let mut rotated = rotated.map_err(|error| not_rotated(old, &error))?;
        let registered = self.register(Arc::clone(new)).await;
        registered.map_err(|error| registry_failed(new, &error))?;
        if let Err(error) = rotated.settle().await {
            // It opens with both, and is tried again at the next start.
            warn!(broker = %new.name, %error, "the former master key still opens the keyring");
        }
        self.show_vault(slot, &rotated);
        info!(broker = %new.name, master_key = rotated.unlocked().master_key, "keys rotated");
        *vault = Some(rotated);
        Ok(())
    }

    /// The key of a broker that cannot start without it is said to be elsewhere.
    async fn relocate(&self, slot: &Arc<Slot>, new: &Arc<Record>) -> Result<(), Failure> {
        let state = slot.view().state;
        self.revive(slot, &state, new).await
    }

    fn show_vault(&self, slot: &Slot, vault: &Vault) {
        slot.set_unlocked(vault.unlocked());
        self.changes.send_replace(());
    }
}

fn not_off(record: &Record) -> Failure {
    let name = record.name.as_str();
    let sentence = format!(
        "broker {name:?} is encrypted and stays so; to have its messages unencrypted, make another \
         broker and move them"
    );
    Failure::new(Reason::Unsupported, sentence)
        .at("encryption")
        .of("broker", name)
}

fn not_rotated(record: &Record, error: &VaultError) -> Failure {
    let name = record.name.as_str();
    let sentence = format!("broker {name:?} keeps its keys and goes on: {error}");
    Failure::new(Reason::Unavailable, sentence)
        .at("encryption")
        .of("broker", name)
}
