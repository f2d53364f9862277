//! A principal with its roles, as the settings have it.

use std::sync::Arc;

use super::budget::{Budget, Budgets};
use super::principal::Principal;
use super::rights::Rights;
use super::settings::{AccessSettings, BudgetLimits};

/// A principal, what it may and what it has left.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) principal: Principal,
    pub(super) rights: Arc<Rights>,
    pub(super) roles: Arc<[String]>,
    pub(super) budget: Arc<Budget>,
}

impl Holder {
    /// A principal with the roles of these names; those that do not exist give nothing.
    pub(super) fn new(
        settings: &AccessSettings,
        budgets: &Budgets,
        principal: Principal,
        names: Arc<[String]>,
    ) -> Self {
        let roles: Vec<_> = names
            .iter()
            .filter_map(|name| settings.role(name))
            .collect();
        let limits = roles.iter().map(|role| role.limits);
        let limits = limits.fold(BudgetLimits::default(), BudgetLimits::or_larger);
        Self {
            rights: Arc::new(Rights::of(&roles)),
            budget: budgets.of(&principal, limits),
            roles: names,
            principal,
        }
    }

    /// Somebody of whom another node says what they may; it counts what they have left.
    pub(super) fn told(principal: Principal, rights: Rights) -> Self {
        Self {
            principal,
            rights: Arc::new(rights),
            roles: Arc::from([]),
            budget: Budget::unlimited(),
        }
    }

    /// Everybody, on a node that asks nobody.
    pub(super) fn of_an_open_node() -> Self {
        Self {
            principal: Principal::Anonymous,
            rights: Arc::new(Rights::all()),
            roles: ["admin".to_owned()].into(),
            budget: Budget::unlimited(),
        }
    }

    /// Who has shown a secret of this name that allows everything.
    pub(super) fn of_admin_secret(name: &str) -> Self {
        Self {
            rights: Arc::new(Rights::all()),
            ..Self::of_secret(name)
        }
    }

    /// Who has shown a secret of this name.
    pub(super) fn of_secret(name: &str) -> Self {
        Self {
            principal: Principal::Key(name.into()),
            rights: Arc::new(Rights::to_channels()),
            roles: [].into(),
            budget: Budget::unlimited(),
        }
    }
}
