//! The decisions of a sync that a caller can override.

use std::fmt;
use std::sync::Arc;

use super::view::View;
use crate::btrfs::{Forest, Subvolume};

type Check = dyn Fn(&Subvolume, Option<&Subvolume>) -> bool + Send + Sync;
type Parent = dyn for<'a> Fn(&View<'a>, &'a Subvolume) -> Option<&'a Subvolume> + Send + Sync;
type Stop = dyn Fn(&[Subvolume]) -> bool + Send + Sync;
type Target = dyn Fn(&Subvolume) -> bool + Send + Sync;
type VolGroups = dyn for<'a> Fn(&'a Forest) -> Vec<Vec<&'a Subvolume>> + Send + Sync;

/// Overrides for the decisions of a sync; what is not set keeps its default.
///
/// # Examples
///
/// Send only the snapshots of one directory, and nothing in full:
///
/// ```
/// use btrsync::sync::Hooks;
///
/// let hooks = Hooks::default()
///     .target(|vol| vol.path.starts_with("daily"))
///     .check(|_vol, parent| parent.is_some());
/// # let _ = hooks;
/// ```
#[derive(Clone, Default)]
pub struct Hooks {
    check: Option<Arc<Check>>,
    parent: Option<Arc<Parent>>,
    stop: Option<Arc<Stop>>,
    target: Option<Arc<Target>>,
    volgroups: Option<Arc<VolGroups>>,
}

impl Hooks {
    /// Overrides whether the transfer of a volume with a COW parent should proceed. Default: yes.
    pub fn check(
        mut self,
        hook: impl Fn(&Subvolume, Option<&Subvolume>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.check = Some(Arc::new(hook));
        self
    }

    /// Overrides the parent for an incremental transfer. Default: [`View::parent`].
    pub fn parent(
        mut self,
        hook: impl for<'a> Fn(&View<'a>, &'a Subvolume) -> Option<&'a Subvolume> + Send + Sync + 'static,
    ) -> Self {
        self.parent = Some(Arc::new(hook));
        self
    }

    /// Overrides whether the sync ends after these volumes have been transferred. Default: no.
    pub fn stop(mut self, hook: impl Fn(&[Subvolume]) -> bool + Send + Sync + 'static) -> Self {
        self.stop = Some(Arc::new(hook));
        self
    }

    /// Overrides whether a volume is considered at all. Default: yes.
    pub fn target(mut self, hook: impl Fn(&Subvolume) -> bool + Send + Sync + 'static) -> Self {
        self.target = Some(Arc::new(hook));
        self
    }

    /// Overrides the groups of independent volumes, in the order of their transfer. Default: the
    /// levels of the COW forest.
    pub fn volgroups(
        mut self,
        hook: impl for<'a> Fn(&'a Forest) -> Vec<Vec<&'a Subvolume>> + Send + Sync + 'static,
    ) -> Self {
        self.volgroups = Some(Arc::new(hook));
        self
    }

    /// Returns these overrides, with those of `base` where this has none.
    pub fn or(&self, base: &Self) -> Self {
        Self {
            check: self.check.clone().or_else(|| base.check.clone()),
            parent: self.parent.clone().or_else(|| base.parent.clone()),
            stop: self.stop.clone().or_else(|| base.stop.clone()),
            target: self.target.clone().or_else(|| base.target.clone()),
            volgroups: self.volgroups.clone().or_else(|| base.volgroups.clone()),
        }
    }

    pub(crate) fn has_parent(&self) -> bool {
        self.parent.is_some()
    }

    pub(crate) fn call_check(&self, vol: &Subvolume, parent: Option<&Subvolume>) -> bool {
        self.check.as_ref().is_none_or(|hook| hook(vol, parent))
    }

    pub(crate) fn call_parent<'a>(
        &self,
        view: &View<'a>,
        vol: &'a Subvolume,
    ) -> Option<&'a Subvolume> {
        match &self.parent {
            Some(hook) => hook(view, vol),
            None => view.parent(vol),
        }
    }

    /// Whether a run may be stopped between two transfers.
    pub(crate) fn may_stop(&self) -> bool {
        self.stop.is_some()
    }

    pub(crate) fn call_stop(&self, vols: &[Subvolume]) -> bool {
        self.stop.as_ref().is_some_and(|hook| hook(vols))
    }

    pub(crate) fn call_target(&self, vol: &Subvolume) -> bool {
        self.target.as_ref().is_none_or(|hook| hook(vol))
    }

    pub(crate) fn call_volgroups<'a>(&self, forest: &'a Forest) -> Vec<Vec<&'a Subvolume>> {
        match &self.volgroups {
            Some(hook) => hook(forest),
            None => forest.levels(),
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("check", &self.check.is_some())
            .field("parent", &self.parent.is_some())
            .field("stop", &self.stop.is_some())
            .field("target", &self.target.is_some())
            .field("volgroups", &self.volgroups.is_some())
            .finish()
    }
}
