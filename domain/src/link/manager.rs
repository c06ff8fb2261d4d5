//! The manager's half of the link: per connected node a cursor per lane, and never a queue.

use std::collections::{BTreeMap, VecDeque};

use super::feed::{BatchLimit, Feed, Owed, Resume};
use crate::document::Lane;
use crate::id::{ManagerEpoch, NodeId};

/// Most batches of one lane under way without an acknowledgement.
pub const WINDOW: usize = 2;

/// What goes into one batch.
pub const BATCH: BatchLimit = BatchLimit { rows: 256, bytes: 1024 * 1024 };

/// One batch to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub nonce: u64,
    pub lane: Lane,
    pub owed: Owed,
    /// The replica is complete after this one.
    pub complete: bool,
}

/// The manager's side of one connection.
#[derive(Debug)]
pub struct ManagerLink {
    node: NodeId,
    lanes: BTreeMap<Lane, LaneState>,
    in_flight: VecDeque<InFlight>,
    next_nonce: u64,
    /// The replica was started over, and has not been offered everything yet.
    starting_over: bool,
    /// The replica was started over, and has not said that it is complete: its cursors do not count yet.
    incomplete: bool,
    /// New content is held back.
    pub cordoned: bool,
}

/// A batch that was sent and not acknowledged.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    nonce: u64,
    lane: Lane,
    up_to: u64,
    last_part: bool,
    complete: bool,
}

#[derive(Debug, Default)]
struct LaneState {
    /// Sent up to here.
    sent: u64,
    resume: Option<Resume>,
    /// Stored up to here, counted once the replica is complete.
    stored: u64,
    /// Durably stored up to here, as the node said.
    acknowledged: u64,
}

/// A message that does not fit the conversation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("batch {0} was acknowledged and is not the oldest one under way; the connection starts over")]
    UnexpectedAck(u64),
}

impl ManagerLink {
    /// Begins a conversation with a node that holds `cursors`, gained under `their_epoch`.
    ///
    /// Cursors of another life of the database, or beyond its end, mean nothing: the node is then offered everything
    /// again and drops nothing before that is complete.
    #[must_use]
    pub fn begin(
        node: NodeId,
        epoch: ManagerEpoch,
        their_epoch: Option<ManagerEpoch>,
        cursors: &BTreeMap<Lane, u64>,
        end: u64,
    ) -> Self {
        // A node that holds nothing for certain, or was cut off while starting over, has all its cursors at zero.
        let holds_something = cursors.values().any(|sequence| *sequence > 0);
        let known = their_epoch == Some(epoch) && holds_something && cursors.values().all(|sequence| *sequence <= end);
        let lanes = Lane::ALL
            .into_iter()
            .map(|lane| {
                let sequence = if known { cursors.get(&lane).copied().unwrap_or(0) } else { 0 };
                (lane, LaneState { sent: sequence, resume: None, stored: sequence, acknowledged: sequence })
            })
            .collect();
        let in_flight = VecDeque::new();
        Self { node, lanes, in_flight, next_nonce: 1, starting_over: !known, incomplete: !known, cordoned: false }
    }

    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    #[must_use]
    pub fn starts_over(&self) -> bool {
        self.starting_over
    }

    /// The next batch to send, if the window has room and the node is owed something.
    ///
    /// What to send is chosen now, from the feed as it is now: a state that was overtaken is never sent.
    pub fn next_batch(&mut self, feed: &Feed) -> Option<Batch> {
        // A cordon holds back content; a denial always gets through.
        let held_back = |lane: &Lane| self.cordoned && *lane == Lane::Content;
        let lanes: Vec<Lane> = Lane::ALL.into_iter().filter(|lane| !held_back(lane)).collect();
        lanes.into_iter().find_map(|lane| self.next_in(lane, feed))
    }

    fn next_in(&mut self, lane: Lane, feed: &Feed) -> Option<Batch> {
        if self.in_flight.iter().filter(|batch| batch.lane == lane).count() >= WINDOW {
            return None;
        }
        let others_are_through = self
            .lanes
            .iter()
            .all(|(other, state)| *other == lane || (state.sent >= feed.sequence() && state.resume.is_none()));
        let state = self.lanes.get_mut(&lane)?;
        if state.sent >= feed.sequence() && state.resume.is_none() && !(self.starting_over && lane == Lane::Content) {
            return None;
        }
        let owed = feed.owed(self.node, lane, state.sent, state.resume.as_ref(), BATCH);
        let through = owed.last_part && owed.up_to >= feed.sequence() && others_are_through;
        let complete = self.starting_over && lane == Lane::Content && through;
        // Parts that were sent wait for their last one, even if nothing is left to go with it.
        if owed.rows.is_empty() && owed.left.is_empty() && !complete && state.resume.is_none() {
            // Nothing for this node: the cursor moves without a message, and is told with the next one.
            state.sent = state.sent.max(owed.up_to);
            return None;
        }
        let nonce = self.next_nonce;
        self.next_nonce += 1;
        state.resume = owed.resume.clone();
        if owed.last_part {
            state.sent = state.sent.max(owed.up_to);
        }
        if complete {
            self.starting_over = false;
        }
        self.in_flight.push_back(InFlight { nonce, lane, up_to: owed.up_to, last_part: owed.last_part, complete });
        Some(Batch { nonce, lane, owed, complete })
    }

    /// Takes an acknowledgement and answers how far the node's replica now reaches in the lane.
    ///
    /// # Errors
    /// Acknowledgements come in the order of the batches; anything else ends the connection.
    pub fn acknowledge(&mut self, nonce: u64) -> Result<(Lane, u64), LinkError> {
        let Some(batch) = self.in_flight.front().copied().filter(|oldest| oldest.nonce == nonce) else {
            return Err(LinkError::UnexpectedAck(nonce));
        };
        self.in_flight.pop_front();
        let state = self.lanes.entry(batch.lane).or_default();
        if batch.last_part {
            state.stored = state.stored.max(batch.up_to);
        }
        // A node that is cut off before its replica is complete starts over, so until then nothing is certain.
        self.incomplete &= !batch.complete;
        if !self.incomplete {
            self.lanes.values_mut().for_each(|state| state.acknowledged = state.acknowledged.max(state.stored));
        }
        Ok((batch.lane, self.acknowledged(batch.lane)))
    }

    /// Whether the node has stored everything once since it last started over.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.incomplete
    }

    /// How far the node's replica reaches in the lane that carries content.
    #[must_use]
    pub fn acknowledged(&self, lane: Lane) -> u64 {
        self.lanes.get(&lane).map_or(0, |state| state.acknowledged)
    }
}
