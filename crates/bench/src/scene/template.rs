//! A destination that holds something already: each run has a copy of one image.

use std::path::PathBuf;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, btrfs};

/// The image of a filesystem that nobody changes.
#[derive(Debug)]
pub struct Template {
    image: PathBuf,
}

impl Template {
    /// Takes a filesystem; its image will lie beside that of another one, and live as long.
    #[must_use]
    pub fn new(fs: LoopFs, beside: &LoopFs) -> Self {
        btrfs::sync(fs.path());
        let image = beside.image().with_file_name("template");
        fs.into_image(&image);
        Self { image }
    }

    /// Makes a copy and mounts it: nothing of it is in the kernel's caches.
    #[must_use]
    pub fn copy(&self) -> LoopFs {
        let copy = self.image.with_extension("copy");
        output(program("cp").args(["--sparse=always"]).args([&self.image, &copy])).unwrap();
        LoopFs::builder().adopt(copy).build()
    }
}
