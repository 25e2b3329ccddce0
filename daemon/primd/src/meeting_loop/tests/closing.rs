//! When a meeting ends, and with which words.

use super::*;

/// What a test logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_log_says_when_a_meeting_begins_and_ends_and_why_but_not_what_it_is_called() {
    for (message, reason) in [(Message::EndMeeting, "somebody ended it"), (Message::Stop, "primd stops")] {
        let log = Log::default();
        let to = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone()).finish();
        let id = tracing::subscriber::with_default(subscriber, || {
            let mut bench = meeting();
            let id = bench.meeting_loop.meeting.meeting().unwrap();
            bench.meeting_loop.turn(clock::mono_now(), Some(message), &mut || None);
            id
        });
        let said = String::from_utf8(lock(&log.0).clone()).unwrap();
        let line = |what: &str| said.lines().find(|line| line.contains(what)).unwrap_or_default().to_owned();
        let (began, over) = (line("a meeting begins"), line("the meeting is over"));
        for part in ["INFO", &id.to_string(), "answer_on_ask", "given"] {
            assert!(began.contains(part), "{part} is missing: {said}");
        }
        for part in ["INFO", &id.to_string(), reason] {
            assert!(over.contains(part), "{part} is missing: {said}");
        }
        assert!(!said.contains("Monday"), "{said}");
    }
}

/// Speech whose words never come: `NoFinal` is a recogniser that hangs.
fn somebody_speaks(bench: &Bench) -> crate::listener::Listener {
    use crate::listener::{Clean, Listener, ListenerParts};
    use prim_adapter::Voices;
    use prim_audio::{SPEECH_BLOCK, SampleTime};
    use prim_models::fakes::{FakeStt, SttFault};
    use prim_models::{Stt, SttContext};

    let mut stt = FakeStt::new().saying("never heard").with_fault(SttFault::NoFinal);
    stt.start(&SttContext::new(Vec::<String>::new(), Vec::<String>::new()).unwrap()).unwrap();
    let mut listener = Listener::new(ListenerParts {
        ear: prim_meeting::Ear::Room,
        talker: prim_meeting::TalkerKey(0),
        speaker: None,
        stt: Some(Box::new(stt)),
        voices: None,
        endpoint_ms: 500,
        muted: Arc::default(),
        inbox: Inbox::new().0,
        live: Live::new(),
        unsettled: Arc::clone(&bench.meeting_loop.unsettled),
    });
    for n in 0..200_u64 {
        let speech = if n < 100 { 1.0 } else { 0.0 };
        let level = if n < 100 { 0.3 } else { 0.0 };
        let clean = Clean {
            at: SampleTime(n * SPEECH_BLOCK as u64),
            heard: MonoTime::from_millis(n * 10),
            voice: &[level; SPEECH_BLOCK],
            words: &[1; SPEECH_BLOCK],
            bearing_deg: None,
        };
        listener.block(&clean, speech, Voices::People);
    }
    listener
}

#[test]
fn a_meeting_ends_three_seconds_after_it_was_told_to_when_the_recogniser_hangs() {
    let mut bench = meeting();
    let listener = somebody_speaks(&bench);
    assert_eq!(bench.meeting_loop.unsettled.load(Ordering::Acquire), 1, "its words have not come");
    let told = clock::mono_now() + Duration::from_secs(3600);
    let mut turn = |after_ms, message| {
        bench.meeting_loop.turn(told + Duration::from_millis(after_ms), message, &mut || None)
    };
    assert_eq!(turn(0, Some(Message::Stop)), None);
    assert_eq!(turn(1000, Some(Message::EndMeeting)), None, "being told again gives no more time");
    assert_eq!(turn(2999, None), None);
    assert_eq!(turn(3000, None), Some(Ended::Stopped));
    assert_eq!(bench.meeting_loop.meeting.meeting(), None);
    drop(listener);
}

#[test]
fn a_meeting_ends_as_soon_as_its_last_words_have_come_and_with_them() {
    let mut bench = meeting();
    bench.meeting_loop.unsettled.store(1, Ordering::Release);
    let told = clock::mono_now() + Duration::from_secs(3600);
    assert_eq!(bench.meeting_loop.turn(told, Some(Message::EndMeeting), &mut || None), None);
    assert!(bench.meeting_loop.nap(told) <= Duration::from_millis(20), "nobody wakes the loop for that");
    assert!(bench.meeting_loop.meeting.meeting().is_some());
    bench.meeting_loop.unsettled.store(0, Ordering::Release);
    let mut last = Some(Message::Fact { at: told, input: words("the last words", told) });
    let later = told + Duration::from_millis(700);
    assert_eq!(bench.meeting_loop.turn(later, None, &mut || last.take()), None);
    assert_eq!(bench.meeting_loop.meeting.meeting(), None);
    assert!(last.is_none(), "what waited in the inbox was taken");
    bench.written();
    assert_eq!(bench.spool.read(prim_ids::Stream::Utterance, 1, 10).unwrap().len(), 1);
}
