//! What stands where, and how roots are made there.

use serde::{Deserialize, Serialize};

use super::Bytes;
use crate::receive::Checkpoints;
use crate::sync::root::{Kind, Look, RootOptions, Scope};

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    kind: SeenKind,
    path: Bytes,
    mounted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum SeenKind {
    Missing,
    File,
    Directory,
    Subvolume,
    #[serde(other)]
    Other,
}

impl From<Look> for Seen {
    fn from(look: Look) -> Self {
        let kind = match look.kind {
            Kind::Missing => SeenKind::Missing,
            Kind::File => SeenKind::File,
            Kind::Directory => SeenKind::Directory,
            Kind::Subvolume => SeenKind::Subvolume,
            Kind::Other => SeenKind::Other,
        };
        Self { kind, path: Bytes::of(look.path), mounted: look.mounted }
    }
}

impl From<Seen> for Look {
    fn from(seen: Seen) -> Self {
        let kind = match seen.kind {
            SeenKind::Missing => Kind::Missing,
            SeenKind::File => Kind::File,
            SeenKind::Directory => Kind::Directory,
            SeenKind::Subvolume => Kind::Subvolume,
            SeenKind::Other => Kind::Other,
        };
        Self { kind, path: seen.path.into_path(), mounted: seen.mounted }
    }
}

/// How to make a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Options {
    scope: ScopeName,
    readonly: bool,
    create_recvpath: bool,
    /// How many bytes come between two checkpoints; 0 for none.
    #[serde(default)]
    checkpoint: u64,
    #[serde(default)]
    resume: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum ScopeName {
    All,
    Strict,
    Isolated,
}

impl From<&RootOptions> for Options {
    fn from(options: &RootOptions) -> Self {
        let scope = match options.scope {
            Scope::All => ScopeName::All,
            Scope::Strict => ScopeName::Strict,
            Scope::Isolated => ScopeName::Isolated,
        };
        let RootOptions { readonly, create_recvpath, checkpoints, .. } = *options;
        let Checkpoints { every: checkpoint, resume } = checkpoints;
        Self { scope, readonly, create_recvpath, checkpoint, resume }
    }
}

impl From<Options> for RootOptions {
    fn from(options: Options) -> Self {
        let scope = match options.scope {
            ScopeName::All => Scope::All,
            ScopeName::Strict => Scope::Strict,
            ScopeName::Isolated => Scope::Isolated,
        };
        let Options { readonly, create_recvpath, checkpoint, resume, .. } = options;
        let checkpoints = Checkpoints { every: checkpoint, resume };
        Self { scope, readonly, create_recvpath, checkpoints, ..Self::default() }
    }
}
