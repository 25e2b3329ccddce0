//! The far side of a platform, as a test drives it.

use std::time::Duration;

use prim_ids::ParticipantId;

use crate::AudioBlock;

/// A fresh meeting with an adapter that has not joined it yet.
#[derive(Debug)]
pub struct Rig<A, P> {
    /// The adapter under test.
    pub adapter: A,
    /// The far side.
    pub peer: P,
}

/// What the far side heard or saw of Prim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoken(pub AudioBlock);

/// The far side of a platform. Methods whose capability the manifest denies are never called.
pub trait Peer {
    /// Lets callers in (the state a fresh rig begins in).
    fn admit(&mut self);
    /// Leaves callers without an answer.
    fn keep_waiting(&mut self);
    /// Sends callers away.
    fn refuse(&mut self, why: &str);
    /// Gives 10 ms of the meeting's sound at the ear's rate, at `block.at` of the platform's clock.
    fn play(&mut self, block: &AudioBlock);
    /// Frames in a block of the ear, 480 or 160.
    fn block_frames(&self) -> usize;
    /// The next 10 ms heard from Prim.
    fn heard(&mut self, limit: Duration) -> Option<Spoken>;
    /// Somebody comes.
    fn enter(&mut self, who: ParticipantId, name: &str);
    /// Somebody goes.
    fn exit(&mut self, who: ParticipantId);
    /// Somebody's hand moves.
    fn move_hand(&mut self, who: ParticipantId, raised: bool);
    /// Is Prim's hand up at the far side?
    fn prims_hand(&mut self) -> bool;
    /// What Prim's banner shows at the far side; empty is none.
    fn banner(&mut self) -> String;
    /// The last text that this person alone was shown; empty is none.
    fn notice(&mut self, who: ParticipantId) -> String;
    /// Somebody answers whether they may be written down.
    fn answer(&mut self, who: ParticipantId, agrees: bool);
    /// Does the far side hold Prim to be in the meeting?
    fn sees_prim(&mut self) -> bool;
    /// Drops the connection and stays away until [`Peer::admit`].
    fn drop_connection(&mut self);
}
