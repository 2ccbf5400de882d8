//! Invented records (merged later).
