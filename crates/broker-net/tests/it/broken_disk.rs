//! A disk whose driver has a defect: the journal's thread panics.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broker_core::journal::{Disk, DiskFile, FileEntry, Lsn, SimDisk, Space};
use broker_net::Options;
use tokio::net::TcpStream;
use wire::amqp091::*;

use crate::kit::{Client, address, in_time, server_over};

/// A good disk until it is told to panic at the next sync.
#[derive(Debug)]
struct Defective {
    disk: SimDisk,
    panics: Arc<AtomicBool>,
}

#[derive(Debug)]
struct DefectiveFile {
    file: Box<dyn DiskFile>,
    panics: Arc<AtomicBool>,
}

impl Defective {
    fn wrap(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let panics = Arc::clone(&self.panics);
        Box::new(DefectiveFile { file, panics })
    }
}

impl Disk for Defective {
    fn list(&self) -> io::Result<Vec<FileEntry>> {
        self.disk.list()
    }
    fn create(&self, name: &str, length_bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(self.disk.create(name, length_bytes)?))
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(self.disk.open(name)?))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }
    fn space(&self) -> io::Result<Space> {
        self.disk.space()
    }
    fn unique(&self) -> io::Result<[u8; 16]> {
        self.disk.unique()
    }
}

impl DiskFile for DefectiveFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }
    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.file.write_at(offset, parts)
    }
    fn sync(&self) -> io::Result<()> {
        assert!(!self.panics.load(Ordering::SeqCst), "a defect on purpose");
        self.file.sync()
    }
}

#[tokio::test]
async fn a_journal_thread_that_panics_fails_the_broker_for_all_to_see() {
    let panics = Arc::new(AtomicBool::new(false));
    let disk = Defective {
        disk: SimDisk::new(7),
        panics: Arc::clone(&panics),
    };
    let server = server_over(Arc::new(disk), Options::default()).await;
    let mut client = Client::connect(address(&server)).await;
    let mut idle = Client::connect(address(&server)).await;
    client.select_confirms().await;
    client.declare("q", true).await;
    panics.store(true, Ordering::SeqCst);
    client.publish("q", b"never confirmed", true);
    client.flush().await;
    // Whoever runs the broker hears of it, and everybody who is connected.
    let error = in_time(server.failed()).await.to_string();
    assert!(error.contains("panicked"), "{error}");
    for client in [&mut client, &mut idle] {
        client
            .method(|method| match method {
                Method::ConnectionClose(close) => {
                    assert_eq!(close.reply_code, 320);
                    assert!(close.reply_text.contains("journal failure"));
                }
                other => panic!("{other:?}"),
            })
            .await;
        ConnectionCloseOk {}.encode(0, &mut client.output);
        client.flush().await;
        assert!(client.frame().await.is_none());
    }
    // Nothing goes on as if nothing had happened.
    assert!(in_time(server.wait_durable(Lsn(u64::MAX))).await.is_err());
    assert!(server.broker().stopped().is_some());
    assert!(TcpStream::connect(address(&server)).await.is_err());
    assert!(server.broker().admin().connections().is_empty());
    in_time(server.shutdown(Duration::from_secs(5))).await;
}
