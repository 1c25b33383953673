//! A hub for other programs: `… --example hub -- [TOKEN]` prints its address, and serves until it is ended.
//!
//! With a token, only who has it may change repositories and see private ones.

use sibert_hub_emulator::Server;

fn main() {
    let server = Server::start(&[]);
    if let Some(token) = std::env::args().nth(1) {
        server.require(&token);
    }
    server.part_size(1 << 20); // larger files come in parts
    println!("{}", server.url());
    loop {
        std::thread::park();
    }
}
