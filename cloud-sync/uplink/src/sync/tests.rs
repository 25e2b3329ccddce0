use proptest::prelude::*;

use super::*;

const EPOCH: u128 = 7;

struct Bench {
    sync: Sync,
    now: u64,
}

impl Bench {
    fn new() -> Self {
        let sync = Sync::new(MonoTime::ZERO, Timing::default(), EpochId::from_u128(EPOCH), 100);
        Self { sync, now: 0 }
    }

    fn connected() -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.wait(0), [Output::Connect { session: 100 }]);
        assert_eq!(bench.feed(Input::Connected), [Output::PublishState { session: 100, online: true }]);
        assert_eq!(bench.feed(Input::OwnStateSeen { session: 100, online: true }), []);
        bench
    }

    fn with_gateway() -> Self {
        let mut bench = Self::connected();
        assert_eq!(bench.feed(gateway(1, true)), []);
        bench
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.sync.poll_output()).collect()
    }

    fn feed(&mut self, input: Input) -> Vec<Output> {
        self.sync.handle_input(MonoTime::from_millis(self.now), input);
        self.drain()
    }

    fn wait(&mut self, ms: u64) -> Vec<Output> {
        self.now += ms;
        self.sync.handle_timeout(MonoTime::from_millis(self.now));
        self.drain()
    }

    /// The next thing that happens by itself, and when.
    fn next_timeout(&self) -> Option<u64> {
        self.sync.poll_timeout().map(|at| at.as_millis() - self.now)
    }
}

fn gateway(session: u64, online: bool) -> Input {
    Input::GatewaySeen { instance: "g1".parse().unwrap(), session, online }
}

fn ack(stream: Stream, through: u64) -> Input {
    Input::AckReceived(Ack {
        v: 1,
        stream,
        epoch: EpochId::from_u128(EPOCH),
        through_seq: through,
        rejected: Vec::new(),
        gateway: "g1".parse().unwrap(),
    })
}

fn grew(head: u64) -> Input {
    Input::SpoolGrew { stream: Stream::Audit, head }
}

fn sent(through: u64) -> Input {
    Input::BatchSent { stream: Stream::Audit, through }
}

fn send(from: u64) -> Output {
    Output::SendBatch { stream: Stream::Audit, from }
}

fn delete(through: u64) -> Output {
    Output::DeleteThrough { stream: Stream::Audit, through }
}

#[test]
fn nothing_is_sent_before_a_gateway_is_there() {
    let mut bench = Bench::connected();
    assert_eq!(bench.feed(grew(3)), []);
    assert_eq!(bench.feed(gateway(1, true)), [send(1)]);
}

#[test]
fn one_batch_flies_and_the_next_follows_its_acknowledgement() {
    let mut bench = Bench::with_gateway();
    assert_eq!(bench.feed(grew(3)), [send(1)]);
    assert_eq!(bench.feed(sent(3)), []);
    assert_eq!(bench.feed(grew(9)), []);
    assert_eq!(bench.feed(ack(Stream::Audit, 3)), [delete(3), send(4)]);
}

#[test]
fn streams_do_not_wait_for_each_other() {
    let mut bench = Bench::with_gateway();
    assert_eq!(bench.feed(grew(1)), [send(1)]);
    let metric = Input::SpoolGrew { stream: Stream::Metric, head: 5 };
    assert_eq!(bench.feed(metric), [Output::SendBatch { stream: Stream::Metric, from: 1 }]);
}

#[test]
fn a_late_acknowledgement_makes_the_batch_go_again_at_growing_intervals() {
    let mut bench = Bench::with_gateway();
    bench.feed(grew(3));
    for expected in [5_000, 10_000, 20_000, 40_000, 60_000, 60_000] {
        bench.feed(sent(3));
        assert_eq!(bench.next_timeout(), Some(expected));
        assert_eq!(bench.wait(expected), [send(1)]);
    }
}

#[test]
fn after_a_reconnect_the_batch_goes_again_from_the_first_unacknowledged_record() {
    let mut bench = Bench::with_gateway();
    bench.feed(grew(9));
    bench.feed(sent(5));
    assert_eq!(bench.feed(ack(Stream::Audit, 5)), [delete(5), send(6)]);
    bench.feed(sent(9));
    assert_eq!(bench.feed(Input::Disconnected { random: 0 }), []);
    assert_eq!(bench.wait(100), [Output::Connect { session: 101 }]);
    assert_eq!(bench.feed(Input::Connected), [Output::PublishState { session: 101, online: true }]);
    assert_eq!(bench.feed(gateway(1, true)), [send(6)]);
}

#[test]
fn waits_before_connecting_double_to_a_minute_and_start_again_once_settled() {
    let mut bench = Bench::new();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let ms = bench.next_timeout().unwrap();
        waits.push(ms);
        bench.wait(ms);
        bench.feed(Input::Disconnected { random: u32::MAX });
    }
    assert_eq!(waits, [0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
    bench.wait(60_000);
    bench.feed(Input::Connected);
    bench.wait(10_000);
    bench.feed(Input::Disconnected { random: u32::MAX });
    assert_eq!(bench.next_timeout(), Some(1_000));
}

#[test]
fn a_link_that_breaks_at_once_every_time_still_backs_off() {
    let mut bench = Bench::new();
    for _ in 0..7 {
        bench.wait(bench.next_timeout().unwrap());
        bench.feed(Input::Connected);
        bench.feed(Input::Disconnected { random: u32::MAX });
    }
    assert_eq!(bench.next_timeout(), Some(60_000));
}

#[test]
fn a_change_of_key_is_with_a_gateway_before_anything_else_is_sent() {
    let mut bench = Bench::with_gateway();
    bench.sync = bench.sync.audit_first(2);
    assert_eq!(bench.feed(Input::SpoolGrew { stream: Stream::Note, head: 4 }), []);
    assert_eq!(bench.feed(grew(3)), [send(1)]);
    bench.feed(sent(1));
    assert_eq!(bench.feed(ack(Stream::Audit, 1)), [delete(1), send(2)], "the change is still to come");
    bench.feed(sent(3));
    let sent = bench.feed(ack(Stream::Audit, 3));
    assert_eq!(sent, [delete(3), Output::SendBatch { stream: Stream::Note, from: 1 }]);
}

#[test]
fn the_least_wait_is_never_nothing() {
    let mut bench = Bench::new();
    bench.wait(0);
    bench.feed(Input::Disconnected { random: 0 });
    assert_eq!(bench.next_timeout(), Some(100));
}

#[test]
fn an_acknowledgement_for_another_epoch_is_reported_and_deletes_nothing() {
    let mut bench = Bench::with_gateway();
    bench.feed(grew(3));
    bench.feed(sent(3));
    let Input::AckReceived(mut foreign) = ack(Stream::Audit, 3) else { unreachable!() };
    foreign.epoch = EpochId::from_u128(8);
    let report = Report::ForeignEpoch { stream: Stream::Audit, epoch: foreign.epoch, through: 3 };
    assert_eq!(bench.feed(Input::AckReceived(foreign)), [Output::Report(report)]);
}

#[test]
fn an_acknowledgement_of_records_that_do_not_exist_is_reported_and_deletes_nothing() {
    let mut bench = Bench::with_gateway();
    bench.feed(grew(3));
    bench.feed(sent(3));
    let report = Report::ImpossibleAck { stream: Stream::Audit, through: 4, head: 3 };
    assert_eq!(bench.feed(ack(Stream::Audit, 4)), [Output::Report(report)]);
}

#[test]
fn rejected_records_are_reported_once_and_then_let_go() {
    let mut bench = Bench::with_gateway();
    bench.feed(grew(5));
    bench.feed(sent(5));
    let Input::AckReceived(mut rejecting) = ack(Stream::Audit, 5) else { unreachable!() };
    let rejection = Rejection { from: 2, to: 3, reason: "too_large".parse().unwrap() };
    rejecting.rejected = vec![rejection.clone()];
    let again = rejecting.clone();
    let report = Report::Rejected { stream: Stream::Audit, rejection };
    assert_eq!(bench.feed(Input::AckReceived(rejecting)), [Output::Report(report), delete(5)]);
    assert_eq!(bench.feed(Input::AckReceived(again)), []);
}

fn refusing(through: u64, from: u64, to: u64, reason: &str) -> Input {
    let Input::AckReceived(ack) = ack(Stream::Audit, through) else { unreachable!() };
    let rejected = vec![Rejection { from, to, reason: reason.parse().unwrap() }];
    Input::AckReceived(Ack { rejected, ..ack })
}

fn refused(from: u64, to: u64, reason: &str) -> Output {
    let rejection = Rejection { from, to, reason: reason.parse().unwrap() };
    Output::Report(Report::Refused { stream: Stream::Audit, rejection })
}

#[test]
fn records_refused_above_the_acknowledged_are_told_once_and_kept() {
    let mut bench = Bench::with_gateway();
    bench.feed(grew(5));
    bench.feed(sent(5));
    assert_eq!(bench.feed(refusing(0, 1, 5, "foreign_key")), [refused(1, 5, "foreign_key")]);
    assert_eq!(bench.feed(refusing(0, 1, 5, "foreign_key")), [], "the same again is no news");
    // Sent again after a while, and longer meanwhile: still the same refusal.
    bench.feed(grew(7));
    assert_eq!(bench.wait(5_000), [send(1)]);
    bench.feed(sent(7));
    assert_eq!(bench.feed(refusing(0, 1, 7, "foreign_key")), []);
    assert_eq!(bench.feed(refusing(0, 1, 7, "signature")), [refused(1, 7, "signature")]);
    // Half of it was taken: the rest is refused, and only the taken half is let go.
    assert_eq!(bench.feed(refusing(4, 5, 7, "signature")), [refused(5, 7, "signature"), delete(4)]);
}

#[test]
fn one_answer_can_keep_some_records_as_rejected_and_refuse_those_above() {
    let mut bench = Bench::with_gateway();
    bench.feed(grew(6));
    bench.feed(sent(6));
    let rejection = Rejection { from: 3, to: 4, reason: "malformed".parse().unwrap() };
    let kept = Output::Report(Report::Rejected { stream: Stream::Audit, rejection });
    assert_eq!(
        bench.feed(refusing(4, 3, 99, "malformed")),
        [kept, refused(5, 6, "malformed"), delete(4)],
        "and nothing is told of records that do not exist"
    );
    // A late refusal of what has been taken since says nothing.
    assert_eq!(bench.feed(refusing(2, 1, 4, "foreign_key")), []);
}

#[test]
fn the_gateways_memory_spares_a_restarted_device_the_repetition() {
    let mut bench = Bench::connected();
    bench.feed(grew(60));
    assert_eq!(bench.feed(ack(Stream::Audit, 50)), [delete(50)]);
    assert_eq!(bench.feed(gateway(1, true)), [send(51)]);
}

#[test]
fn an_empty_spool_with_a_high_head_is_asked_once() {
    let mut bench = Bench::with_gateway();
    assert_eq!(bench.feed(grew(60)), [send(1)]);
    assert_eq!(bench.feed(Input::NothingToSend { stream: Stream::Audit }), []);
    assert_eq!(bench.feed(grew(61)), [send(61)]);
}

#[test]
fn sending_pauses_without_a_gateway_and_repeats_when_one_comes_back() {
    let mut bench = Bench::with_gateway();
    bench.feed(grew(3));
    bench.feed(sent(3));
    assert_eq!(bench.feed(gateway(1, false)), []);
    assert_eq!(bench.wait(5_000), []);
    assert_eq!(bench.feed(gateway(2, true)), [send(1)]);
}

#[test]
fn a_gateways_late_will_does_not_hide_its_new_session() {
    let mut bench = Bench::with_gateway();
    bench.feed(gateway(2, true));
    bench.feed(gateway(1, false));
    assert_eq!(bench.feed(grew(1)), [send(1)]);
}

#[test]
fn one_gateway_of_two_is_enough() {
    let mut bench = Bench::with_gateway();
    bench.feed(Input::GatewaySeen { instance: "g2".parse().unwrap(), session: 1, online: true });
    bench.feed(gateway(1, false));
    assert_eq!(bench.feed(grew(1)), [send(1)]);
}

#[test]
fn a_late_will_of_an_older_session_is_answered_with_the_true_state() {
    let mut bench = Bench::connected();
    let late_will = Input::OwnStateSeen { session: 99, online: false };
    assert_eq!(bench.feed(late_will), [Output::PublishState { session: 100, online: true }]);
}

#[test]
fn the_old_retained_state_before_our_own_is_no_reason_to_publish_twice() {
    let mut bench = Bench::new();
    bench.wait(0);
    bench.feed(Input::Connected);
    assert_eq!(bench.feed(Input::OwnStateSeen { session: 99, online: false }), []);
    assert_eq!(bench.feed(Input::OwnStateSeen { session: 100, online: true }), []);
}

#[test]
fn a_higher_session_than_ours_makes_us_come_back_with_a_higher_one_still() {
    let mut bench = Bench::connected();
    assert_eq!(bench.feed(Input::OwnStateSeen { session: 500, online: false }), [Output::Disconnect]);
    assert_eq!(bench.wait(0), [Output::Connect { session: 501 }]);
}

#[test]
fn what_the_broker_retains_may_come_before_the_subscription_is_granted() {
    let mut bench = Bench::new();
    bench.wait(0);
    assert_eq!(bench.feed(Input::OwnStateSeen { session: 500, online: false }), [Output::Disconnect]);
    assert_eq!(bench.wait(0), [Output::Connect { session: 501 }]);
    assert_eq!(bench.feed(Input::OwnStateSeen { session: 500, online: false }), []);
    bench.feed(gateway(1, true));
    bench.feed(grew(1));
    let state = Output::PublishState { session: 501, online: true };
    assert_eq!(bench.feed(Input::Connected), [state, send(1)]);
}

#[test]
fn a_refused_stream_rests_while_the_others_go_on() {
    let mut bench = Bench::with_gateway();
    bench.feed(grew(3));
    bench.feed(sent(3));
    assert_eq!(bench.feed(Input::PublishRefused { stream: Stream::Audit }), []);
    let note = Input::SpoolGrew { stream: Stream::Note, head: 1 };
    assert_eq!(bench.feed(note), [Output::SendBatch { stream: Stream::Note, from: 1 }]);
    assert_eq!(bench.wait(59_999), []);
    assert_eq!(bench.wait(1), [send(1)]);
}

#[test]
fn stopping_says_goodbye_and_nothing_more() {
    let mut bench = Bench::with_gateway();
    let goodbye = [Output::PublishState { session: 100, online: false }, Output::Disconnect];
    assert_eq!(bench.feed(Input::Stop), goodbye);
    assert_eq!(bench.feed(grew(3)), []);
    assert_eq!(bench.next_timeout(), None);
}

/// What happens to one connection attempt.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It fails after so long.
    Fails { after_ms: u64 },
    /// It holds for so long, then it is lost.
    Holds { for_ms: u64 },
}

fn fates() -> impl Strategy<Value = Vec<(Fate, u32)>> {
    let fails = (0..=10_000u64).prop_map(|after_ms| Fate::Fails { after_ms });
    let holds = (0..=30_000u64).prop_map(|for_ms| Fate::Holds { for_ms });
    prop::collection::vec((prop_oneof![3 => fails, 1 => holds], any::<u32>()), 1..40)
}

proptest! {
    /// A short outage is over within seconds, a long one never costs more than a minute beyond it, and no wait is so
    /// short that trying becomes a busy loop.
    #[test]
    fn no_wait_is_longer_than_the_outage_and_a_second_nor_than_a_minute(fates in fates()) {
        let timing = Timing::default();
        let mut bench = Bench::new();
        let mut lost_at: Option<u64> = None;
        bench.wait(0);
        for (fate, random) in fates {
            match fate {
                Fate::Fails { after_ms } => drop(bench.wait(after_ms)),
                Fate::Holds { for_ms } => {
                    bench.feed(Input::Connected);
                    bench.wait(for_ms);
                    if u128::from(for_ms) >= timing.settled_after.as_millis() {
                        lost_at = None;
                    }
                }
            }
            let lost = *lost_at.get_or_insert(bench.now);
            bench.feed(Input::Disconnected { random });
            let wait = bench.next_timeout().expect("it tries again");
            prop_assert!((100..=60_000).contains(&wait), "waits {wait} ms");
            prop_assert!(wait <= bench.now - lost + 1_000, "away for {} ms, waits {wait} ms", bench.now - lost);
            prop_assert!(matches!(bench.wait(wait)[..], [Output::Connect { .. }]), "it tries when it is time");
        }
    }

    /// Ten thousand devices that lost one broker at one moment do not return in step: the wait is the caller's random
    /// number, spread over the whole bound.
    #[test]
    fn the_wait_follows_the_random_number_over_the_whole_bound(failures in 1u32..10, random in any::<u32>()) {
        let wait_after = |random| {
            let mut bench = Bench::new();
            for _ in 0..failures {
                bench.wait(bench.next_timeout().unwrap_or(0));
                bench.feed(Input::Disconnected { random: u32::MAX });
            }
            bench.wait(bench.next_timeout().unwrap_or(0));
            bench.feed(Input::Disconnected { random });
            bench.next_timeout().unwrap_or(0) as f64
        };
        let share = f64::from(random) / f64::from(u32::MAX);
        let expected = (wait_after(u32::MAX) * share).max(100.0);
        prop_assert!((wait_after(random) - expected).abs() <= 1.0);
    }
}
