"""Guides and objectives for NumPyro."""

from pathmix._infer._stratified_elbo import Stratified_ELBO as Stratified_ELBO
