//! Whether the head lines are the ones the gateway signed: all of them, each once, in order.

use super::{HeadList, VerifyError};
use crate::CounterSigned;

/// Names what was done to the head lines; `signed` is what the opening says of them. A head whose own signatures do not
/// fit is named before anything that its number may seem to say.
pub(super) fn are_the_signed(signed: HeadList, heads: &[CounterSigned]) -> Result<(), VerifyError> {
    let found = HeadList::of(heads);
    if found != signed
        && let Some(head) = heads.iter().find(|head| head.check().is_err())
    {
        return Err(VerifyError::ChangedHead { seq: head.signed.head.seq });
    }
    // A device signs a head per batch, each beyond the last: a gateway that signs another order is as wrong.
    let mut last = 0;
    for (at, head) in heads.iter().enumerate() {
        let seq = head.signed.head.seq;
        if seq <= last {
            let again = heads[..at].iter().any(|before| before.signed.head.seq == seq);
            return Err(if again {
                VerifyError::RepeatedHead { seq }
            } else {
                VerifyError::SwappedHeads { seq, after: last }
            });
        }
        last = seq;
    }
    if found == signed {
        return Ok(());
    }
    let (found, signed) = (found.count, signed.count);
    Err(match found.cmp(&signed) {
        std::cmp::Ordering::Less => VerifyError::DroppedHead { found, signed },
        std::cmp::Ordering::Greater => VerifyError::AddedHead { found, signed },
        std::cmp::Ordering::Equal => VerifyError::OtherHeads { signed },
    })
}
