"""The score estimator and its control variates."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from pathmix._components import has_atoms
from pathmix._expectation._estimators import Integrand, map_events
from pathmix._mixture import MixtureSameFamily
from pathmix._typing import Reals, Value


@dataclass(frozen=True)
class Score:
    """``fn`` at draws of the mixture, with the responsibilities as the weights' score.

    The weights' gradient is ``Σ_k (fn(x) − b)(r_k − w_k) dlogit_k``, which needs no derivative of
    ``fn``; the components' parameters move the draws. With discrete components, or point masses
    among them (whose places have no score), everything is by score. One evaluation of ``fn`` per
    draw.

    Args:
        baseline: What to subtract from ``fn`` where it multiplies the score: ``"mean"`` (the
            default), the mean of the other draws; ``"linear"``, a linear regression of ``fn`` on
            ``x``, fitted to the other half of the draws, whose expectation is known; or ``None``.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, Score, expectation
        >>> mixture = MixtureSameFamily(
        ...     dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.Poisson(jnp.array([1.0, 9.0]))
        ... )
        >>> mean = expectation(
        ...     lambda x: 1.0 * x,
        ...     mixture,
        ...     key=jax.random.key(0),
        ...     num_samples=4000,
        ...     estimator=Score(),
        ... )
        >>> abs(float(mean) - 5) < 0.5
        True
    """

    baseline: str | None = "mean"

    def __post_init__(self) -> None:
        if self.baseline not in ("mean", "linear", None):
            raise ValueError(f"expected baseline 'mean', 'linear' or None, got {self.baseline!r}.")

    def estimates(
        self, fn: Integrand, mixture: MixtureSameFamily, key: Array, num_samples: int
    ) -> Any:
        """Return ``num_samples`` unbiased estimates, ``num_samples *batch`` in front."""
        self._check(mixture, num_samples)
        x = lax.stop_gradient(mixture.sample(key, (num_samples,)))
        ratio, x = _likelihood_ratio(mixture, x)
        values = map_events(fn, x, mixture.event_dim)
        if self.baseline == "linear":
            return jax.tree.map(lambda v: _linear_control(v, x, ratio, mixture), values)
        centre = _mean_of_others if self.baseline == "mean" else jnp.zeros_like

        def surrogate(value: Array) -> Array:
            b = lax.stop_gradient(centre(value))
            return (value - b) * _like(ratio, value) + b

        return jax.tree.map(surrogate, values)

    def _check(self, mixture: MixtureSameFamily, num_samples: int) -> None:
        needed = {"mean": 2, "linear": 4 + 2 * mixture.event_dim, None: 1}[self.baseline]
        if num_samples < needed:
            raise ValueError(
                f"expected num_samples ≥ {needed} for Score(baseline={self.baseline!r}), "
                f"got {num_samples}."
            )


def _likelihood_ratio(mixture: MixtureSameFamily, x: Value) -> tuple[Reals, Value]:
    """One in value; in derivatives, what the draws' own motion leaves out.

    Draws ``x`` move with the components' parameters at fixed weights ``w₀``. As for any weights
    ``E_w[fn] = E_{w₀}[fn · f_w/f_{w₀}]``, the ratio makes every derivative unbiased.
    """
    held = jax.tree.map(lax.stop_gradient, mixture._mixture)
    fixed = mixture._with(held, mixture._components)
    if mixture.is_discrete or has_atoms(mixture._components):
        return jnp.exp(mixture.log_prob(x) - lax.stop_gradient(mixture.log_prob(x))), x
    x = fixed.reparameterize_sample(x)
    return jnp.exp(mixture.log_prob(x) - fixed.log_prob(x)), x


def _mean_of_others(value: Array) -> Array:
    return (jnp.sum(value, axis=0) - value) / (value.shape[0] - 1)


def _linear_control(value: Array, x: Value, ratio: Reals, mixture: MixtureSameFamily) -> Array:
    """Estimates from ``fn − β·x``, of smaller variance, plus ``β·E[x]``, which is known.

    Each half of the draws is controlled by the regression on the other half, so that ``β`` is
    independent of the draws that it multiplies.
    """
    events = mixture.event_dim
    half = value.shape[0] // 2
    x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(value.dtype)
    flat = x.reshape((*x.shape[: x.ndim - events], -1))
    centre = mixture.mean.reshape((*mixture.batch_shape, -1))

    def controlled(mine: slice, others: slice) -> Array:
        intercept, slope = lax.stop_gradient(_regress(value[others], flat[others]))
        linear = lambda at: intercept + _dot(slope, at, value)  # noqa: E731
        residual = value[mine] - linear(flat[mine])
        return residual * _like(ratio[mine], residual) + linear(centre[None])

    first, second = slice(0, half), slice(half, None)
    return jnp.concatenate([controlled(first, second), controlled(second, first)])


def _regress(value: Array, x: Array) -> tuple[Array, Array]:
    """Least squares of ``value`` (``n *batch …``) on ``x`` (``n *batch e``)."""
    centred = x - jnp.mean(x, axis=0)
    gram = jnp.einsum("n...e,n...f->...ef", centred, centred)
    gram += (
        jnp.finfo(x.dtype).eps
        * jnp.trace(gram, axis1=-2, axis2=-1)[..., None, None]
        * (jnp.eye(x.shape[-1], dtype=x.dtype))
    )
    target = (value - jnp.mean(value, axis=0)).reshape((*x.shape[:-1], -1))
    moment = jnp.einsum("n...e,n...m->...em", centred, target)
    slope = jnp.linalg.solve(gram, moment)  # *batch e m
    shift = jnp.einsum("...em,...e->...m", slope, jnp.mean(x, axis=0))
    return jnp.mean(value, axis=0) - shift.reshape(value.shape[1:]), slope


def _dot(slope: Array, x: Array, like: Array) -> Array:
    """``slope · x`` in the shape of the integrand's values, ``n *batch …``."""
    product = jnp.einsum("...em,n...e->n...m", slope, x)
    return product.reshape((*product.shape[:-1], *like.shape[x.ndim - 1 :]))


def _like(ratio: Reals, value: Array) -> Array:
    return ratio.reshape((*ratio.shape, *(1,) * (value.ndim - ratio.ndim)))
