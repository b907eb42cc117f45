"""Guides for NumPyro's variational inference."""

from pathmix._infer._auto_mixture import AutoMixture as AutoMixture
from pathmix._infer._auto_mixture import GuideComponents as GuideComponents
from pathmix._infer._starts import FromModes as FromModes
from pathmix._infer._starts import FromPrior as FromPrior
