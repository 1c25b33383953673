//! Requests and answers on a connection, and the faults in between.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::{Asked, Fault, State, read, write};

/// A request that came in.
pub struct Request {
    pub method: String,
    /// The path and, behind a `?`, the query; with a space for `%20`.
    pub url: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// An answer in the making.
pub struct Answer {
    code: u16,
    pub headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The bytes of the body that are sent.
    sent: usize,
}

impl Request {
    /// Reads one; the body as `Content-Length` or chunks say.
    fn read(reader: &mut impl BufRead) -> std::io::Result<Self> {
        let (mut line, mut headers) = (String::new(), HashMap::new());
        reader.read_line(&mut line)?;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let mut body = Vec::new();
        if headers.get("transfer-encoding").is_some_and(|how| how == "chunked") {
            read_chunks(reader, &mut body)?;
        } else if let Some(length) = headers.get("content-length").and_then(|length| length.parse().ok()) {
            reader.take(length).read_to_end(&mut body)?;
        }
        let line = line.trim_end().trim_end_matches(" HTTP/1.1");
        let (method, url) = line.split_once(' ').unwrap_or((line, ""));
        // The only character of the tests' paths that urls write otherwise, but for the slash in a revision.
        Ok(Self { method: method.to_owned(), url: url.replace("%20", " "), headers, body })
    }

    /// Method and address.
    fn line(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The address of the hub, as who asks knows it.
    pub fn host(&self) -> String {
        format!("http://{}", self.headers.get("host").map_or("", String::as_str))
    }
}

/// Reads chunks up to the empty one.
fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
        reader.by_ref().take(length).read_to_end(body)?;
        reader.read_line(&mut String::new())?;
        if length == 0 {
            return Ok(());
        }
    }
}

impl Answer {
    pub fn new(code: u16, headers: Vec<(&'static str, String)>, body: &[u8]) -> Self {
        Self { code, headers, body: body.to_vec(), sent: body.len() }
    }

    pub fn document(document: &Value) -> Self {
        Self::new(200, vec![("Content-Type", "application/json".to_owned())], document.to_string().as_bytes())
    }

    /// There is no such thing; the name of the error is as in `EntryNotFound`.
    pub fn none(name: &str) -> Self {
        Self::new(404, vec![("X-Error-Code", name.to_owned())], b"{}")
    }

    /// A refusal with its reason.
    pub fn refusal(code: u16, why: &str) -> Self {
        let body = json!({ "error": why }).to_string();
        Self::new(code, vec![("X-Error-Message", why.to_owned())], body.as_bytes())
    }
}

/// Answers the request that comes on `stream`.
pub fn serve(state: &Mutex<State>, mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Request::read(&mut BufReader::new(stream.try_clone()?))?;
    let asked = Asked {
        line: request.line(),
        authorization: request.headers.remove("authorization"),
        range: request.headers.remove("range"),
    };
    let answer = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        answer(&mut state, &request, &asked)
    };
    let Some(answer) = answer else { return Ok(()) };
    let (code, length) = (answer.code, answer.body.len());
    write!(stream, "HTTP/1.1 {code} X\r\nConnection: close\r\nContent-Length: {length}\r\n")?;
    for (name, value) in &answer.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    if request.method != "HEAD" {
        stream.write_all(&answer.body[..answer.sent])?;
    }
    stream.flush()?;
    stream.shutdown(std::net::Shutdown::Write)?;
    // Closing with unread bytes would reset the connection under the reader.
    stream.take(1 << 16).read_to_end(&mut Vec::new()).map(drop)
}

/// The right answer, or the one that a fault makes of it; none if the connection is to be closed.
fn answer(state: &mut State, request: &Request, asked: &Asked) -> Option<Answer> {
    let who = asked.authorization.as_deref();
    let fault = fault(state, &request.line());
    let mut right = |range: Option<&str>| match request.method.as_str() {
        "POST" | "PUT" => write::answer(state, request, who),
        _ => read::answer(state, &request.url, range, who),
    };
    let range = asked.range.as_deref();
    Some(match fault {
        None => right(range),
        Some(Fault::HangUp) => return None,
        Some(Fault::Status(code, headers)) => Answer::new(code, headers, b"<html>no</html>"),
        Some(Fault::Headers(more)) => {
            let right = right(range);
            Answer { headers: [right.headers, more].concat(), ..right }
        }
        Some(Fault::Cut(sent)) => Answer { sent, ..right(range) },
        Some(Fault::Whole(sent)) => Answer { sent, ..right(None) },
        Some(Fault::Other(body)) => Answer { body: body.to_vec(), sent: body.len(), ..right(None) },
    })
}

/// The fault that a request is to meet.
fn fault(state: &mut State, line: &str) -> Option<Fault> {
    let is_meant = |name: &str| {
        let (method, suffix) = name.split_once(' ').unwrap();
        line.starts_with(method) && line.ends_with(suffix)
    };
    let once =
        state.faults.iter_mut().find(|(name, _)| is_meant(name)).and_then(|(_, faults)| faults.pop_front());
    once.or_else(|| state.lasting.iter().find(|(name, _)| is_meant(name)).map(|(_, fault)| fault.clone()))
}
