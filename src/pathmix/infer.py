"""Guides for NumPyro's variational inference."""

from pathmix._infer import AutoMixture as AutoMixture
from pathmix._infer import FromModes as FromModes
from pathmix._infer import FromPrior as FromPrior
from pathmix._infer import GuideComponents as GuideComponents

__all__ = [
    "AutoMixture",
    "FromModes",
    "FromPrior",
    "GuideComponents",
]
