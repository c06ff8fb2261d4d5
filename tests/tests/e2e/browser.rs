//! A browser as far as the manager can tell: plain HTTP, a cookie, and gRPC-Web.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use atoll_tests::{Fleet, PATIENCE};
use prost::Message;

/// A browser that shows the web UI of one manager.
#[derive(Debug, Clone)]
pub struct Browser {
    /// host:port.
    pub host: String,
    /// What it sends with each request: its cookie among it.
    pub headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Page {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The reason of a refusal.
    pub fn reason(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json["reason"].as_str().unwrap_or_default().to_owned()
    }
}

/// The status of a gRPC call that is not 0.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(pub u32);

impl Browser {
    /// A browser with the UI open, and nobody signed in.
    pub fn at(fleet: &Fleet) -> Self {
        let host = fleet.cli.server.trim_start_matches("http://").to_owned();
        let own = [("origin", format!("http://{host}")), ("sec-fetch-site", "same-origin".to_owned())];
        Self { headers: own.map(|(key, value)| (key.to_owned(), value)).to_vec(), host }
    }

    /// A browser that is signed in with a link from the command line.
    pub fn signed_in(fleet: &Fleet) -> Self {
        let mut browser = Self::at(fleet);
        let page = browser.sign_in(&code(fleet));
        assert_eq!(page.status, 204, "{page:?}");
        browser
    }

    pub fn sign_in(&mut self, code: &str) -> Page {
        let page = self.send("POST", "/session", serde_json::json!({ "code": code }).to_string().as_bytes());
        if let Some(cookie) = page.header("set-cookie") {
            let pair = cookie.split(';').next().unwrap().to_owned();
            self.headers.push(("cookie".to_owned(), pair));
        }
        page
    }

    /// The same browser with a header of another value, or without it.
    pub fn with(&self, name: &str, value: Option<&str>) -> Self {
        let mut other = self.clone();
        other.headers.retain(|(key, _)| key != name);
        other.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        other
    }

    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> Page {
        let mut stream = self.open(method, path, "application/json", body);
        let (status, headers) = head(&mut stream);
        let mut page = Page { status, headers, body: Vec::new() };
        if page.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = chunk(&mut stream) {
                page.body.extend(chunk);
            }
        } else if method != "HEAD" {
            stream.read_to_end(&mut page.body).unwrap();
        }
        page
    }

    /// Calls over gRPC-Web.
    pub fn call<T: Message + Default>(&self, method: &str, request: &impl Message) -> Result<T, Refused> {
        let mut calling = self.stream(method, request)?;
        let answer = calling.next::<T>()?;
        answer.ok_or(Refused(0))
    }

    /// Opens a stream over gRPC-Web.
    pub fn stream(&self, method: &str, request: &impl Message) -> Result<Calling, Refused> {
        let message = request.encode_to_vec();
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(message);
        let mut stream = self.open("POST", &format!("/atoll.v1.{method}"), "application/grpc-web+proto", &body);
        let (status, headers) = head(&mut stream);
        assert_eq!(status, 200, "{headers:?}");
        match headers.iter().find(|(key, _)| key == "grpc-status") {
            Some((_, code)) if code != "0" => Err(Refused(code.parse().unwrap())),
            _ => Ok(Calling { stream, waiting: Vec::new() }),
        }
    }

    fn open(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.host).expect("the port answers");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.host);
        for (key, value) in &self.headers {
            head.push_str(&format!("{key}: {value}\r\n"));
        }
        head.push_str(&format!("content-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len()));
        stream.write_all(&[head.as_bytes(), body].concat()).expect("the port reads");
        BufReader::new(stream)
    }
}

/// A new code from the command line.
pub fn code(fleet: &Fleet) -> String {
    let link = fleet.cli.run(&["ui", "open", "--print"]);
    let (address, code) = link.split_once("/sign-in#").expect("a link has a code");
    assert_eq!(address, fleet.cli.server);
    code.to_owned()
}

/// An open call.
#[derive(Debug)]
pub struct Calling {
    stream: BufReader<TcpStream>,
    waiting: Vec<u8>,
}

impl Calling {
    /// The next message; `None` at a good end.
    pub fn next<T: Message + Default>(&mut self) -> Result<Option<T>, Refused> {
        loop {
            if let Some(size) = self.waiting.get(1..5) {
                let size = u32::from_be_bytes(size.try_into().unwrap()) as usize;
                if self.waiting.len() >= 5 + size {
                    let frame: Vec<u8> = self.waiting.drain(..5 + size).collect();
                    return read(frame[0], &frame[5..]);
                }
            }
            match chunk(&mut self.stream) {
                Some(chunk) => self.waiting.extend(chunk),
                None => return Ok(None),
            }
        }
    }
}

/// A frame is a message, or the trailers with the status.
fn read<T: Message + Default>(flags: u8, bytes: &[u8]) -> Result<Option<T>, Refused> {
    if flags & 0x80 == 0 {
        return Ok(Some(T::decode(bytes).unwrap()));
    }
    let trailers = String::from_utf8_lossy(bytes).into_owned();
    let status = trailers.lines().find_map(|line| line.strip_prefix("grpc-status:")).unwrap().trim();
    match status.parse().unwrap() {
        0 => Ok(None),
        code => Err(Refused(code)),
    }
}

fn head(stream: &mut BufReader<TcpStream>) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    stream.read_line(&mut line).expect("the port answers");
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((key, value)) => headers.push((key.to_owned(), value.to_owned())),
            None => return (status, headers),
        }
    }
}

fn chunk(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut size = String::new();
    stream.read_line(&mut size).ok()?;
    let size = usize::from_str_radix(size.trim(), 16).ok().filter(|size| *size > 0)?;
    let mut bytes = vec![0; size + 2];
    stream.read_exact(&mut bytes).ok()?;
    bytes.truncate(size);
    Some(bytes)
}
