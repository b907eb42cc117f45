"""Guides for NumPyro's variational inference."""

from pathmix._infer import AutoMixture as AutoMixture
from pathmix._infer import FromModes as FromModes
from pathmix._infer import FromPrior as FromPrior
from pathmix._infer import GuideComponents as GuideComponents
from pathmix._infer import GuideFit as GuideFit
from pathmix._infer import GuideTrace as GuideTrace
from pathmix._infer import fit_guide as fit_guide

__all__ = [
    "AutoMixture",
    "FromModes",
    "FromPrior",
    "GuideComponents",
    "GuideFit",
    "GuideTrace",
    "fit_guide",
]
