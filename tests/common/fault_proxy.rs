//! A proxy in front of an HTTP server that does to requests and answers what networks and busy servers do to them: loses, repeats, delays, refuses,
//! cuts, resets. Which fault strikes follows from a seed and the order in which requests come.
//!
//! One request for each connection: the client is told that the connection ends with the answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::random::Random;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server never hears of it, and the client hears nothing.
    DropRequest,
    /// The server does it, and the client hears nothing.
    DropAnswer,
    /// The server does it twice; the client hears the second answer.
    Duplicate,
    /// Both hear of it, late.
    Delay,
    /// The server never hears of it, and the client is told this status.
    Refuse(u16),
    /// The server does it, and the client is told this status.
    Lie(u16),
    /// The answer ends in its midst.
    Truncate,
    /// The connection is reset before the request was read.
    Reset,
    /// The answer comes in small pieces.
    Slow,
}

impl Fault {
    /// All that can happen to a request that writes.
    pub const OF_WRITES: [Self; 17] = [
        Self::DropRequest,
        Self::DropAnswer,
        Self::Duplicate,
        Self::Delay,
        Self::Refuse(409),
        Self::Refuse(412),
        Self::Refuse(429),
        Self::Refuse(500),
        Self::Refuse(503),
        Self::Lie(409),
        Self::Lie(412),
        Self::Lie(429),
        Self::Lie(500),
        Self::Lie(503),
        Self::Truncate,
        Self::Reset,
        Self::Slow,
    ];
    /// All that can happen to one that reads.
    pub const OF_READS: [Self; 10] = [
        Self::DropRequest,
        Self::DropAnswer,
        Self::Duplicate,
        Self::Delay,
        Self::Refuse(429),
        Self::Refuse(500),
        Self::Refuse(503),
        Self::Truncate,
        Self::Reset,
        Self::Slow,
    ];
}

/// The proxy. It ends with this.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    percent: usize,
    /// Only this fault, if one is named.
    only: Option<Fault>,
    random: Mutex<Random>,
    struck: Mutex<Vec<Fault>>,
    ends: AtomicBool,
}

impl FaultProxy {
    /// A proxy in front of `upstream` (`HOST:PORT`) that lets a fault strike so many of a hundred requests.
    pub fn start(upstream: &str, seed: u64, percent: usize, only: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            percent,
            only,
            random: Mutex::new(Random::new(seed)),
            struck: Mutex::default(),
            ends: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.ends.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                // What fails here fails for the client, which is what it is for.
                std::thread::spawn(move || drop(serve(client, &shared)));
            }
        });
        Self { address, shared }
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The faults that have struck.
    pub fn struck(&self) -> Vec<Fault> {
        self.shared.struck.lock().expect("no thread panics with it").clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn fault(&self, is_write: bool) -> Option<Fault> {
        let mut random = self.random.lock().expect("no thread panics with it");
        if random.below(100) >= self.percent {
            return None;
        }
        let all = if is_write { &Fault::OF_WRITES[..] } else { &Fault::OF_READS[..] };
        let fault = self.only.filter(|only| all.contains(only)).or_else(|| self.only.is_none().then(|| all[random.below(all.len())]))?;
        self.struck.lock().expect("no thread panics with it").push(fault);
        Some(fault)
    }
}

fn serve(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut first = [0; 1];
    client.read_exact(&mut first)?;
    let is_write = first == *b"P" || first == *b"D";
    let fault = shared.fault(is_write);
    if fault == Some(Fault::Reset) {
        // What was not read when a socket is closed makes the kernel reset the connection.
        return Ok(());
    }
    let request = read_message(&mut client, &first)?;
    let forward = || forward(&shared.upstream, &request);
    let status = |status: u16| {
        let body = format!("<Error><Code>Fault</Code><Message>{status}</Message></Error>");
        let length = body.len();
        format!("HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    };
    let answer = match fault {
        None => forward()?,
        Some(Fault::DropRequest | Fault::Reset) => return Ok(()),
        Some(Fault::DropAnswer) => return forward().map(drop),
        Some(Fault::Duplicate) => forward().and_then(|_| forward())?,
        Some(Fault::Delay) => {
            std::thread::sleep(Duration::from_millis(100));
            forward()?
        }
        Some(Fault::Refuse(code)) => status(code).into_bytes(),
        Some(Fault::Lie(code)) => forward().map(|_| status(code).into_bytes())?,
        Some(Fault::Truncate) => {
            let answer = forward()?;
            answer[..answer.len() / 2].to_vec()
        }
        Some(Fault::Slow) => {
            let answer = forward()?;
            let (slow, rest) = answer.split_at(answer.len().min(64));
            for piece in slow.chunks(8) {
                client.write_all(piece)?;
                client.flush()?;
                std::thread::sleep(Duration::from_millis(10));
            }
            rest.to_vec()
        }
    };
    client.write_all(&answer)?;
    client.flush()
}

/// Sends a request on, and gives the whole answer, which says that the connection ends with it.
fn forward(upstream: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(&closing(request))?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(closing(&answer))
}

/// A message with the header that ends the connection behind it.
fn closing(message: &[u8]) -> Vec<u8> {
    let end = head_end(message).unwrap_or(message.len());
    let head = String::from_utf8_lossy(&message[..end]).into_owned();
    let kept = head.split("\r\n").filter(|line| !line.is_empty() && !line.to_ascii_lowercase().starts_with("connection:"));
    let mut closing = kept.flat_map(|line| [line, "\r\n"]).collect::<String>();
    closing.push_str("Connection: close\r\n\r\n");
    [closing.as_bytes(), &message[end..]].concat()
}

/// Where the body of a message begins.
fn head_end(message: &[u8]) -> Option<usize> {
    message.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// A request, whole, whose first bytes were read already.
fn read_message(stream: &mut TcpStream, first: &[u8]) -> std::io::Result<Vec<u8>> {
    let (mut message, mut buffer) = (first.to_vec(), vec![0; 64 << 10]);
    loop {
        let whole = head_end(&message).map(|end| end + content_length(&message[..end]));
        if whole.is_some_and(|whole| message.len() >= whole) {
            return Ok(message);
        }
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => message.extend_from_slice(&buffer[..read]),
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.split("\r\n").find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0)
}
