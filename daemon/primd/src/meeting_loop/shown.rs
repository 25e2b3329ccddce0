//! What people on the meeting platform see of Prim: one hand and one banner, which requests and subjects share.

use prim_ids::RequestId;
use prim_meeting::BannerAbout;

/// Who holds the hand up, and what there is to show. Both are few: the core bounds requests.
#[derive(Debug, Default)]
pub(super) struct Shown {
    hands: Vec<RequestId>,
    banners: Vec<(BannerAbout, String)>,
    /// The banner as the platform was told last; before that nobody knows what it shows.
    told: Option<Option<String>>,
}

impl Shown {
    pub(super) fn raise(&mut self, request: RequestId) {
        if !self.hands.contains(&request) {
            self.hands.push(request);
        }
    }

    /// Whether nobody holds it up any more.
    pub(super) fn lower(&mut self, request: RequestId) -> bool {
        self.hands.retain(|holds| *holds != request);
        self.hands.is_empty()
    }

    /// `text` is what there is to say about it, if anything. What the platform is to be told, if that is news.
    pub(super) fn banner(&mut self, about: BannerAbout, text: Option<&str>) -> Option<Option<&str>> {
        self.banners.retain(|(other, _)| *other != about);
        self.banners.extend(text.map(|text| (about, text.to_owned())));
        // Of those that come equally first, the last.
        let first = self.banners.iter().rev().min_by_key(|(about, _)| precedence(*about));
        let show = first.map(|(_, text)| text.clone());
        if self.told.as_ref() == Some(&show) {
            return None;
        }
        self.told = Some(show);
        self.told.as_ref().map(Option::as_deref)
    }
}

/// What is promised to people comes before what Prim wants of them. A request also shows as a hand.
fn precedence(about: BannerAbout) -> u8 {
    match about {
        BannerAbout::Consent => 0,
        BannerAbout::Mute => 1,
        BannerAbout::Request { .. } => 2,
        BannerAbout::Timebox => 3,
        BannerAbout::Drift => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(n: u128) -> BannerAbout {
        BannerAbout::Request { request: RequestId::from_u128(n) }
    }

    #[test]
    fn the_hand_is_up_as_long_as_any_request_holds_it() {
        let (first, second) = (RequestId::from_u128(1), RequestId::from_u128(2));
        let mut shown = Shown::default();
        shown.raise(first);
        shown.raise(second);
        shown.raise(second);
        assert!(!shown.lower(first));
        assert!(shown.lower(second));
        assert!(shown.lower(first), "after a restart the hand of before is taken down too");
    }

    #[test]
    fn consent_and_mute_are_shown_before_all_else_and_what_waits_behind_them_comes_back() {
        let mut shown = Shown::default();
        assert_eq!(shown.banner(BannerAbout::Drift, Some("drift")), Some(Some("drift")));
        assert_eq!(shown.banner(BannerAbout::Timebox, Some("timebox")), Some(Some("timebox")));
        assert_eq!(shown.banner(request(1), Some("first")), Some(Some("first")));
        assert_eq!(shown.banner(request(2), Some("second")), Some(Some("second")));
        assert_eq!(shown.banner(BannerAbout::Mute, Some("muted")), Some(Some("muted")));
        assert_eq!(shown.banner(BannerAbout::Consent, Some("consent")), Some(Some("consent")));
        assert_eq!(shown.banner(BannerAbout::Timebox, Some("timebox 2")), None);
        assert_eq!(shown.banner(request(1), None), None, "what is cleared is not what is shown");
        assert_eq!(shown.banner(BannerAbout::Consent, None), Some(Some("muted")));
        assert_eq!(shown.banner(BannerAbout::Mute, None), Some(Some("second")));
        assert_eq!(shown.banner(request(2), None), Some(Some("timebox 2")));
        assert_eq!(shown.banner(BannerAbout::Timebox, None), Some(Some("drift")));
        assert_eq!(shown.banner(BannerAbout::Drift, None), Some(None));
    }
}
