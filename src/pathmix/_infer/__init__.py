"""Guides and objectives for NumPyro's variational inference, and what comes after MCMC."""

from pathmix._infer._auto_mixture import AutoMixture as AutoMixture
from pathmix._infer._auto_mixture import GuideComponents as GuideComponents
from pathmix._infer._diagnose import GuideDiagnosis as GuideDiagnosis
from pathmix._infer._diagnose import diagnose as diagnose
from pathmix._infer._diagnose import guide_report as guide_report
from pathmix._infer._fit_guide import GuideFit as GuideFit
from pathmix._infer._fit_guide import GuideTrace as GuideTrace
from pathmix._infer._fit_guide import fit_guide as fit_guide
from pathmix._infer._relabel import Relabelled as Relabelled
from pathmix._infer._relabel import memberships as memberships
from pathmix._infer._relabel import relabel as relabel
from pathmix._infer._starts import FromModes as FromModes
from pathmix._infer._starts import FromPrior as FromPrior
from pathmix._infer._stratified_elbo import Stratified_ELBO as Stratified_ELBO
