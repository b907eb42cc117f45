"""Guides for NumPyro's variational inference, and what comes after MCMC."""

from pathmix._infer._auto_mixture import AutoMixture as AutoMixture
from pathmix._infer._auto_mixture import GuideComponents as GuideComponents
from pathmix._infer._relabel import Relabelled as Relabelled
from pathmix._infer._relabel import memberships as memberships
from pathmix._infer._relabel import relabel as relabel
from pathmix._infer._starts import FromModes as FromModes
from pathmix._infer._starts import FromPrior as FromPrior
