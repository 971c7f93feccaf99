//! `default_root`, and what it gives.

use btrsync::btrfs::Subvolume;
use btrsync::sync::root::{BtrfsRoot, LocalRoot, RootFactory, RootOptions, UnknownProtocol};
use btrsync::sync::{BtrSync, ProgressTransfer, Transfer, default_root};

use crate::doubles::{Log, Recorder};

#[test]
fn btrsync_sync() {
    let names: [&str; 3] = [
        std::any::type_name::<BtrSync>(),
        std::any::type_name::<Transfer>(),
        std::any::type_name::<ProgressTransfer>(),
    ];
    assert!(names.iter().all(|name| name.starts_with("btrsync::sync::")), "{names:?}");
}

#[tokio::test]
async fn default_root_protocol() {
    let factory: &dyn RootFactory = default_root("local").unwrap();
    // It is the one of this machine: it looks for the path here.
    let missing = factory.get_root("/proc/nothing".as_ref(), &RootOptions::default()).await;
    let error = missing.unwrap_err().to_string();
    assert_eq!(error, "/proc is not on a btrfs filesystem");
    assert!(!factory.is_root(std::env::current_exe().unwrap().as_ref()).await.unwrap());
}

#[test]
fn default_root_local() {
    assert_eq!(format!("{:?}", default_root("local").unwrap()), "Local");
}

#[test]
fn default_root_ssh_file_file_dump() {
    assert_eq!(format!("{:?}", default_root("ssh").unwrap()), "SshLocations");
    assert!(format!("{:?}", default_root("file").unwrap()).starts_with("StreamFile"));
    assert_eq!(format!("{:?}", default_root("file-dump").unwrap()), "Dump");
}

#[test]
fn default_root_raises_valueerror() {
    for protocol in ["", "Local", "local ", "gopher", "a\nb"] {
        let error = default_root(protocol).unwrap_err();
        assert_eq!(error, UnknownProtocol(protocol.to_owned()));
        let text = format!(
            "unknown protocol '{}'; known: local, ssh, file, file-dump",
            protocol.escape_debug()
        );
        assert_eq!(error.to_string(), text);
    }
    fn is_error(_: impl std::error::Error + Send + Sync + 'static) {}
    is_error(UnknownProtocol(String::new()));
}

#[tokio::test]
async fn btrsync_sync_root() {
    let log = Log::default();
    let root: Box<dyn BtrfsRoot> = Box::new(Recorder::new("a ro", &log));
    let names: Vec<_> = root.list().await.unwrap().iter().map(|vol| vol.name.clone()).collect();
    assert_eq!(names, ["a"]);
}

#[test]
fn btrsync_sync_root_btrfsroot() {
    fn is_root<T: BtrfsRoot + 'static>() {}
    is_root::<LocalRoot>();
    is_root::<Recorder>();
    // What the Python one gives as a mapping is a value with fields.
    let vol = Subvolume { id: 256, ..Subvolume::default() };
    assert_eq!((vol.id, vol.uuid, vol.read_only), (256, None, false));
}
