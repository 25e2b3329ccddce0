//! What people on the meeting platform see.

use prim_meeting::{Audience, BannerAbout};

use super::*;

/// Remembers what it was told.
#[derive(Clone, Default)]
struct SeenPlatform(Arc<Mutex<Vec<String>>>);

impl Platform for SeenPlatform {
    fn raise_hand(&mut self, raised: bool) {
        lock(&self.0).push(format!("hand {raised}"));
    }
    fn notice(&mut self, who: ParticipantId, text: &str) {
        lock(&self.0).push(format!("{} reads {text}", who.as_u128()));
    }
    fn card(&mut self, text: &str) {
        lock(&self.0).push(format!("all read {text}"));
    }
    fn banner(&mut self, text: Option<&str>) {
        lock(&self.0).push(format!("banner {}", text.unwrap_or("none")));
    }
}

fn seen(orders: Vec<Output>) -> Vec<String> {
    let mut bench = bench(Limits::default());
    let platform = SeenPlatform::default();
    bench.meeting_loop.platform = Some(Box::new(platform.clone()));
    for order in orders {
        bench.meeting_loop.order(order, true);
    }
    bench.written();
    std::mem::take(&mut *lock(&platform.0))
}

fn show(about: BannerAbout, text: &str) -> Output {
    Output::ShowBanner { about, text: text.to_owned() }
}

#[test]
fn lowering_one_hand_leaves_the_other_requests_hand_up() {
    let request = prim_ids::RequestId::from_u128;
    let (first, second) = (request(1), request(2));
    let mut orders = vec![Output::RaiseHand { request: first }, Output::RaiseHand { request: second }];
    orders.push(Output::LowerHand { request: first });
    assert_eq!(seen(orders.clone()), ["hand true", "hand true"]);
    orders.push(Output::LowerHand { request: second });
    assert_eq!(seen(orders).last().unwrap(), "hand false");
}

#[test]
fn neither_a_timebox_nor_a_card_wipes_what_is_shown_of_consent() {
    let orders = vec![
        show(BannerAbout::Timebox, "two minutes left"),
        show(BannerAbout::Consent, "Prim writes nothing down"),
        Output::ClearBanner { about: BannerAbout::Timebox },
        Output::Card { to: Audience::Everyone, title: "Time".to_owned(), body: "it is over".to_owned() },
    ];
    let seen = seen(orders);
    assert_eq!(
        seen,
        ["banner two minutes left", "banner Prim writes nothing down", "all read Time: it is over"]
    );
}
