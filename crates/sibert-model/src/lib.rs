//! stub

pub mod ops;
