use alloc::string::String;
use core::fmt;

/// The status of a failure without a number of its own.
pub const STATUS_FAILED: i32 = 1;

/// An answer that means failure: clients get the status and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Tells programs what went wrong. It must be positive: 1 is [`STATUS_FAILED`], the others are
    /// the author's. Any other number counts as 1.
    pub status: i32,
    /// Tells people.
    pub text: String,
}

impl Error {
    /// Returns an error with a status of the machine's own.
    pub fn new(status: i32, text: impl Into<String>) -> Self {
        Error { status, text: text.into() }
    }

    /// The status that a client gets: negative ones belong to the host.
    pub(crate) fn answered(&self) -> i32 {
        if self.status > 0 {
            self.status
        } else {
            STATUS_FAILED
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(feature = "std")]
impl std::error::Error for Error {}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Error::new(STATUS_FAILED, text)
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Error::new(STATUS_FAILED, text)
    }
}
