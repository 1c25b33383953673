//! Compiled modules are kept in this crate's folder of the build directory.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
