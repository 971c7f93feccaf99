//! Prints subvolumes as `btrfs subvolume list` does, for tests.

use std::os::unix::ffi::OsStrExt;

use uuid::Uuid;

use super::Listed;

/// How the layouts of a version look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Whether the `-` of a missing UUID fills the column.
    pub(super) padded: bool,
    /// The subvolume that is asked for.
    pub(super) asked: u64,
}

impl Style {
    fn uuid(self, uuid: Option<Uuid>) -> String {
        let text = uuid.map_or("-".to_owned(), |uuid| uuid.to_string());
        if self.padded { format!("{text:36}") } else { text }
    }

    fn path(self, one: &Listed) -> Vec<u8> {
        let prefix: &[u8] = if one.parent_id == self.asked { b"" } else { b"<FS_TREE>/" };
        [prefix, one.path.as_os_str().as_bytes(), b"\n"].concat()
    }

    pub(super) fn default(self, listed: &[Listed]) -> Vec<u8> {
        let line = |one: &Listed| {
            let Listed { id, generation, otransid, parent_id, .. } = one;
            let [from, received, uuid] =
                [one.parent_uuid, one.received_uuid, one.uuid].map(|uuid| self.uuid(uuid));
            let head = format!(
                "ID {id} gen {generation} cgen {otransid} parent {parent_id} top level {parent_id} \
                 parent_uuid {from} received_uuid {received} uuid {uuid} path "
            );
            [head.into_bytes(), self.path(one)].concat()
        };
        listed.iter().flat_map(line).collect()
    }

    pub(super) fn table(self, listed: &[Listed]) -> Vec<u8> {
        let line = |one: &Listed| {
            let Listed { id, generation, otransid, parent_id, .. } = one;
            let [from, received, uuid] =
                [one.parent_uuid, one.received_uuid, one.uuid].map(|uuid| self.uuid(uuid));
            let head = format!(
                "{id}\t{generation}\t{otransid}\t{parent_id}\t{parent_id}\t\t{from}\t{received}\t{uuid}\t"
            );
            [head.into_bytes(), self.path(one)].concat()
        };
        let head = "ID\tgen\tcgen\tparent\ttop level\tparent_uuid\treceived_uuid\tuuid\tpath\t\n\
                    --\t---\t----\t------\t---------\t-----------\t-------------\t----\t----\t\n";
        head.bytes().chain(listed.iter().flat_map(line)).collect()
    }
}
