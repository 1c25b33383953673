//! stub
mod data;
fn main() {}
