//! A framework for Terraform providers: plugin protocol 6, for Terraform and OpenTofu.
//!
//! A provider is a program that Terraform starts and talks to. This crate does the talking
//! (handshake, mutual TLS, values on the wire, planning by Terraform's rules) and leaves to you what
//! your resources are and how they are made. It knows no service and no cloud.
//!
//! # A provider with one resource
//!
//! ```no_run
//! use tfplugin_rs::prelude::*;
//!
//! /// The provider block.
//! #[derive(Model)]
//! struct Settings {
//!     /// Directory that holds the notes.
//!     directory: String,
//! }
//!
//! struct Minimal;
//!
//! impl Provider for Minimal {
//!     const NAME: &'static str = "minimal";
//!     type Config = Settings;
//!     type Data = Settings; // Anything; every operation gets it.
//!
//!     async fn configure(&self, config: Settings, _cx: &mut Configure) -> Result<Settings> {
//!         Ok(config)
//!     }
//!
//!     fn contents(&self) -> Contents<Settings> {
//!         Contents::new().resource(NoteResource)
//!     }
//! }
//!
//! /// A note, kept in a file.
//! #[derive(Model)]
//! struct Note {
//!     /// Name of the file.
//!     #[attr(replace, validate = validate::length(1..=100))]
//!     name: String,
//!     /// What the file says.
//!     #[attr(default = "")]
//!     text: String,
//!     /// Whole path of the file.
//!     #[attr(computed, use_state_for_unknown)]
//!     path: Attr<String>,
//! }
//!
//! struct NoteResource;
//!
//! impl Resource for NoteResource {
//!     const NAME: &'static str = "note"; // The type is `minimal_note`.
//!     type Data = Settings;
//!     type Model = Note;
//!
//!     async fn create(&self, mut plan: Note, cx: &mut Apply<Settings>) -> Result<Note> {
//!         let path = format!("{}/{}", cx.data().directory, plan.name);
//!         std::fs::write(&path, &plan.text).or_diagnostic("Could not write the note")?;
//!         plan.path = path.into();
//!         Ok(plan)
//!     }
//!
//!     async fn read(&self, note: Note, cx: &mut Context<Settings>) -> Result<Option<Note>> {
//!         match std::fs::read_to_string(format!("{}/{}", cx.data().directory, note.name)) {
//!             Ok(text) => Ok(Some(Note { text, ..note })),
//!             Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
//!             Err(error) => Err(error.into()),
//!         }
//!     }
//!
//!     async fn update(&self, _prior: Note, plan: Note, cx: &mut Apply<Settings>) -> Result<Note> {
//!         self.create(plan, cx).await
//!     }
//!
//!     async fn delete(&self, note: Note, cx: &mut Context<Settings>) -> Result<()> {
//!         let path = format!("{}/{}", cx.data().directory, note.name);
//!         Ok(std::fs::remove_file(path)?)
//!     }
//! }
//!
//! tfplugin_rs::main!(Minimal);
//! ```
//!
//! This is `examples/minimal.rs` of the crate's source. `examples/notes.rs` has more of the same,
//! with a data source, a function, import, private state and write-only arguments;
//! `examples/lockers.rs` has a resource with an identity, a list, an ephemeral resource and an
//! action. All run under the real Terraform in a test.
//!
//! # What a provider can offer
//!
//! | trait | what it is | in a configuration | since Terraform |
//! | --- | --- | --- | --- |
//! | [`Resource`] | created, read, updated, deleted | `resource` | 1.0 |
//! | [`Identified`] | a resource that is known by an identity | `import { identity = {…} }` | 1.12 |
//! | [`ListResource`] | finds resources that exist already | `list`, for `terraform query` | 1.14 |
//! | [`DataSource`] | read only | `data` | 1.0 |
//! | [`EphemeralResource`] | lasts no longer than the run, never stored | `ephemeral` | 1.10 |
//! | [`Action`] | done, and leaves no state | `action` | 1.14 |
//! | [`Function`] | computes a value, offline | `provider::name::function(…)` | 1.8 |
//!
//! [`Contents`] collects them. An older Terraform does not ask for what it does not know, and the
//! rest works. State stores are not offered; calls for them are answered with that.
//!
//! # Models
//!
//! A [`Model`] is a struct whose fields are attributes; doc comments become descriptions. The type
//! says who sets the attribute, unless `required`, `optional` or `computed` does:
//!
//! | field type | attribute | null | unknown |
//! | --- | --- | --- | --- |
//! | `T` | required | error | error |
//! | `Option<T>` | optional | `None` | error |
//! | [`Attr<T>`] | computed | [`Attr::Null`] | [`Attr::Unknown`] |
//! | `T` with `default = …` | optional, computed | the default | error |
//!
//! `T` is `bool`, an integer, `f32`, `f64`, [`Number`](value::Number) (exact, any size), `String`,
//! [`Text<T>`](model::Text) (a string that is parsed; see [`types`]), [`Dynamic`](value::Dynamic), `Vec<T>`,
//! `BTreeSet<T>`, `HashSet<T>`, `BTreeMap<String, T>`, `HashMap<String, T>`, or another model, which
//! becomes a nested attribute, alone and in collections. A field marked `#[block]` or
//! `#[block(min = 1, max = 3)]` holds its models in blocks instead.
//!
//! | `#[attr(…)]` | meaning |
//! | --- | --- |
//! | `required`, `optional`, `computed` | who sets it, instead of what the type suggests |
//! | `sensitive` | hidden in output; masked in logs |
//! | `write_only` | reaches `create` and `update`, never plan or state |
//! | `default = value` | where the configuration says nothing |
//! | `replace`, `replace_if = condition`, `replace_if_configured` | changing it replaces the resource |
//! | `use_state_for_unknown`, `use_non_null_state_for_unknown` | once computed it stays as it is |
//! | `same_if = f` | values for which `f(prior, new)` holds mean the same |
//! | `validate = v` or `[v, …]` | see [`validate`] |
//! | `plan = m` or `[m, …]` | see [`modify`] |
//! | `deprecated = "…"` | a warning where it is set |
//! | `name = "…"` | the attribute's name, where it is not the field's |
//! | `timeouts(create = "30m", …)` | the attribute of a [`Timeouts`] |
//!
//! On the struct: `#[model(version = 2, deprecated = "…", rule = …)]`; for rules see [`rule`].
//!
//! Adding an attribute needs no new version if it may be null or has a default: states from before
//! hold null, which a field with a default reads as that. [`Resource::read`] finds out what the
//! resource really has, and where that is not the default, the next plan tells the change. Where it
//! cannot be found out, an [`Attr<T>`] with the default keeps the null apart. Anything else raises
//! `version` and implements [`Resource::upgrade`].
//!
//! # What happens when
//!
//! 1. **Validate**: validators of attributes and rules of models, then [`Resource::validate`].
//!    Values may be unknown: read them as `cx.get::<Attr<String>>("name")?`.
//! 2. **Plan**: defaults; write-only values become null; if anything differs from the state,
//!    computed attributes that the configuration does not set become unknown; plan modifiers;
//!    [`Resource::modify_plan`], also before a deletion; replacements are settled.
//! 3. **Apply**: [`Resource::create`], [`Resource::update`] or [`Resource::delete`]. Every known
//!    planned value must come back unchanged and nothing may stay unknown; the framework checks it
//!    and names the attribute.
//! 4. **Refresh**: [`Resource::read`] before every plan.
//!
//! A resource that another provider or type has made before is taken over by [`Resource::adopt`].
//! What cannot be done yet is put off by [`Context::defer`], where Terraform allows it.
//!
//! Errors are [`Diagnostics`]: `?` works on every `std::error::Error`, and
//! [`Diagnostic::error`]`(…).at("attribute")` says where it belongs. A panic becomes a diagnostic of
//! its own and harms nothing else. [`Apply::save`] keeps what was made before an error.
//!
//! What the service spells differently but means the same stays as it was in the state: see
//! [`Text`](model::Text) and [`types`].
//!
//! # Documentation
//!
//! [`docs`] writes the pages of the registry, and the schema as JSON.
//!
//! # Testing
//!
//! [`testing`] drives a provider as Terraform would, in process: validate, plan, apply, read, plan
//! again and find nothing to do; list, open, renew, close, invoke, call.
//!
//! # Debugging
//!
//! Started with `--debug`, a provider prints what to set in the environment, and Terraform then uses
//! that very process instead of starting one: set [`Provider::SOURCE`] and run it in a debugger.
//! What a provider prints or logs appears in Terraform's log; [`logging`] tells more.

// The derives name this crate by its public path, in its own tests too.
extern crate self as tfplugin_rs;

mod action;
mod attr;
mod context;
mod counted;
mod data_source;
mod deferral;
mod diagnostics;
pub mod docs;
mod effort;
mod ephemeral;
mod erased;
pub mod function;
mod identity;
mod list;
pub mod logging;
mod meaning;
pub mod model;
pub mod modify;
pub mod path;
mod plan;
mod private;
pub mod proto;
mod provider;
mod resource;
pub mod rule;
pub mod schema;
mod serve;
pub mod server;
pub mod testing;
pub mod timeouts;
pub mod transport;
pub mod types;
pub mod validate;
pub mod value;
mod values;
mod wire;

pub use tfplugin_rs_derive::{Arguments, Model};

pub use action::{Action, Invocation};
pub use attr::Attr;
pub use context::{Apply, Context, Validation};
pub use data_source::DataSource;
pub use deferral::Deferral;
pub use diagnostics::{Diagnostic, Diagnostics, OrDiagnostic, Result, Severity};
pub use ephemeral::{EphemeralResource, Lease};
pub use function::{Function, FunctionError};
pub use identity::Identified;
pub use list::{ListResource, Listed, Listing};
pub use model::Model;
pub use path::{AttributePath, PathExpression, Step};
pub use private::Private;
pub use provider::{Configure, Contents, Provider};
pub use resource::{MoveSource, RawState, Resource, ResourceAction, ResourcePlan};
pub use serve::{ServeOptions, serve};
pub use server::{Server, run};
pub use timeouts::{Operation, Timeouts};
pub use transport::StopToken;
pub use values::Values;

/// Everything a provider's modules usually need: `use tfplugin_rs::prelude::*;`.
pub mod prelude {
    pub use crate::model::Text;
    pub use crate::{
        Action, Apply, Arguments, Attr, AttributePath, Configure, Contents, Context, DataSource,
        Deferral, Diagnostic, Diagnostics, EphemeralResource, Function, FunctionError, Identified,
        Invocation, Lease, ListResource, Listed, Listing, Model, MoveSource, OrDiagnostic, Private,
        Provider, RawState, Resource, ResourceAction, ResourcePlan, Result, StopToken, Timeouts,
        Validation, Values, modify, path, rule, types, validate,
    };
}
