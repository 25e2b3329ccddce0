//! Which key of the device counts at which record, and whether the heads were signed by it.

use super::{KeyLine, Range, VerifyError};
use crate::{CounterSigned, DeviceKey, GatewayKey, KeySet, Rotation, Stream};

/// The device's keys in order of use.
pub(super) struct Reign {
    lines: Vec<KeyLine>,
}

impl Reign {
    /// The keys the export lists and the handovers its records hold, each trusted by itself or by the one before.
    pub(super) fn of(
        range: &Range,
        mut lines: Vec<KeyLine>,
        rotations: &[(u64, Rotation)],
        keys: &KeySet,
        gateway: GatewayKey,
    ) -> Result<Self, VerifyError> {
        for (seq, rotation) in rotations {
            let key = rotation.new.of_device();
            if !lines.iter().any(|line| line.from_seq == *seq && line.key == key) {
                lines.push(KeyLine { key, from_seq: *seq, rotation: Some(*rotation) });
            }
        }
        lines.sort_by_key(|line| line.from_seq);
        let device = range.address();
        // One key may not pass as both: a device must not vouch for its own range.
        let trusts = |key: &DeviceKey| keys.trusts_device(&device, key) && key.public() != gateway.public();
        // Whoever trusts the key in force at the beginning need not know those before it.
        let begin = lines.iter().rposition(|line| line.from_seq <= range.from).unwrap_or(0);
        if lines.get(begin).is_some_and(|line| trusts(&line.key)) {
            lines.drain(..begin);
        }
        let mut before: Option<DeviceKey> = None;
        for line in &lines {
            let seq = line.from_seq;
            let handed_over = line.rotation.is_some_and(|rotation| {
                Some(rotation.old.of_device()) == before
                    && rotation.new.of_device() == line.key
                    && rotation.holds_for(&device)
            });
            let record =
                rotations.iter().any(|(at, rotation)| *at == seq && line.rotation == Some(*rotation));
            // The record stands in the audit; for the other streams the old key's consent is what there is.
            let inside = range.stream == Stream::Audit && (range.from..=range.to).contains(&seq);
            match before {
                Some(_) if !handed_over || (inside && !record) => {
                    return Err(VerifyError::RotatedWithoutRecord { seq, key: line.key });
                }
                None if !trusts(&line.key) => {
                    return Err(foreign(range, seq.max(range.from), line.key, keys));
                }
                Some(_) | None => before = Some(line.key),
            }
        }
        Ok(Self { lines })
    }

    /// Checks each head's signatures and keys, and that the last one covers the range.
    pub(super) fn check_heads(
        &self,
        range: &Range,
        heads: &[CounterSigned],
        keys: &KeySet,
    ) -> Result<(), VerifyError> {
        let mut signed = 0;
        for counter in heads {
            let head = &counter.signed.head;
            let same_chain = head.address() == range.address()
                && (head.stream, head.epoch) == (range.stream, range.epoch)
                && counter.check().is_ok();
            if !same_chain {
                return Err(VerifyError::ChangedHead { seq: head.seq });
            }
            if !keys.trusts_gateway(&counter.gateway, &counter.key) {
                return Err(VerifyError::ForeignGateway {
                    gateway: counter.gateway.clone(),
                    key: counter.key,
                });
            }
            self.check_key(range, head.seq, counter.signed.key, keys)?;
            signed = signed.max(head.seq);
        }
        if signed < range.to {
            return Err(VerifyError::UnsignedTail { signed, to: range.to });
        }
        Ok(())
    }

    fn check_key(&self, range: &Range, seq: u64, key: DeviceKey, keys: &KeySet) -> Result<(), VerifyError> {
        let known = |key| keys.trusts_device(&range.address(), &key);
        let in_force: Vec<&KeyLine> = self.lines.iter().filter(|line| line.from_seq <= seq).collect();
        let (now, before) = match in_force.as_slice() {
            // An export without a key history: the key must be trusted by itself.
            [] if known(key) => return Ok(()),
            [] => (None, None),
            [only] => (Some(*only), None),
            [.., before, last] => (Some(*last), Some(*before)),
        };
        // The record that hands over may be the last one that the old key signs for.
        let by_old =
            before.is_some_and(|line| line.key == key) && now.is_some_and(|line| line.from_seq == seq);
        if now.is_some_and(|line| line.key == key) || by_old {
            return Ok(());
        }
        if known(key) || self.lines.iter().any(|line| line.key == key) {
            return Err(VerifyError::RotatedWithoutRecord { seq, key });
        }
        Err(foreign(range, seq, key, keys))
    }
}

/// Nobody vouched for the key: a stranger's, unless nobody vouched for any device.
fn foreign(range: &Range, seq: u64, key: DeviceKey, keys: &KeySet) -> VerifyError {
    if keys.names_a_device() {
        VerifyError::ForeignKey { seq, key }
    } else {
        VerifyError::NoDeviceKey { device: range.address(), key }
    }
}
