"""What a mixture must know of a component family, and the fallbacks for unknown ones.

A :class:`Family` is a stateless object with functions of a NumPyro distribution ``d`` and a value
``x``. They are ordinary broadcasting functions: a mixture inserts an axis of size one for its
components into ``x`` and gets one number per point and component. The registry is keyed by the
exact type, because a subclass may change a density that its parent's closed form would ignore.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution

from pathmix._families._conditionals import (
    Conditionals,
    elementwise,
    no_conditionals,
    smaller_over_density,
)
from pathmix._families._gather import expand_to, sum_rows
from pathmix._families._supports import component_bounds
from pathmix._special import log1mexp
from pathmix._typing import Flags, Reals, Value


class Family:
    """The fallbacks: whatever the distribution itself can do, guarded by its support."""

    parameters: ClassVar[tuple[str, ...]] = ()
    """The constructor's arguments that hold arrays; found by its signature where it is empty."""

    pathwise: ClassVar[bool] = False
    """Whether draws can carry pathwise gradients to every parameter."""

    light: ClassVar[bool] = False
    """Whether it is faster to work a log density out twice than to keep it."""

    closed_form: ClassVar[bool] = False
    """Whether :meth:`total_log_prob` brings its derivatives along."""

    def make(self, kind: type, arguments: Mapping[str, Any]) -> Distribution:
        """Return the distribution of this ``kind`` with these arguments of its constructor."""
        return kind(**arguments, validate_args=False)

    def make_to_draw(self, kind: type, arguments: Mapping[str, Any]) -> Distribution:
        """Return the distribution to draw from, where NumPyro cannot draw at a limit."""
        return self.make(kind, arguments)

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        """Return the log density, −inf (with a zero gradient) outside the support of ``d``."""
        if d.support is None:
            return jnp.asarray(d.log_prob(x))
        x = expand_to(x, d.shape())
        inside = jnp.asarray(d.support(x))
        # of an interval, the support may be stated for each of its ends
        inside = jnp.all(inside, axis=tuple(range(x.ndim - d.event_dim, inside.ndim)))
        x = _feasible(d, x, inside)
        if d.is_discrete:  # some index a table by the value
            x = x.astype(int)
        return where_inside(inside, d.log_prob(x), -jnp.inf)

    def total_log_prob(self, d: Distribution, x: Value, event_dim: int) -> Reals:
        """Return the sum of log densities over the first ``event_dim`` axes."""
        return sum_rows(self.log_prob(d, x), event_dim)

    def log_prob_rows(self, d: Distribution, x: Value) -> Reals:
        """Return the log density of ``x`` with its event axes first; for vectors."""
        events = tuple(range(d.event_dim))
        return self.log_prob(d, jnp.moveaxis(x, events, tuple(range(-d.event_dim, 0))))

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        """Return ``log P(X ≤ x)``, elementwise over a factorised event."""
        return jnp.log(self._cdf(d, x))

    def cdf(self, d: Distribution, x: Value) -> Reals:
        """Return ``P(X ≤ x)``, elementwise over a factorised event."""
        return jnp.exp(self.log_cdf(d, x))

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        """Return ``log P(X > x)``, elementwise over a factorised event."""
        return jnp.log1p(-self._cdf(d, x))

    def _cdf(self, d: Distribution, x: Value) -> Reals:
        if d.event_dim:
            raise no_cdf(d)
        try:
            return jnp.clip(_cdf_inside(d, expand_to(x, d.shape())), 0.0, 1.0)
        except NotImplementedError as error:
            raise no_cdf(d) from error

    def smaller_tail(self, d: Distribution, x: Value, log_p: Reals) -> tuple[Flags, Reals]:
        """Return whether the cdf is smaller than the survival, and the smaller over the density."""
        return smaller_over_density(self.log_cdf(d, x), self.log_survival(d, x), log_p)

    def check_pathwise(self, d: Distribution) -> None:
        """Raise ``NotImplementedError`` unless draws of ``d`` can carry pathwise gradients."""
        if not self.pathwise:
            raise no_pathwise(d)
        elementwise(d)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        """Return how a draw at ``x`` moves with the parameters, ``*points k *event``.

        This is the velocity of each component by itself, by implicit differentiation of its
        nearer tail (Figurnov et al. 2018): ``−∂_θF dθ / p``. Linear in ``tangent``.
        """
        if not self.pathwise:
            raise no_pathwise(d)
        x = expand_to(x, d.shape())
        lower, v_lower = _tail_velocity(self.log_cdf, d, tangent, x)
        upper, v_upper = _tail_velocity(self.log_survival, d, tangent, x)
        return jnp.where(lower < upper, v_lower, v_upper)

    def conditionals(self, d: Distribution, x: Value) -> Conditionals:
        """Return the successive conditional distributions along the event, of vectors."""
        raise no_conditionals(d)

    def mean(self, d: Distribution) -> Reals:
        """Return the mean, ``*batch *event``."""
        return _statistic(d, "mean")

    def variance(self, d: Distribution) -> Reals:
        """Return the elementwise variance, ``*batch *event``."""
        return _statistic(d, "variance")

    def covariance(self, d: Distribution) -> Reals:
        """Return the covariance matrix of a vector event, ``*batch event event``."""
        raise NotImplementedError(
            f"pathmix knows no covariance for {type(d).__name__} components: expected "
            "MultivariateNormal, LowRankMultivariateNormal, MultivariateStudentT, Dirichlet or "
            "an Independent family with a variance. Use `variance`, or estimate it from draws."
        )


_REGISTRY: dict[type, Family] = {}


def register(family_: Family, *types: type) -> None:
    """Make ``family_`` the family of the distributions of exactly these types."""
    _REGISTRY.update(dict.fromkeys(types, family_))


def family(d: Distribution | type) -> Family:
    """Return what is known of the family of ``d``; the fallbacks where nothing is."""
    return _REGISTRY.get(d if isinstance(d, type) else type(d), _FALLBACK)


def is_registered(kind: type) -> bool:
    """Whether distributions of this class are of a known family."""
    return kind in _REGISTRY


_FALLBACK = Family()


def no_cdf(d: Distribution) -> NotImplementedError:
    """Return the error for a family that has no cumulative distribution function."""
    return NotImplementedError(
        f"{type(d).__name__} components have no cumulative distribution function: expected a "
        f"scalar or factorised (Independent) family with a cdf, got event shape {d.event_shape}. "
        "Estimate probabilities from draws instead."
    )


def no_pathwise(d: Distribution) -> NotImplementedError:
    """Return the error for a family without pathwise gradients."""
    return NotImplementedError(
        f"pathmix has no pathwise gradient for {type(d).__name__} components: expected a family "
        "with known log tails (see the table in the README), Independent or transformed ones, "
        "MultivariateNormal, LowRankMultivariateNormal, MultivariateStudentT or Dirichlet. Use "
        "reparameterize=False with a sum over components, by `component_log_probs`."
    )


def _tail_velocity(
    log_tail: Callable[..., Reals], d: Distribution, tangent: Distribution, x: Value
) -> tuple[Reals, Reals]:
    """A log tail ``T`` and ``−∂_θT dθ / ∂_xT``, zero where ``T`` is flat."""
    tail, d_tail = jax.jvp(lambda d: log_tail(d, x), (d,), (tangent,))
    slope = jax.jvp(lambda x: log_tail(d, x), (x,), (jnp.ones_like(x),))[1]
    flat = (slope == 0) | ~jnp.isfinite(slope)
    return tail, jnp.where(flat, 0.0, -d_tail) / jnp.where(flat, 1.0, slope)


def where_inside(inside: Flags, value: Any, outside: float) -> Reals:
    """Return ``value`` inside the support and the constant ``outside`` elsewhere."""
    return jnp.where(inside, value, outside)


def guarded(
    inside: Flags, fn: Callable[[Reals], Reals], x: Reals, safe: Any, outside: Any = -jnp.inf
) -> Reals:
    """Return ``fn(x)`` inside and ``outside`` elsewhere, evaluating ``fn`` at ``safe`` there.

    The double ``where`` keeps NaN out of the gradient of the branch that is not taken.
    """
    return jnp.where(inside, fn(jnp.where(inside, x, safe)), outside)


def complement(log_p: Reals) -> Reals:
    """Return ``log(1 − p)``, with ``log_p`` clipped to the probabilities."""
    return log1mexp(jnp.minimum(log_p, 0.0))


def sharpen(log_p: Reals, log_q: Reals) -> Reals:
    """Return ``log_p`` of a probability ``p = 1 − q``, from ``log_q`` where that is the smaller.

    For sums or differences that give both, each accurate where it is small.
    """
    small = log_p <= log_q
    return jnp.where(small, log_p, log1mexp(jnp.where(small, -1.0, log_q)))


def _feasible(d: Distribution, x: Value, inside: Flags) -> Value:
    try:
        safe = d.support.feasible_like(x)
    except NotImplementedError:
        return x
    return jnp.where(inside.reshape(inside.shape + (1,) * d.event_dim), x, safe).astype(x.dtype)


def _cdf_inside(d: Distribution, x: Value) -> Reals:
    """The distribution's own cdf between the ends of its support, 0 below and 1 above."""
    try:
        low, high = component_bounds(d)
    except NotImplementedError:
        return jnp.asarray(d.cdf(x))
    below = x < low if d.is_discrete else x <= low
    inside = ~below & (x < high)
    return jnp.where(inside, d.cdf(_feasible(d, x, inside)), jnp.where(below, 0.0, 1.0))


def _statistic(d: Distribution, name: str) -> Reals:
    try:
        value = getattr(d, name)
    except NotImplementedError as error:
        raise NotImplementedError(
            f"{type(d).__name__} components have no closed-form {name}. Estimate it from draws."
        ) from error
    return jnp.broadcast_to(jnp.asarray(value) * 1.0, d.shape())
