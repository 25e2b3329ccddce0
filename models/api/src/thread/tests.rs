use super::*;
use crate::Final;
use crate::fakes::{FakeStt, Gate, SttFault};

fn limits() -> ThreadLimits {
    ThreadLimits {
        backlog: Duration::from_millis(400),
        behind: Duration::from_millis(100),
        answer: Duration::from_millis(300),
        start: Duration::from_millis(500),
    }
}

fn wait_for<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < until, "waited five seconds in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn feed(stt: &mut SttThread, segment: u64, blocks: u64) -> Vec<Pressure> {
    stt.begin_segment(SegmentId(segment), SampleTime(0)).unwrap();
    let answers = (0..blocks).map(|b| stt.accept(&[0; 160], SampleTime(b * 160)).unwrap()).collect();
    stt.end_segment().unwrap();
    answers
}

fn final_of(stt: &mut SttThread) -> Final {
    wait_for(|| match stt.poll() {
        Some(SttEvent::Final(done)) => Some(done),
        Some(_) | None => None,
    })
}

#[test]
fn words_come_through_the_thread() {
    let mut stt = SttThread::spawn(Box::new(FakeStt::new().saying("note the budget")), limits()).unwrap();
    stt.start(&SttContext::default()).unwrap();
    assert!(feed(&mut stt, 1, 20).iter().all(|p| *p != Pressure::Dropped));
    assert_eq!(final_of(&mut stt).text, "note the budget");
}

#[test]
fn a_slow_engine_is_reported_and_what_was_dropped_is_counted() {
    let gate = Gate::closed();
    let fake = FakeStt::new()
        .saying("late but here")
        .with_fault(SttFault::StallAt { block: 1, until: gate.clone() });
    let mut stt =
        SttThread::spawn(Box::new(fake), ThreadLimits { answer: Duration::from_secs(5), ..limits() })
            .unwrap();
    let answers = feed(&mut stt, 7, 100);
    assert!(answers.iter().any(|p| matches!(p, Pressure::Behind { .. })));
    let dropped = answers.iter().filter(|p| **p == Pressure::Dropped).count();
    assert!(dropped >= 50, "{dropped}");
    assert!(stt.backlog() <= limits().backlog);
    gate.open();
    let mut seen = Vec::new();
    let done = wait_for(|| {
        let event = stt.poll()?;
        seen.push(event.clone());
        match event {
            SttEvent::Final(done) => Some(done),
            SttEvent::Partial(_)
            | SttEvent::Keyphrase(_)
            | SttEvent::Command(_)
            | SttEvent::Behind { .. }
            | SttEvent::CaughtUp
            | SttEvent::Failed { .. } => None,
        }
    });
    assert_eq!(done.lost, Duration::from_millis(10 * dropped as u64));
    assert!(seen.iter().any(|e| matches!(e, SttEvent::Behind { .. })));
    wait_for(|| {
        seen.contains(&SttEvent::CaughtUp).then_some(()).or_else(|| {
            seen.extend(stt.poll());
            None
        })
    });
}

#[test]
fn an_engine_that_never_answers_is_given_up_and_does_not_hold_the_shutdown() {
    let gate = Gate::closed();
    let fake = FakeStt::new().with_fault(SttFault::StallAt { block: 0, until: gate.clone() });
    let mut stt = SttThread::spawn(Box::new(fake), limits()).unwrap();
    stt.begin_segment(SegmentId(1), SampleTime(0)).unwrap();
    let error = wait_for(|| stt.accept(&[0; 160], SampleTime(0)).err());
    assert!(matches!(error, SttError::Gone { .. }), "{error}");
    let before = Instant::now();
    drop(stt);
    assert!(before.elapsed() < Duration::from_secs(2));
    gate.open();
}

#[test]
fn a_failing_segment_is_reported_and_the_next_one_works() {
    let fake = FakeStt::new().saying("first").saying("second").with_fault(SttFault::FailOnce { block: 3 });
    let mut stt = SttThread::spawn(Box::new(fake), limits()).unwrap();
    feed(&mut stt, 1, 10);
    let why = wait_for(|| match stt.poll() {
        Some(SttEvent::Failed { segment: SegmentId(1), why }) => Some(why),
        Some(_) | None => None,
    });
    assert!(why.contains("recognise speech"), "{why}");
    feed(&mut stt, 2, 10);
    let done = final_of(&mut stt);
    assert_eq!((done.segment, done.text.as_str()), (SegmentId(2), "second"));
}

#[test]
fn what_is_abandoned_is_never_told() {
    let gate = Gate::closed();
    let fake = FakeStt::new()
        .saying("a secret")
        .saying("in the open")
        .with_fault(SttFault::StallAt { block: 2, until: gate.clone() });
    let mut stt =
        SttThread::spawn(Box::new(fake), ThreadLimits { answer: Duration::from_secs(5), ..limits() })
            .unwrap();
    feed(&mut stt, 1, 10);
    gate.wait_for_arrival();
    stt.abandon();
    gate.open();
    feed(&mut stt, 2, 10);
    let mut texts = Vec::new();
    wait_for(|| match stt.poll() {
        Some(SttEvent::Final(done)) => {
            texts.push(done.text);
            Some(())
        }
        Some(SttEvent::Partial(partial)) => {
            texts.push(partial.text);
            None
        }
        Some(_) | None => None,
    });
    assert!(texts.iter().all(|t| !t.contains("secret")), "{texts:?}");
}

#[test]
fn calls_out_of_order_are_refused() {
    let mut stt = SttThread::spawn(Box::new(FakeStt::new()), limits()).unwrap();
    assert!(matches!(stt.accept(&[0; 160], SampleTime(0)), Err(SttError::OutOfOrder { .. })));
    assert!(matches!(stt.end_segment(), Err(SttError::OutOfOrder { .. })));
    stt.begin_segment(SegmentId(1), SampleTime(0)).unwrap();
    assert!(matches!(stt.begin_segment(SegmentId(2), SampleTime(0)), Err(SttError::OutOfOrder { .. })));
}
