"""Guides and objectives for NumPyro: TODO."""

from pathmix._infer import Stratified_ELBO as Stratified_ELBO

__all__ = [
    "Stratified_ELBO",
]
