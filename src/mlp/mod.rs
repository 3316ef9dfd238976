//! The multilayer perceptron in the clear: shapes, bounds, batches, the plain float baseline and the integer twin.
//!
//! Nothing here knows of cryptography. [`twin::Twin`] trains in plain integers exactly as both secure protocols do
//! (protocol.md, section 7) and is their oracle; [`float::FloatNetwork`] is the same training in f64, from the same
//! initial weights and the same [`batches::Batches`].

pub mod batches;
pub mod bounds;
mod error;
pub mod float;
pub mod layers;
pub mod metrics;
pub mod model;
pub mod plan;
pub mod twin;
pub mod update;

pub use batches::Batches;
pub use bounds::{BoundName, BoundOverride, DeclaredBounds, InputKind};
pub use error::{MlpError, Moment};
pub use float::FloatNetwork;
pub use layers::Layers;
pub use model::FixedModel;
pub use plan::TrainingPlan;
pub use twin::{FloorRounding, Rounding, Twin};
pub use update::Update;
