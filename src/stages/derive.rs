//! Runs the models of `sql/derived/`: what the records say, as tables with a grain.

use crate::context::Context;
use crate::lake::Zone;
use crate::models::{self, ModelReport};
use crate::spec::select::Selection;

/// Builds the models meant that are not up to date.
///
/// # Errors
/// That of the first model that fails; what was built before it or beside it is visible.
pub async fn derive(
    cx: &Context,
    selection: &Selection,
) -> Result<Vec<ModelReport>, models::Error> {
    models::build(cx, selection, Zone::Derived).await
}
