//! What `cargo xtask bench ears` is asked for and what it writes, apart from measuring.
pub mod origin;
pub mod output;
pub mod page;
pub mod request;
pub mod rows;
pub mod tally;

macro_rules! stages {
    ($($stage:ident $name:literal,)*) => {
        /// A stage of hearing that is measured by itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Stage {
            $(#[doc = concat!("`bench ears ", $name, "`.")] $stage,)*
        }

        impl Stage {
            /// In the order in which they are measured and printed.
            pub const ALL: &[Stage] = &[$(Stage::$stage,)*];

            /// As it is asked for and written.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Stage::$stage => $name,)* }
            }
        }
    };
}

stages! {
    Resample "resample",
    Echo "echo",
    Bearing "bearing",
    Beam "beam",
    Dereverb "dereverb",
    Noise "noise",
    Vad "vad",
    Alarms "alarms",
    Chain "chain",
    Words "words",
    Hard "hard",
    Real "real",
    Who "who",
}

impl Stage {
    /// The stage of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.name() == name)
    }

    /// Every name, for people.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.iter().map(|stage| stage.name()).collect::<Vec<_>>().join(", ")
    }
}
