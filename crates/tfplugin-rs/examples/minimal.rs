//! The provider of the crate's guide: one resource.

use tfplugin_rs::prelude::*;

/// The provider block.
#[derive(Model)]
struct Settings {
    /// Directory that holds the notes.
    directory: String,
}

struct Minimal;

impl Provider for Minimal {
    const NAME: &'static str = "minimal";
    type Config = Settings;
    type Data = Settings; // Anything; every operation gets it.

    async fn configure(&self, config: Settings, _cx: &mut Configure) -> Result<Settings> {
        Ok(config)
    }

    fn contents(&self) -> Contents<Settings> {
        Contents::new().resource(NoteResource)
    }
}

/// A note, kept in a file.
#[derive(Model)]
struct Note {
    /// Name of the file.
    #[attr(replace, validate = validate::length(1..=100))]
    name: String,
    /// What the file says.
    #[attr(default = "")]
    text: String,
    /// Whole path of the file.
    #[attr(computed, use_state_for_unknown)]
    path: Attr<String>,
}

struct NoteResource;

impl Resource for NoteResource {
    const NAME: &'static str = "note"; // The type is `minimal_note`.
    type Data = Settings;
    type Model = Note;

    async fn create(&self, mut plan: Note, cx: &mut Apply<Settings>) -> Result<Note> {
        let path = format!("{}/{}", cx.data().directory, plan.name);
        std::fs::write(&path, &plan.text).or_diagnostic("Could not write the note")?;
        plan.path = path.into();
        Ok(plan)
    }

    async fn read(&self, note: Note, cx: &mut Context<Settings>) -> Result<Option<Note>> {
        match std::fs::read_to_string(format!("{}/{}", cx.data().directory, note.name)) {
            Ok(text) => Ok(Some(Note { text, ..note })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn update(&self, _prior: Note, plan: Note, cx: &mut Apply<Settings>) -> Result<Note> {
        self.create(plan, cx).await
    }

    async fn delete(&self, note: Note, cx: &mut Context<Settings>) -> Result<()> {
        let path = format!("{}/{}", cx.data().directory, note.name);
        Ok(std::fs::remove_file(path)?)
    }
}

tfplugin_rs::main!(Minimal);
