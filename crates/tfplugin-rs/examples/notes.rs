//! A provider of notes: each is a file in a directory. Shows what a provider is made of: a
//! configured provider, a resource with defaults, validation, computed, write-only and protected
//! attributes, private state, import and plans of its own, a data source, and a function.
//!
//! `tests/framework` runs it under the real Terraform.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tfplugin_rs::prelude::*;

tfplugin_rs::main!(provider());

/// The provider, to be served or documented.
pub(crate) fn provider() -> impl Provider {
    Notes
}

/// Keeps notes as files.
#[derive(Model)]
struct NotesConfig {
    /// Directory that holds the notes. Must exist.
    directory: String,
}

struct Notes;

impl Provider for Notes {
    const NAME: &'static str = "notes";
    type Config = NotesConfig;
    type Data = Store;

    async fn configure(&self, config: NotesConfig, _cx: &mut Configure) -> Result<Store> {
        let directory = PathBuf::from(config.directory);
        if !directory.is_dir() {
            let detail = format!(
                "{} is not a directory. Create it first.",
                directory.display()
            );
            return Err(Diagnostic::error("No such directory", detail)
                .at("directory")
                .into());
        }
        Ok(Store { directory })
    }

    fn contents(&self) -> Contents<Store> {
        Contents::new()
            .resource(FileResource)
            .data_source(FileDataSource)
            .function(Slug)
    }
}

/// What the operations need: where the notes are.
struct Store {
    directory: PathBuf,
}

/// A note on disk.
#[derive(Serialize, Deserialize)]
struct Note {
    text: String,
    tags: BTreeSet<String>,
    protected: bool,
    sealed: bool,
    revision: u64,
}

impl Store {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.json"))
    }

    /// The note of this name, or `None` if there is none.
    fn find(&self, name: &str) -> Result<Option<Note>> {
        match std::fs::read(self.path(name)) {
            Ok(bytes) => {
                let note = serde_json::from_slice(&bytes).or_diagnostic("The note is damaged")?;
                Ok(Some(note))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&self, name: &str, note: &Note) -> Result<PathBuf> {
        let (path, bytes) = (self.path(name), serde_json::to_vec_pretty(note)?);
        std::fs::write(&path, bytes).or_diagnostic("Could not write the note")?;
        Ok(path)
    }
}

/// A note, kept in a file.
#[derive(Model)]
struct FileModel {
    /// Name of the note; changing it makes a new note.
    #[attr(replace, validate = validate::regex("^[a-z0-9-]+$", "must be letters, digits and dashes"))]
    name: String,
    /// What the note says.
    #[attr(default = "", validate = validate::length(..=1000))]
    text: String,
    /// Words to find it by.
    tags: Option<BTreeSet<String>>,
    /// Refuses to delete the note.
    #[attr(default = false)]
    protected: bool,
    /// Passphrase that seals the note. It is not stored; raise `passphrase_wo_version` to seal anew.
    #[attr(sensitive, write_only)]
    passphrase_wo: Option<String>,
    /// Any number that says which passphrase was given.
    passphrase_wo_version: Option<u64>,
    /// True if the note is sealed.
    #[attr(use_state_for_unknown)]
    sealed: Attr<bool>,
    /// How often the note was written.
    revision: Attr<u64>,
    /// The file.
    #[attr(use_state_for_unknown)]
    path: Attr<String>,
}

impl FileModel {
    fn of(name: String, path: &Path, note: Note, passphrase_wo_version: Option<u64>) -> Self {
        Self {
            name,
            text: note.text,
            tags: Some(note.tags).filter(|tags| !tags.is_empty()),
            protected: note.protected,
            passphrase_wo: None,
            passphrase_wo_version,
            sealed: note.sealed.into(),
            revision: note.revision.into(),
            path: path.display().to_string().into(),
        }
    }

    fn into_note(self, revision: u64, was_sealed: bool) -> Note {
        Note {
            text: self.text,
            tags: self.tags.unwrap_or_default(),
            protected: self.protected,
            sealed: was_sealed || self.passphrase_wo.is_some(),
            revision,
        }
    }
}

struct FileResource;

impl Resource for FileResource {
    const NAME: &'static str = "file";
    type Data = Store;
    type Model = FileModel;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        let passphrase: Attr<String> = cx.get("passphrase_wo")?;
        let version: Attr<u64> = cx.get("passphrase_wo_version")?;
        if passphrase.is_null() && version.is_known() {
            let detail = "A version without a passphrase has no effect. Set `passphrase_wo`.";
            cx.push(Diagnostic::warning("No passphrase", detail).at("passphrase_wo_version"));
        }
        Ok(())
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, _cx: &mut Context<Store>) -> Result<()> {
        let action = plan.action();
        if matches!(action, ResourceAction::Delete | ResourceAction::Replace)
            && plan.prior().get("protected")?
        {
            let detail = "Set `protected = false` and apply that before deleting the note.";
            return Err(Diagnostic::error("The note is protected", detail)
                .at("protected")
                .into());
        }
        let version = |values: &Values| values.get::<Attr<u64>>("passphrase_wo_version");
        if action == ResourceAction::Update && version(plan.prior())? != version(plan.planned())? {
            plan.set_unknown("sealed")?;
        }
        Ok(())
    }

    async fn create(&self, plan: FileModel, cx: &mut Apply<Store>) -> Result<FileModel> {
        if cx.data().find(&plan.name)?.is_some() {
            let detail = format!(
                "There is a note {:?} already; import it instead.",
                plan.name
            );
            return Err(Diagnostic::error("The note exists", detail)
                .at("name")
                .into());
        }
        self.store(plan, 1, false, cx)
    }

    async fn read(&self, state: FileModel, cx: &mut Context<Store>) -> Result<Option<FileModel>> {
        let Some(note) = cx.data().find(&state.name)? else {
            return Ok(None);
        };
        let path = cx.data().path(&state.name);
        Ok(Some(FileModel::of(
            state.name,
            &path,
            note,
            state.passphrase_wo_version,
        )))
    }

    async fn update(
        &self,
        prior: FileModel,
        plan: FileModel,
        cx: &mut Apply<Store>,
    ) -> Result<FileModel> {
        let revision = prior.revision.known().unwrap_or(0) + 1;
        let sealed = prior.sealed.known().unwrap_or(false);
        self.store(plan, revision, sealed, cx)
    }

    async fn delete(&self, state: FileModel, cx: &mut Context<Store>) -> Result<()> {
        match std::fs::remove_file(cx.data().path(&state.name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn import(&self, id: &str, cx: &mut Context<Store>) -> Result<FileModel> {
        let Some(note) = cx.data().find(id)? else {
            let detail = format!("There is no note {id:?}. The id is the note's name.");
            return Err(Diagnostic::error("Nothing to import", detail).into());
        };
        Ok(FileModel::of(
            id.to_owned(),
            &cx.data().path(id),
            note,
            None,
        ))
    }
}

impl FileResource {
    fn store(
        &self,
        plan: FileModel,
        revision: u64,
        was_sealed: bool,
        cx: &mut Apply<Store>,
    ) -> Result<FileModel> {
        let (name, version) = (plan.name.clone(), plan.passphrase_wo_version);
        let note = plan.into_note(revision, was_sealed);
        let path = cx.data().write(&name, &note)?;
        cx.private_mut()
            .set("written_by", &env!("CARGO_PKG_VERSION"))?;
        tracing::info!(name, revision, "note written");
        Ok(FileModel::of(name, &path, note, version))
    }
}

/// Reads a note.
#[derive(Model)]
struct FileData {
    /// Name of the note.
    name: String,
    /// What it says.
    text: Attr<String>,
    /// Words to find it by.
    tags: Attr<BTreeSet<String>>,
}

struct FileDataSource;

impl DataSource for FileDataSource {
    const NAME: &'static str = "file";
    type Data = Store;
    type Model = FileData;

    async fn read(&self, config: FileData, cx: &mut Context<Store>) -> Result<FileData> {
        let Some(note) = cx.data().find(&config.name)? else {
            let detail = format!("There is no note {:?}.", config.name);
            return Err(Diagnostic::error("No such note", detail).at("name").into());
        };
        Ok(FileData {
            name: config.name,
            text: note.text.into(),
            tags: note.tags.into(),
        })
    }
}

/// Makes a note's name out of words.
///
/// Lower case, and a dash wherever there is no letter or digit.
#[derive(Arguments)]
struct SlugArguments {
    /// Put before the words; null for nothing.
    prefix: Option<String>,
    /// The words.
    #[arg(variadic)]
    words: Vec<String>,
}

struct Slug;

impl Function for Slug {
    const NAME: &'static str = "slug";
    type Arguments = SlugArguments;
    type Output = String;

    fn call(&self, arguments: SlugArguments) -> Result<String, FunctionError> {
        for (index, word) in (1..).zip(&arguments.words) {
            if word.is_empty() {
                return Err(FunctionError::argument(index, "A word must not be empty."));
            }
        }
        let words: Vec<String> = arguments
            .prefix
            .into_iter()
            .chain(arguments.words)
            .collect();
        let dashed = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        };
        Ok(words.join("-").chars().map(dashed).collect())
    }
}
