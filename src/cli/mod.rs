//! Command line (under construction).
