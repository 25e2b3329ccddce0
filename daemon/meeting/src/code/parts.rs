//! The text forms of what the types are made of: structs, enums, numbers, ids and times.

use std::time::Duration;

use prim_ids::{
    ActionId, AgendaItemId, Day, DecisionId, MeetingId, MonoTime, NoteId, ParticipantId, RequestId, UserId,
    UtteranceId, WallTime,
};

use super::{Coded, ReadError, Reader, Writer};
use crate::{SayId, SpeakerLabel, TalkerKey};

macro_rules! coded_struct {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl Coded for $type {
            fn write(&self, to: &mut Writer) {
                let Self { $($field),* } = self;
                to.word("{");
                $(to.field(stringify!($field), $field);)*
                to.word("}");
            }
            fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
                from.expect("{")?;
                $(let $field = from.field(stringify!($field))?;)*
                from.expect("}")?;
                Ok(Self { $($field),* })
            }
        }
    };
}
pub(crate) use coded_struct;

macro_rules! coded_enum {
    ($type:ident { $($variant:ident $({ $($field:ident),* })?),* $(,)? }) => {
        impl Coded for $type {
            fn write(&self, to: &mut Writer) {
                match self {
                    $(Self::$variant $({ $($field),* })? => {
                        to.word(stringify!($variant));
                        $(to.word("{"); $(to.field(stringify!($field), $field);)* to.word("}");)?
                    })*
                }
            }
            fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
                match from.word()? {
                    $(stringify!($variant) => {
                        $(from.expect("{")?; $(let $field = from.field(stringify!($field))?;)* from.expect("}")?;)?
                        Ok(Self::$variant $({ $($field),* })?)
                    })*
                    _ => Err(from.wrong(concat!("a word of ", stringify!($type)))),
                }
            }
        }
    };
}
pub(crate) use coded_enum;

macro_rules! coded_number {
    ($($type:ty),*) => {$(
        impl Coded for $type {
            fn write(&self, to: &mut Writer) {
                to.word(&self.to_string());
            }
            fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
                from.word()?.parse().map_err(|_| from.wrong("a number"))
            }
        }
    )*};
}
coded_number!(u8, u16, i16, u32, u64, u128, i64, usize);

macro_rules! coded_id {
    ($($type:ty),*) => {$(
        impl Coded for $type {
            fn write(&self, to: &mut Writer) {
                to.word(&self.to_string());
            }
            fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
                from.word()?.parse().map_err(|_| from.wrong("an id"))
            }
        }
    )*};
}
coded_id!(
    ActionId,
    AgendaItemId,
    Day,
    DecisionId,
    MeetingId,
    NoteId,
    ParticipantId,
    RequestId,
    UserId,
    UtteranceId
);

impl Coded for MonoTime {
    fn write(&self, to: &mut Writer) {
        self.as_millis().write(to);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        u64::read(from).map(Self::from_millis)
    }
}

impl Coded for WallTime {
    fn write(&self, to: &mut Writer) {
        self.unix_millis().write(to);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        i64::read(from).map(Self::from_unix_millis)
    }
}

impl Coded for SpeakerLabel {
    fn write(&self, to: &mut Writer) {
        self.number().write(to);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        let number = u8::read(from)?;
        Self::new(number).ok_or_else(|| from.wrong("a number from 1"))
    }
}

/// In whole milliseconds, which is all the configuration uses.
impl Coded for Duration {
    fn write(&self, to: &mut Writer) {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX).write(to);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        u64::read(from).map(Self::from_millis)
    }
}

impl Coded for TalkerKey {
    fn write(&self, to: &mut Writer) {
        self.0.write(to);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        u32::read(from).map(Self)
    }
}

impl Coded for SayId {
    fn write(&self, to: &mut Writer) {
        self.0.write(to);
    }
    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        u32::read(from).map(Self)
    }
}
