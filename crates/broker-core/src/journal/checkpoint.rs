//! Checkpoints: two files, replaced one after the other.
