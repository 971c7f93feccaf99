//! Arguments that say how data travels.

use btrsync::sync::root::StreamForm;
use clap::ValueEnum;

// No doc comment on this: clap would take it for the description of the command.

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Travel {
    /// Whether data that is compressed at SOURCE stays so on its way and at DESTINATION
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = CompressedData::Auto, hide_short_help = true, help_heading = crate::args::RUN)]
    compressed_data: CompressedData,
}

/// When compressed data stays compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CompressedData {
    /// Where both sides can do that
    Auto,
    /// Decompress it at SOURCE
    Never,
}

impl Travel {
    /// The best form of streams that is wanted.
    pub(crate) fn form(self) -> StreamForm {
        match self.compressed_data {
            CompressedData::Auto => StreamForm::Compressed,
            CompressedData::Never => StreamForm::Two,
        }
    }
}
