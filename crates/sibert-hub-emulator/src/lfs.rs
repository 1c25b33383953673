//! The store of Git LFS: objects by their SHA-256, sent whole or in parts.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::http::{Answer, Request};
use crate::sha256;

/// Objects, and the parts of those that are on their way.
pub struct Store {
    /// Larger objects are sent in parts of this many bytes.
    pub part_size: usize,
    objects: HashMap<String, Vec<u8>>,
    parts: HashMap<String, BTreeMap<usize, Vec<u8>>>,
}

impl Default for Store {
    fn default() -> Self {
        Self { part_size: usize::MAX, objects: HashMap::new(), parts: HashMap::new() }
    }
}

impl Store {
    /// The bytes of an object.
    pub fn get(&self, oid: &str) -> Option<&Vec<u8>> {
        self.objects.get(oid)
    }

    /// Where to send each object that is not here yet.
    pub fn batch(&self, request: &Request, repo: &str) -> Answer {
        let document = request.json();
        let objects = document["objects"].as_array().cloned().unwrap_or_default();
        let objects: Vec<Value> = objects.iter().map(|object| self.actions(request, repo, object)).collect();
        Answer::document(&json!({ "transfer": "multipart", "objects": objects, "hash_algo": "sha256" }))
    }

    fn actions(&self, request: &Request, repo: &str, object: &Value) -> Value {
        let (oid, size) = (object["oid"].as_str().unwrap_or_default(), object["size"].as_u64().unwrap_or(0));
        if self.objects.contains_key(oid) {
            return json!({ "oid": oid, "size": size });
        }
        let (host, size) = (request.host(), size as usize);
        let mut upload = json!({ "href": format!("{host}/lfs/{oid}?signature=secret") });
        if size > self.part_size {
            let mut header = Map::new();
            header.insert("chunk_size".into(), self.part_size.to_string().into());
            for part in 1..=size.div_ceil(self.part_size) {
                let href = format!("{host}/lfs/{oid}?signature=secret&part={part}");
                header.insert(format!("{part:05}"), href.into());
            }
            upload = json!({ "href": format!("{host}/lfs/{oid}?complete"), "header": header });
        }
        let verify = json!({ "href": format!("{host}/{repo}.git/info/lfs/objects/verify") });
        json!({ "oid": oid, "size": size, "authenticated": true, "actions": { "upload": upload, "verify": verify } })
    }

    /// Keeps an object, or a part of one.
    pub fn put(&mut self, url: &str, body: &[u8]) -> Answer {
        let (oid, query) = url.trim_start_matches("/lfs/").split_once('?').unwrap_or((url, ""));
        let part = query.rsplit_once("part=").and_then(|(_, part)| part.parse().ok());
        if let Some(part) = part {
            self.parts.entry(oid.to_owned()).or_default().insert(part, body.to_vec());
            return Answer::new(200, vec![("ETag", format!("\"{}\"", sha256(body)))], b"");
        }
        self.keep(oid, body.to_vec())
    }

    /// Makes an object of its parts, which must be those that came.
    pub fn complete(&mut self, request: &Request) -> Answer {
        let document = request.json();
        let oid = document["oid"].as_str().unwrap_or_default();
        let parts = self.parts.remove(oid).unwrap_or_default();
        let etag = |(number, bytes): (&usize, &Vec<u8>)| json!({ "partNumber": number, "etag": format!("\"{}\"", sha256(bytes)) });
        if document["parts"] != Value::Array(parts.iter().map(etag).collect()) {
            return Answer::refusal(400, "the parts are not those that came");
        }
        self.keep(oid, parts.into_values().flatten().collect())
    }

    /// Says whether an object came as it was announced.
    pub fn verify(&self, request: &Request) -> Answer {
        let document = request.json();
        let found = self.get(document["oid"].as_str().unwrap_or_default());
        match found.filter(|bytes| document["size"] == bytes.len()) {
            Some(_) => Answer::document(&json!({})),
            None => Answer::refusal(404, "the object did not come"),
        }
    }

    fn keep(&mut self, oid: &str, bytes: Vec<u8>) -> Answer {
        if sha256(&bytes) != oid {
            return Answer::refusal(400, "the bytes do not have the digest that was announced");
        }
        self.objects.insert(oid.to_owned(), bytes);
        Answer::new(200, vec![("ETag", format!("\"{oid}\""))], b"")
    }
}
