//! The digests of a subvolume of the other side, which answers for as long as its channel is open.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::Cancel;
use crate::agent::{Answer, Bytes, Channel, Client, Item, Request, encode};
use crate::sync::root::error::RootError;
use crate::sync::root::on_thread;
use crate::verify::{BadEntry, Digests, Entry, decode_entries, encode_entries};

/// The most that is taken of one directory, in bytes: some million entries.
const LARGEST: usize = 512 << 20;

/// A digested subvolume of the other side.
#[derive(Debug)]
pub(super) struct FarDigests {
    root: Entry,
    asked: Arc<Asked>,
}

#[derive(Debug)]
struct Asked {
    client: Arc<Client>,
    channel: Arc<Channel>,
    cancel: Cancel,
    /// One question at a time.
    turn: Mutex<()>,
}

impl FarDigests {
    /// Waits until all was digested.
    pub(super) fn wait(
        client: Arc<Client>,
        channel: Arc<Channel>,
        cancel: &Cancel,
    ) -> Result<Self, RootError> {
        let Answer::Digested { entry } = client.answer(&channel, cancel)? else {
            return Err(client.garbled("it tells no digest"));
        };
        let root = decode_entries(&entry.0)?.pop().ok_or(BadEntry)?;
        let asked = Asked { client, channel, cancel: cancel.clone(), turn: Mutex::default() };
        Ok(Self { root, asked: Arc::new(asked) })
    }
}

impl From<BadEntry> for RootError {
    fn from(error: BadEntry) -> Self {
        Self::Verify(error.into())
    }
}

impl Asked {
    fn children(&self, directory: &Entry) -> Result<Vec<Entry>, RootError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Bytes(encode_entries(std::slice::from_ref(directory)));
        let asked =
            encode(&Request::Children { entry }).map_err(|what| self.client.garbled(what.0))?;
        let broken = |broken| self.client.broken(broken);
        self.channel.message(&asked, &self.cancel).map_err(broken)?;
        let mut bytes = Vec::new();
        loop {
            match self.channel.next(&self.cancel).map_err(broken)? {
                Item::Data(more) if bytes.len() + more.len() <= LARGEST => bytes.extend(more),
                Item::Data(_) => return Err(self.client.garbled("a directory without end")),
                Item::End => return Ok(decode_entries(&bytes)?),
                message => {
                    self.client.read(message)?;
                    return Err(self.client.garbled("it tells no entries"));
                }
            }
        }
    }
}

#[async_trait]
impl Digests for FarDigests {
    fn root(&self) -> &Entry {
        &self.root
    }

    async fn children(&self, directory: &Entry) -> Result<Vec<Entry>, RootError> {
        let (asked, directory) = (Arc::clone(&self.asked), directory.clone());
        on_thread(move || asked.children(&directory)).await
    }
}
