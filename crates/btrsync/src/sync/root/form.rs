//! The forms that a send stream can have.

/// In which form a stream is sent; whoever takes one takes those before it too.
///
/// # Examples
///
/// ```
/// use btrsync::sync::root::StreamForm;
///
/// let (sends, takes) = (StreamForm::Compressed, StreamForm::One);
/// assert_eq!(sends.min(takes), StreamForm::One);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
#[non_exhaustive]
pub enum StreamForm {
    /// Version 1, which every kernel sends and every `btrfs receive` takes.
    #[default]
    One,
    /// Version 2: what chattr(1) sets travels with it, but all data is decompressed.
    Two,
    /// Version 2, with compressed extents as they are on the disk.
    Compressed,
}
