//! A pipeline of programs, written as in a shell: words and `|`.
//!
//! No shell reads it: nothing is expanded, and no character of a name can start another program. What
//! would mean something to a shell and means nothing here is refused, not passed on.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// The stages of a pipeline, each a program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline(Vec<Vec<OsString>>);

/// Why a text is not a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A stage has no program.
    #[error("a stage of the pipeline is empty")]
    EmptyStage,
    /// A quote is not closed.
    #[error("the pipeline has an open {0} quote")]
    OpenQuote(char),
    /// A backslash stands at the end.
    #[error("the pipeline ends in a backslash")]
    OpenEscape,
    /// A character that only a shell understands.
    #[error("the pipeline has an unquoted '{0}', which only a shell understands")]
    Shell(char),
}

impl Pipeline {
    /// Parses a pipeline.
    ///
    /// Quotes and backslashes work as in a shell; nothing else does: variables, redirections, `;`,
    /// `&`, parentheses and backquotes are errors unless they are quoted.
    ///
    /// # Errors
    ///
    /// [`PipelineError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use btrsync::sync::root::Pipeline;
    ///
    /// let pipeline = Pipeline::parse(b"zstd -3 | gpg -e -r 'Some One'")?;
    /// assert_eq!(pipeline.stages().count(), 2);
    /// assert!(Pipeline::parse(b"cat > /etc/passwd").is_err());
    /// # Ok::<(), btrsync::sync::root::PipelineError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, PipelineError> {
        let mut parser = Parser::default();
        let mut rest = text.iter().copied();
        while let Some(c) = rest.next() {
            match c {
                b'\'' => parser.single(&mut rest)?,
                b'"' => parser.double(&mut rest)?,
                b'\\' => parser.put(rest.next().ok_or(PipelineError::OpenEscape)?),
                b'|' => parser.end_stage()?,
                c if c.is_ascii_whitespace() => parser.end_word(),
                c if b"<>;&()`$".contains(&c) => return Err(PipelineError::Shell(c.into())),
                c => parser.put(c),
            }
        }
        parser.end_stage()?;
        Ok(Self(parser.stages))
    }

    /// Iterates over the stages, each a program and its arguments.
    pub fn stages(&self) -> impl Iterator<Item = &[OsString]> {
        self.0.iter().map(Vec::as_slice)
    }
}

#[derive(Default)]
struct Parser {
    stages: Vec<Vec<OsString>>,
    words: Vec<OsString>,
    word: Option<Vec<u8>>,
}

impl Parser {
    fn put(&mut self, c: u8) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take().map(OsString::from_vec));
    }

    fn end_stage(&mut self) -> Result<(), PipelineError> {
        self.end_word();
        if self.words.is_empty() {
            return Err(PipelineError::EmptyStage);
        }
        self.stages.push(std::mem::take(&mut self.words));
        Ok(())
    }

    fn single(&mut self, rest: &mut impl Iterator<Item = u8>) -> Result<(), PipelineError> {
        let word = self.word.get_or_insert_default();
        loop {
            match rest.next().ok_or(PipelineError::OpenQuote('\''))? {
                b'\'' => return Ok(()),
                c => word.push(c),
            }
        }
    }

    fn double(&mut self, rest: &mut impl Iterator<Item = u8>) -> Result<(), PipelineError> {
        let open = || PipelineError::OpenQuote('"');
        let word = self.word.get_or_insert_default();
        loop {
            match rest.next().ok_or_else(open)? {
                b'"' => return Ok(()),
                b'\\' => match rest.next().ok_or_else(open)? {
                    c if b"\"\\$`".contains(&c) => word.push(c),
                    c => word.extend([b'\\', c]),
                },
                c if b"$`".contains(&c) => return Err(PipelineError::Shell(c.into())),
                c => word.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(text: &str) -> Vec<Vec<OsString>> {
        Pipeline::parse(text.as_bytes()).unwrap().0
    }

    #[test]
    fn words_and_bars_are_taken_apart_as_a_shell_does() {
        assert_eq!(stages("a"), [["a"]]);
        assert_eq!(stages(" zstd  -3|cat "), [vec!["zstd", "-3"], vec!["cat"]]);
        assert_eq!(
            stages(r#"a 'b | c' "d \"e\" \x" f\ g"#),
            [["a", "b | c", r#"d "e" \x"#, "f g"]]
        );
        assert_eq!(stages("a '' \"\"b"), [["a", "", "b"]]);
        assert_eq!(stages("a'b'\"c\"d"), [["abcd"]]);
        assert_eq!(stages("echo '$HOME;' \\$x"), [["echo", "$HOME;", "$x"]]);
    }

    #[test]
    fn what_only_a_shell_understands_is_refused() {
        for (text, error) in [
            ("", PipelineError::EmptyStage),
            ("a |", PipelineError::EmptyStage),
            ("a || b", PipelineError::EmptyStage),
            ("a 'b", PipelineError::OpenQuote('\'')),
            ("a \"b", PipelineError::OpenQuote('"')),
            ("a \\", PipelineError::OpenEscape),
            ("a > b", PipelineError::Shell('>')),
            ("a; b", PipelineError::Shell(';')),
            ("a & b", PipelineError::Shell('&')),
            ("a $(b)", PipelineError::Shell('$')),
            ("a \"$b\"", PipelineError::Shell('$')),
            ("a `b`", PipelineError::Shell('`')),
        ] {
            assert_eq!(Pipeline::parse(text.as_bytes()), Err(error), "{text}");
        }
    }

    #[test]
    fn words_are_bytes() {
        let pipeline = Pipeline::parse(b"a \xff").unwrap();
        assert_eq!(pipeline.0[0][1], OsString::from_vec(vec![0xff]));
    }
}
