//! What a recogniser may know beforehand: names, titles, commands. Nothing else of a meeting.

/// Words that are likely in this meeting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SttContext {
    titles: Vec<String>,
    names: Vec<String>,
    commands: Option<String>,
}

/// A context that no recogniser should get.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ContextError {
    /// Too many phrases: recognition of everything else would suffer.
    #[error("give {given} titles and names to the recogniser: at most {limit}, leave out the least likely")]
    TooMany {
        /// How many were given.
        given: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// One phrase is too long.
    #[error("give a title or name of {chars} characters to the recogniser: at most {limit}")]
    TooLong {
        /// Its length.
        chars: usize,
        /// The limit.
        limit: usize,
    },
}

impl SttContext {
    /// At most this many titles and names together: the size of a long agenda and a full room.
    pub const MAX_PHRASES: usize = 200;
    /// At most this many characters each.
    pub const MAX_CHARS: usize = 200;

    /// Agenda titles and people's names as they are written.
    ///
    /// # Errors
    /// [`ContextError`] when there are too many or one is too long.
    pub fn new<T, N>(titles: T, names: N) -> Result<Self, ContextError>
    where
        T: IntoIterator,
        T::Item: Into<String>,
        N: IntoIterator,
        N::Item: Into<String>,
    {
        let titles: Vec<String> = titles.into_iter().map(Into::into).collect();
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let given = titles.len() + names.len();
        if given > Self::MAX_PHRASES {
            return Err(ContextError::TooMany { given, limit: Self::MAX_PHRASES });
        }
        if let Some(chars) =
            titles.iter().chain(&names).map(|p| p.chars().count()).find(|&n| n > Self::MAX_CHARS)
        {
            return Err(ContextError::TooLong { chars, limit: Self::MAX_CHARS });
        }
        Ok(Self { titles, names, commands: None })
    }

    /// The same context with a command grammar (JSGF) that is listened for behind the keyphrase.
    #[must_use]
    pub fn with_commands(mut self, jsgf: impl Into<String>) -> Self {
        self.commands = Some(jsgf.into());
        self
    }

    /// Agenda titles.
    #[must_use]
    pub fn titles(&self) -> &[String] {
        &self.titles
    }

    /// People's names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The command grammar, if any.
    #[must_use]
    pub fn commands(&self) -> Option<&str> {
        self.commands.as_deref()
    }
}
