"""Inference with mixtures: what comes after MCMC."""

from pathmix._infer._relabel import Relabelled as Relabelled
from pathmix._infer._relabel import memberships as memberships
from pathmix._infer._relabel import relabel as relabel
