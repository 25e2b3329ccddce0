use super::*;

/// A server that sends back what it gets.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut reader = stream.try_clone().unwrap();
                let mut writer = stream;
                let _ = std::io::copy(&mut reader, &mut writer);
            });
        }
    });
    address
}

fn dial(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

fn says(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(text)?;
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back)?;
    Ok(back)
}

#[test]
fn a_whole_cable_passes_bytes_both_ways() {
    let proxy = Proxy::start(echo()).unwrap();
    assert_eq!(says(&mut dial(&proxy), b"hello").unwrap(), b"hello");
}

#[test]
fn a_cut_kills_open_connections_and_refuses_new_ones_until_mended() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = dial(&proxy);
    says(&mut stream, b"before").unwrap();
    proxy.cut();
    assert!(says(&mut stream, b"lost").is_err());
    assert!(says(&mut dial(&proxy), b"refused").is_err());
    assert_eq!(proxy.refused(), 1);
    proxy.mend();
    assert_eq!(says(&mut dial(&proxy), b"again").unwrap(), b"again");
}
