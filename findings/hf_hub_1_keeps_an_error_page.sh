#!/usr/bin/env bash
# hf-hub 1.0.0 takes the page of an error for the file.
#
# Guess:     a download that the hub answers with 403 (after a HEAD that was fine) fails, as a HEAD of 403 does, and as a GET
#            of 403 does in Python's huggingface_hub.
# Behaviour: `download_file()` looks at the status of the HEAD alone. The body of the GET becomes the blob under the etag that
#            the HEAD announced, whatever its status and length; the call returns the path, and the next start serves the same
#            page from the cache without asking for the file again.
# Seen:      OK, 23 bytes: <html>error page</html>      (4,000 bytes were announced)
# Versions:  hf-hub 1.0.0 (crates.io), feature `blocking`; Linux, x86-64.
#
# Needs cargo, a C compiler and python3; builds for several minutes in a temporary folder. Fails if the behaviour changes.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

cat >server.py <<'PYTHON'
import http.server, json, sys
COMMIT, DIGEST, PAGE = '0123456789abcdef0123456789abcdef01234567', 'ab' * 32, b'<html>error page</html>'
class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *_): pass
    def answer(self, code, headers, body):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(body)
    def route(self):
        if self.path.startswith('/api'):
            body = json.dumps({'_id': '0', 'id': 'o/n', 'sha': COMMIT, 'siblings': [{'rfilename': 'file.txt'}]}).encode()
            return self.answer(200, {'Content-Type': 'application/json', 'Content-Length': str(len(body))}, body)
        if self.command == 'HEAD':
            about = {'X-Repo-Commit': COMMIT, 'ETag': f'"{DIGEST}"', 'X-Linked-Etag': f'"{DIGEST}"', 'X-Linked-Size': '4000'}
            return self.answer(200, {**about, 'Content-Length': '4000'}, b'')
        self.answer(403, {'Content-Type': 'text/html', 'Content-Length': str(len(PAGE))}, PAGE)
    do_HEAD = do_GET = route
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Hub)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2024"
[dependencies]
hf-hub = { version = "=1.0.0", features = ["blocking"] }
[profile.dev]
debug = 0
[workspace]
TOML
cat >src/main.rs <<'RUST'
fn main() {
    let client = hf_hub::HFClientSync::new().expect("client");
    match client.dataset("o", "n").download_file().filename("file.txt".to_string()).send() {
        Ok(path) => {
            let bytes = std::fs::read(&path).expect("the file");
            println!("OK, {} bytes: {}", bytes.len(), String::from_utf8_lossy(&bytes));
        }
        Err(error) => println!("error: {error}"),
    }
}
RUST
cargo build --quiet
python3 server.py >port & server=$!
while [ ! -s port ]; do sleep 0.1; done
export HF_ENDPOINT=http://127.0.0.1:$(cat port) HF_HOME=$work/home
found=$("${CARGO_TARGET_DIR:-target}/debug/finding")
again=$("${CARGO_TARGET_DIR:-target}/debug/finding")
echo "first:  $found"
echo "second: $again"
expected='OK, 23 bytes: <html>error page</html>'
[ "$found" = "$expected" ] && [ "$again" = "$expected" ] || { echo "the behaviour has changed: expected $expected" >&2; exit 1; }
echo "hf-hub 1.0.0 still takes the page of an error for the file"
