//! The room itself as a meeting platform: the ear is the beam of the device's own microphones, the mouth is the
//! room's loudspeaker. So that `primd` treats people in the room and people far away alike.
//!
//! **Who calls it:** `primd` makes a [`room`] and joins its [`RoomAdapter`] like any other platform. The [`RoomEar`]
//! goes to the front end's thread, which tells it each block of the beam with its [`Scene`] (bearing, speech, whose
//! voice); the mouth hands each block to the loudspeaker at once, without a queue or a thread between, so that speech
//! and silence cost nothing here; [`RoomHealth`] goes to whoever watches the sound card. **What it never does:** open
//! a sound card; allocate, lock or wait on the ear's thread.
//!
//! The room has no lobby, no roster and no remote hands: whoever is in the room is there, and asks by button or
//! voice. Those are not this adapter's business, and its manifest says so.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use prim_adapter::{Adapter, AudioBlock, Heard, JoinRequest, Scene};
//! use prim_adapter_room::{Room, SharedSpeaker};
//! use prim_audio::{SPEECH_RATE, SampleTime};
//!
//! fn join(speaker: SharedSpeaker) -> Result<(), Box<dyn std::error::Error>> {
//!     let Room { adapter, mut ear, health: _ } = prim_adapter_room::room(SPEECH_RATE, speaker)?;
//!     let session = adapter.join(&JoinRequest::default())?;
//!     let mut heard = session.take_ears().remove(0);
//!
//!     // On the front end's thread, every 10 ms:
//!     let beam = AudioBlock::from_f32(SampleTime(0), &[0.25; 160])?;
//!     ear.hear(std::time::Duration::ZERO, &beam, &Scene { speech: 0.9, ..Scene::default() });
//!     assert_eq!(heard.hear(), Some(Heard::Block(beam)));
//!     assert!(heard.scene().is_some_and(|scene| scene.speech > 0.5));
//!
//!     // On the mouth's thread:
//!     session.lease_mouth()?.speak(&AudioBlock::new(SampleTime(0), &[0; 480])?)?;
//!     Ok(())
//! }
//! ```
#![warn(missing_docs)]

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prim_adapter::conformance::Case;
use prim_adapter::{
    Adapter, AudioBlock, Capability, Claim, ClockDomain, CloseReason, Command, EarFeed, EarSetup, JoinError,
    JoinRequest, Manifest, Mouth, Scene, Session, SessionPort, SessionSetup, SessionState, Sink, SpeakError,
    Support,
};
use prim_audio::{DEVICE_RATE, SampleRate};
use prim_hal::{Speaker, WriteSpeakerError};

/// The room's loudspeaker. The mouth plays on it; the front end reads from it what was really played.
pub type SharedSpeaker = Arc<Mutex<Box<dyn Speaker>>>;

/// How long a change of health or a wish to leave may take to show: two blocks.
const LOOK: Duration = Duration::from_millis(20);

/// One room, taken apart for the threads that need its parts.
#[derive(Debug)]
pub struct Room {
    /// Joins.
    pub adapter: RoomAdapter,
    /// For the front end's thread.
    pub ear: RoomEar,
    /// For whoever watches the sound card.
    pub health: RoomHealth,
}

#[derive(Debug)]
struct Shared {
    joined: AtomicBool,
    /// Microphones and speaker work.
    sound: AtomicBool,
    /// How often they were lost: the ear may not be called while they are.
    losses: AtomicU64,
}

/// A room whose beam comes at rate `ear` and whose loudspeaker is `speaker`.
///
/// # Errors
/// When the thread that shows the room's state cannot be made.
pub fn room(ear: SampleRate, speaker: SharedSpeaker) -> io::Result<Room> {
    let shared = Arc::new(Shared {
        joined: AtomicBool::new(false),
        sound: AtomicBool::new(true),
        losses: AtomicU64::new(0),
    });
    let setup =
        SessionSetup { manifest: manifest(), ears: vec![EarSetup { rate: ear, clock: ClockDomain::Device }] };
    let (session, mut port) = setup.open_over(DEVICE_RATE, Box::new(Loudspeaker(speaker)));
    let feed = port.take_ears().pop().ok_or_else(|| io::Error::other("the room has no ear"))?;
    let door = Arc::clone(&shared);
    std::thread::Builder::new().name("room".to_owned()).spawn(move || keep_door(port, &door))?;
    Ok(Room {
        adapter: RoomAdapter { session: Mutex::new(Some(session)), shared: Arc::clone(&shared) },
        ear: RoomEar { feed, shared: Arc::clone(&shared), losses: 0 },
        health: RoomHealth { shared },
    })
}

fn manifest() -> Manifest {
    let native = |case: Case| Support::Native { proof: case.id() };
    let none = |why| Support::Unavailable { why };
    let claims = Capability::ALL
        .map(|capability| {
            let support = match capability {
                Capability::Hear => native(Case::FramesArriveInPlace),
                Capability::Speak => native(Case::SpeechIsAudible),
                Capability::Reconnect => native(Case::DropsAreSurvived),
                Capability::ProvenJoin => none("a room admits nobody: the device stands in it"),
                Capability::SeeParticipants => none("the room does not know who comes in"),
                Capability::RaiseHand => none("in the room the light asks for the floor"),
                Capability::SeeHands => none("people in the room press the button"),
                Capability::Banner => none("the device has no screen; the panel shows the banner"),
                Capability::AskOne => none("the device has no screen; people in the room answer by voice"),
                Capability::Panel => none("the device has no screen"),
                Capability::LiveTranscript | Capability::TranscriptAfterwards => {
                    none("the device makes its own transcript")
                }
            };
            Claim { capability, support }
        })
        .to_vec();
    Manifest { adapter: "room", claims }
}

/// Shows the room's state until the session is left.
fn keep_door(mut port: SessionPort, shared: &Shared) {
    loop {
        let state = if shared.sound.load(Ordering::Acquire) {
            SessionState::Joined
        } else {
            SessionState::Reconnecting { attempts: 0 }
        };
        port.set_state(state);
        match port.next_command(LOOK) {
            Some(Command::Leave) => break,
            // The manifest offers none of them, so the session refuses them.
            Some(Command::Hand(_) | Command::Banner(_) | Command::Notice { .. }) | None => {}
        }
    }
    shared.joined.store(false, Ordering::Release);
    port.set_state(SessionState::Closed(CloseReason::Left));
}

/// Joins the room, once: it is left when the device goes.
#[derive(Debug)]
pub struct RoomAdapter {
    session: Mutex<Option<Session<Mouth>>>,
    shared: Arc<Shared>,
}

impl Adapter for RoomAdapter {
    type Mouth = Mouth;

    fn manifest(&self) -> Manifest {
        manifest()
    }

    /// Joins at once: nobody has to admit a device to the room it stands in.
    ///
    /// # Errors
    /// [`JoinError::Refused`] when the room is joined already.
    fn join(&self, _request: &JoinRequest) -> Result<Session<Mouth>, JoinError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        let why = || "the room is joined already; one device has one room".to_owned();
        let session = session.ok_or_else(|| JoinError::Refused { why: why() })?;
        self.shared.joined.store(true, Ordering::Release);
        Ok(session)
    }
}

/// Takes what the front end made of the microphones.
#[derive(Debug)]
pub struct RoomEar {
    feed: EarFeed,
    shared: Arc<Shared>,
    /// The losses after which the stream was begun anew.
    losses: u64,
}

impl RoomEar {
    /// One block of the beam, made at `local` (any monotonic clock, always the same), and what is known of it. Dropped
    /// while nobody joined. Never blocks, allocates or locks.
    pub fn hear(&mut self, local: Duration, beam: &AudioBlock, scene: &Scene) {
        let losses = self.shared.losses.load(Ordering::Acquire);
        if losses != self.losses {
            self.losses = losses;
            self.feed.restart();
        }
        if self.shared.sound.load(Ordering::Acquire) && self.shared.joined.load(Ordering::Acquire) {
            self.feed.push_with(local, beam, scene);
        }
    }
}

struct Loudspeaker(SharedSpeaker);

impl Loudspeaker {
    fn lock(&self) -> MutexGuard<'_, Box<dyn Speaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Loudspeaker {
    fn speak(&mut self, samples: &[i16]) -> Result<(), SpeakError> {
        self.lock().write(samples).map_err(|error| match error {
            WriteSpeakerError::Full { .. } => SpeakError::Full,
            WriteSpeakerError::WrongBlock { .. } | WriteSpeakerError::Closed { .. } => SpeakError::Broken,
        })
    }

    fn silence(&mut self) -> u64 {
        let mut speaker = self.lock();
        let unheard = speaker.queued_blocks();
        speaker.flush();
        unheard as u64
    }

    fn waiting_blocks(&self) -> u64 {
        self.lock().queued_blocks() as u64
    }
}

/// Says whether microphones and speaker work. A room without sound shows as reconnecting, and speech is refused.
#[derive(Debug, Clone)]
pub struct RoomHealth {
    shared: Arc<Shared>,
}

impl RoomHealth {
    /// They are gone for now.
    pub fn sound_lost(&self) {
        self.shared.losses.fetch_add(1, Ordering::AcqRel);
        self.shared.sound.store(false, Ordering::Release);
    }

    /// They are back; the capture stream may begin anew.
    pub fn sound_back(&self) {
        self.shared.sound.store(true, Ordering::Release);
    }

    /// Is somebody listening and speaking here?
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.shared.joined.load(Ordering::Acquire)
    }
}
