"""Guides for NumPyro's variational inference."""

from pathmix._infer import AutoMixture as AutoMixture
from pathmix._infer import FromModes as FromModes
from pathmix._infer import FromPrior as FromPrior
from pathmix._infer import GuideComponents as GuideComponents
from pathmix._infer import GuideDiagnosis as GuideDiagnosis
from pathmix._infer import GuideFit as GuideFit
from pathmix._infer import GuideTrace as GuideTrace
from pathmix._infer import diagnose as diagnose
from pathmix._infer import fit_guide as fit_guide
from pathmix._infer import guide_report as guide_report

__all__ = [
    "AutoMixture",
    "FromModes",
    "FromPrior",
    "GuideComponents",
    "GuideDiagnosis",
    "GuideFit",
    "GuideTrace",
    "diagnose",
    "fit_guide",
    "guide_report",
]
