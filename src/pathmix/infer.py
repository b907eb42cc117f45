"""Guides and objectives for NumPyro's variational inference.

:class:`Stratified_ELBO` stands in ``numpyro.infer.SVI`` where ``Trace_ELBO`` does, and lets a guide
with a mixture learn its weights. ``docs/guides.md`` says when to use which objective.

    >>> from numpyro.infer import ELBO
    >>> issubclass(Stratified_ELBO, ELBO)
    True
"""

from pathmix._infer import Stratified_ELBO as Stratified_ELBO

__all__ = [
    "Stratified_ELBO",
]
