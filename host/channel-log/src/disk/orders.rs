//! Changes of channels other than appends, one after the other: what the catalogue has to
//! know before it is so.

mod change;
mod doubt;
mod make;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use self::doubt::Doubt;
use super::catalogue::{self, CatalogueFault};
use super::channel::Channel;
use super::core::Core;
use crate::{
    Bounds, CellChange, CellError, ChangeError, ChannelError, ChannelInfo, ChannelName,
    CreateError, LogSettings, Span,
};

type Answer<T, E> = oneshot::Sender<Result<T, E>>;

/// A change that waits.
#[derive(Debug)]
pub(super) enum Order {
    Create(ChannelName, LogSettings, Answer<ChannelInfo, CreateError>),
    Change(ChannelName, LogSettings, Answer<ChannelInfo, ChangeError>),
    Remove(ChannelName, Answer<(), ChannelError>),
    Trim(Arc<Channel>, u64, Answer<Bounds, ChannelError>),
    Keep(Arc<Channel>, Option<u64>, Answer<(), ChannelError>),
    Repair(Arc<Channel>, Answer<Vec<Span>, ChannelError>),
    Cells(CellsOrder),
    /// The catalogue has to follow what is known of a channel's losses.
    Losses(Arc<Channel>),
}

/// A change of cells that waits.
#[derive(Debug)]
pub(super) struct CellsOrder {
    pub(super) channel: Arc<Channel>,
    pub(super) changes: Vec<CellChange>,
    pub(super) durable: bool,
    pub(super) answer: Answer<Vec<u64>, CellError>,
}

/// Carries out orders.
#[derive(Debug)]
pub(super) struct Keeper {
    core: Arc<Core>,
    next_id: u64,
    /// The highest version of a cell that was given.
    revision: u64,
    /// Whether some changes are not durable yet.
    volatile: bool,
    /// Names of which it is not known what the catalogue says.
    doubts: BTreeMap<ChannelName, Doubt>,
}

/// Orders that are looked at together.
const ORDERS: usize = 1024;

impl Keeper {
    pub(super) fn new(core: Arc<Core>, next_id: u64) -> Self {
        Self {
            core,
            next_id,
            revision: 0,
            volatile: false,
            doubts: BTreeMap::new(),
        }
    }

    /// Carries out what waits; returns whether anything did.
    pub(super) fn carry_out(&mut self) -> bool {
        self.resolve();
        let orders = self.core.orders.take(ORDERS, usize::MAX);
        let any = !orders.is_empty();
        let mut cells = Vec::new();
        for order in orders {
            if let Order::Cells(order) = order {
                cells.push(order);
                continue;
            }
            self.change_cells(&mut cells);
            self.carry_out_one(order);
        }
        self.change_cells(&mut cells);
        any
    }

    /// Whether [`Keeper::settle`] has something to do.
    pub(super) fn is_volatile(&self) -> bool {
        self.volatile || !self.doubts.is_empty()
    }

    /// Makes durable what is not, and finds out what is not known.
    pub(super) fn settle(&mut self) {
        self.resolve();
        if self.volatile && self.core.catalogue.write(true, |_| Ok(())).is_ok() {
            self.volatile = false;
        }
    }

    /// Changes cells for several at once: one sync for all.
    fn change_cells(&mut self, orders: &mut Vec<CellsOrder>) {
        if orders.is_empty() {
            return;
        }
        let durable = orders.iter().any(|order| order.durable);
        let revision = &mut self.revision;
        let changed = self.core.catalogue.write(durable, |transaction| {
            let mut results = Vec::with_capacity(orders.len());
            for order in orders.iter() {
                results.push(if order.channel.state().removed {
                    Err(CellError::NoChannel(order.channel.name.clone()))
                } else {
                    let id = order.channel.id;
                    catalogue::change_cells(transaction, id, &order.changes, revision)?
                });
            }
            Ok(results)
        });
        match changed {
            Ok(results) => {
                self.volatile = !durable;
                for (order, result) in orders.drain(..).zip(results) {
                    let _ = order.answer.send(result);
                }
            }
            Err(fault) => {
                self.fail(&fault);
                for order in orders.drain(..) {
                    let _ = order
                        .answer
                        .send(Err(CellError::Storage(fault.fault.clone())));
                }
            }
        }
    }

    fn carry_out_one(&mut self, order: Order) {
        // Whoever is gone does not want to know.
        match order {
            Order::Create(name, settings, answer) => {
                let created = self.create(name, settings);
                let _ = answer.send(created);
            }
            Order::Change(name, settings, answer) => {
                let changed = self.change(&name, settings);
                let _ = answer.send(changed);
            }
            Order::Remove(name, answer) => {
                let removed = self.remove(&name);
                let _ = answer.send(removed);
            }
            Order::Trim(channel, before, answer) => {
                let trimmed = self.trim(&channel, before);
                let _ = answer.send(trimmed);
            }
            Order::Keep(channel, from, answer) => {
                let kept = self.keep(&channel, from);
                let _ = answer.send(kept);
            }
            Order::Repair(channel, answer) => {
                let repaired = self.repair(&channel);
                let _ = answer.send(repaired);
            }
            Order::Losses(channel) => self.note_losses(&channel),
            Order::Cells(order) => self.change_cells(&mut vec![order]),
        }
    }

    /// Notes that the catalogue failed: without it the journal can never be cut, so that
    /// nothing more is taken. A full disk may have room again.
    fn fail(&self, fault: &CatalogueFault) {
        if fault.full {
            self.core.filing.set_full(true);
        } else {
            self.core.fail(&fault.fault);
        }
    }
}
