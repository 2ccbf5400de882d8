//! What people declared: the commons, its pipelines, the headers of its models, and what is wrong
//! with them.

pub mod agreement;
pub mod commons;
pub mod corrections;
pub mod detection;
pub mod diagnostic;
pub mod fetch;
pub mod format;
mod format_check;
pub mod limits;
pub(crate) mod mask;
pub mod model;
pub mod reference;
pub mod release;
pub mod secret;
pub mod select;
pub mod settings;
pub mod source;
pub(crate) mod source_check;
pub mod text;
mod wording;

pub(crate) use wording::nearest;
