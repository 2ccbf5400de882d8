//! Run (under construction).
