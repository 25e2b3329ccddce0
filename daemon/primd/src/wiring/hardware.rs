//! The board's parts, and the threads that watch its controls.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use prim_dsp::FrontendConfig;
use prim_hal::{Board, FloorButton, Indicator, MicArray, MuteSwitch, Speaker};
use prim_hal_sim::{ConnectSimError, SimDevice};
use prim_meeting::{Input, Peripheral, PeripheralState};

use crate::clock;
use crate::config::HalConfig;
use crate::inbox::Inbox;

/// How long the room's hardware may take to appear.
const HARDWARE_LIMIT: Duration = Duration::from_secs(20);
/// How often a button thread looks whether it shall stop.
const EDGE_WAIT: Duration = Duration::from_millis(200);

/// The board's parts.
pub(super) struct Hardware {
    pub(super) board: Board,
    pub(super) mic: Box<dyn MicArray>,
    pub(super) speaker: Box<dyn Speaker>,
    pub(super) light: Box<dyn Indicator>,
    pub(super) button: Box<dyn FloorButton>,
    pub(super) mute: Box<dyn MuteSwitch>,
}

impl Hardware {
    /// Waits for the hardware, and says so; `None` when told to stop meanwhile.
    pub(super) fn open(config: &HalConfig, stop: &AtomicBool) -> anyhow::Result<Option<Self>> {
        match config {
            HalConfig::Sim { socket, board } => {
                let board = read_board(board.as_ref())?;
                let Some(device) = wait_for_room(socket, stop)? else { return Ok(None) };
                if device.mic.channels().0 != board.mic.channels() {
                    bail!(
                        "use the board {:?}: it has {} microphones, the simulated room gives {}; start both with the same board",
                        board.name,
                        board.mic.channels(),
                        device.mic.channels().0
                    );
                }
                Ok(Some(Self {
                    board,
                    mic: Box::new(device.mic),
                    speaker: Box::new(device.speaker),
                    light: Box::new(device.light),
                    button: Box::new(device.button),
                    mute: Box::new(device.mute),
                }))
            }
        }
    }
}

fn wait_for_room(socket: &Path, stop: &AtomicBool) -> Result<Option<SimDevice>, ConnectSimError> {
    let begun = Instant::now();
    let mut told = false;
    while !stop.load(Ordering::Acquire) {
        match SimDevice::connect(socket, Duration::from_millis(500)) {
            Err(ConnectSimError::Nobody { .. }) if begun.elapsed() < HARDWARE_LIMIT => {
                if !told {
                    tracing::info!(
                        hal.socket = %socket.display(),
                        hal.limit_s = HARDWARE_LIMIT.as_secs(),
                        "waiting for the room's hardware: nothing listens at [hal].socket yet"
                    );
                    told = true;
                }
            }
            Err(ConnectSimError::Nobody { path, source, .. }) => {
                let waited_ms = begun.elapsed().as_millis();
                return Err(ConnectSimError::Nobody { path, waited_ms, source });
            }
            opened => return opened.map(Some),
        }
    }
    Ok(None)
}

pub(super) fn read_board(path: Option<&PathBuf>) -> anyhow::Result<Board> {
    match path {
        None => Ok(Board::builtin("sim-huddle")?),
        Some(path) => {
            let text =
                fs::read_to_string(path).with_context(|| format!("read the board {}", path.display()))?;
            Ok(Board::parse(&text)?)
        }
    }
}

pub(super) fn frontend_config(board: &Board) -> FrontendConfig {
    let mics: Vec<[f32; 3]> = board.mic.positions_mm.iter().map(|p| p.map(|mm| mm as f32)).collect();
    FrontendConfig::new(&mics)
}

pub(super) fn watch_button(
    mut button: Box<dyn FloorButton>,
    inbox: &Inbox,
    stopping: &Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    let (inbox, stop) = (inbox.clone(), Arc::clone(stopping));
    std::thread::Builder::new().name("prim-button".into()).spawn(move || {
        while !stop.load(Ordering::Acquire) {
            match button.wait_edge(EDGE_WAIT) {
                Ok(Some(edge)) => {
                    let input = if edge.pressed { Input::ButtonPressed } else { Input::ButtonReleased };
                    inbox.report(edge.at, input);
                }
                Ok(None) => {}
                Err(error) => return lost(&inbox, Peripheral::Button, &error),
            }
        }
    })
}

pub(super) fn watch_mute(
    mut switch: Box<dyn MuteSwitch>,
    inbox: &Inbox,
    stopping: &Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    let (inbox, stop) = (inbox.clone(), Arc::clone(stopping));
    std::thread::Builder::new().name("prim-mute".into()).spawn(move || {
        while !stop.load(Ordering::Acquire) {
            match switch.wait_move(EDGE_WAIT) {
                Ok(Some(edge)) => inbox.report(edge.at, Input::MuteSwitchMoved { on: edge.muted }),
                Ok(None) => {}
                Err(error) => return lost(&inbox, Peripheral::Button, &error),
            }
        }
    })
}

fn lost(inbox: &Inbox, which: Peripheral, error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "a control is gone");
    let state = PeripheralState::Absent { reason: error.to_string() };
    inbox.report(clock::mono_now(), Input::PeripheralChanged { which, state });
}
