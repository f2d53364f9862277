//! Sends each message back over WebSocket, for those who test the codec from outside
//! (`tests/clients/autobahn`). It takes one connection a thread, prints where it listens, and
//! runs until its standard input ends.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use hearken_session_protocol::websocket::{
    Decoder, Message, Opcode, accept_key, close_frame, frame,
};

/// Most bytes of a message: as many as the longest that anybody sends here.
const MAX_MESSAGE: usize = 16 << 20;

/// Most bytes of a request.
const MAX_HEAD: usize = 16 << 10;

/// How long a client may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// The code that answers a close frame without one.
const NORMAL: u16 = 1000;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                if let Err(error) = serve(stream) {
                    eprintln!("a connection breaks: {error}");
                }
            });
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let mut input = shake_hands(&mut stream)?;
    let mut decoder = Decoder::new(MAX_MESSAGE);
    let mut bytes = vec![0; 64 << 10];
    loop {
        if !echo(&mut decoder, &mut input, &mut stream)? {
            return close(stream, &mut bytes);
        }
        let length = stream.read(&mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        input = bytes[..length].to_vec();
    }
}

/// Answers what the input has; `false` once the connection is to be closed.
fn echo(decoder: &mut Decoder, input: &mut [u8], stream: &mut TcpStream) -> io::Result<bool> {
    let mut rest = input;
    loop {
        let answer = match decoder.next(&mut rest) {
            Ok(None) => return Ok(true),
            Ok(Some(Message::Text(bytes))) => frame(Opcode::Text, &bytes),
            Ok(Some(Message::Binary(bytes))) => frame(Opcode::Binary, &bytes),
            Ok(Some(Message::Ping(bytes))) => frame(Opcode::Pong, &bytes),
            Ok(Some(Message::Pong(_))) => continue,
            Ok(Some(Message::Close(close))) => {
                let code = close.map_or(NORMAL, |close| close.code);
                stream.write_all(&close_frame(code, ""))?;
                return Ok(false);
            }
            Err(violation) => {
                let why = close_frame(violation.close_code(), &violation.to_string());
                stream.write_all(&why)?;
                return Ok(false);
            }
        };
        stream.write_all(&answer)?;
    }
}

/// Closes this side, and waits for the other, so that what was written last arrives.
fn close(mut stream: TcpStream, bytes: &mut [u8]) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    while stream.read(bytes)? > 0 {}
    Ok(())
}

/// Answers the request that begins it; returns what came behind that.
fn shake_hands(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let end = loop {
        let mut bytes = [0; 4 << 10];
        let length = stream.read(&mut bytes)?;
        head.extend_from_slice(&bytes[..length]);
        if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if length == 0 || head.len() > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
    };
    let rest = head.split_off(end);
    let head = String::from_utf8_lossy(&head);
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_key = name.eq_ignore_ascii_case("sec-websocket-key");
        is_key.then_some(value.trim())
    });
    let key = key.ok_or(io::ErrorKind::InvalidData)?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\n\
         Connection: Upgrade\r\n\
         Upgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(key)
    );
    stream.write_all(answer.as_bytes())?;
    Ok(rest)
}
