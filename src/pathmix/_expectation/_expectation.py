"""Expectations under a mixture, with unbiased derivatives, and a comparison of estimators."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import lax

from pathmix._expectation._batched import of_member
from pathmix._expectation._estimators import Integrand, Pathwise, Stratified
from pathmix._expectation._score import Score
from pathmix._mixture import MixtureSameFamily

Estimator: TypeAlias = Stratified | Pathwise | Score
_STRATIFIED = Stratified()
_ALL = (Stratified(), Pathwise(), Score())


class Estimate(NamedTuple):
    """An estimate and its standard error.

    Example:
        >>> from pathmix import Estimate
        >>> estimate = Estimate(value=1.0, standard_error=0.1)
        >>> estimate.value - 2 * estimate.standard_error
        0.8
    """

    value: Any
    """The estimate."""
    standard_error: Any
    """Its standard error, in the same structure; without a gradient."""


def expectation(
    fn: Integrand,
    mixture: Any,
    *,
    key: jax.Array,
    num_samples: int,
    estimator: Any = _STRATIFIED,
    batched: Any = None,
    with_standard_error: bool = False,
) -> Any:
    """Estimate ``E[fn(x)]`` for ``x`` from ``mixture``, with unbiased derivatives of every order.

    Differentiate it in the parameters that ``mixture`` was made from: its gradient is an unbiased
    estimate of the gradient of the expectation, its Hessian of the Hessian.

    Args:
        fn: A function of one event, ``*event``, that returns an array or a pytree of arrays; with
            ``batched``, of an event and of the entry of ``batched`` for its member of the batch.
        mixture: A :class:`MixtureSameFamily`, whose ``reparameterize`` flag does not matter here;
            NumPyro's class of that name; or a ``RandomVariable`` with such a distribution.
        key: A JAX random key.
        num_samples: How many draws to average (``Stratified`` evaluates ``fn`` once per component
            for each).
        estimator: ``Stratified()``, ``Pathwise()`` or ``Score()``. :func:`estimator_report`
            measures which suits a problem.
        batched: A pytree of arrays with the batch shape of ``mixture`` in front, one entry per
            member of the batch. What ``fn`` closes over instead is the same for every member: an
            array with an entry per member would meet the draws of all of them, ``*batch *batch``.
        with_standard_error: Whether to return an :class:`Estimate`: the value and its standard
            error, that of a mean of ``num_samples`` independent estimates. It is itself uncertain
            by one part in ``sqrt(2 num_samples)``, and larger for estimates with heavy tails.

    Returns:
        The estimate, ``*batch`` in front of the shape of ``fn``'s values.

    Raises:
        TypeError: ``mixture`` or ``estimator`` is of another kind.
        ValueError: Too few samples; ``Pathwise`` with discrete components; an array of ``batched``
            without the batch in front.
        NotImplementedError: The components' family has no pathwise gradient and one is asked for.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, expectation
        >>> def mean(logits):
        ...     mixture = MixtureSameFamily(
        ...         dist.Categorical(logits=logits), dist.Normal(jnp.array([-3.0, 3.0]))
        ...     )
        ...     return expectation(lambda x: x, mixture, key=jax.random.key(0), num_samples=100)
        >>> print(jax.grad(mean)(jnp.zeros(2)).round(2))
        [-1.5  1.5]

        A batch of mixtures, one per state, each with its own integrand:

        >>> states = jnp.array([1.0, 2.0, 4.0])
        >>> members = MixtureSameFamily(
        ...     dist.Categorical(logits=jnp.zeros(2)), dist.Normal(jnp.zeros((3, 2)))
        ... )
        >>> value, error = expectation(
        ...     lambda x, state: state + 0 * x,
        ...     members,
        ...     batched=states,
        ...     key=jax.random.key(0),
        ...     num_samples=100,
        ...     with_standard_error=True,
        ... )
        >>> print(value, error)
        [1. 2. 4.] [0. 0. 0.]
    """
    mixture = _as_mixture(mixture)
    _check(num_samples, estimator, with_standard_error=with_standard_error)
    if batched is not None:
        fn = of_member(fn, batched, mixture.batch_shape)
    estimates = estimator.estimates(fn, mixture, key, num_samples)
    value = jax.tree.map(lambda each: jnp.mean(each, axis=0), estimates)
    if not with_standard_error:
        return value
    return Estimate(value, jax.tree.map(_standard_error, estimates))


def _standard_error(estimates: jax.Array) -> jax.Array:
    """Of the mean over the leading axis.

    The estimates are independent, or (``Score("linear")``) uncorrelated but for terms that vanish
    faster with their number than the variance of the mean.
    """
    estimates = lax.stop_gradient(estimates)
    return jnp.std(estimates, axis=0, ddof=1) / estimates.shape[0] ** 0.5


class StandardErrors(NamedTuple):
    """Standard errors of an estimate of ``num_samples`` draws, and what it costs.

    Example:
        >>> from pathmix import StandardErrors
        >>> errors = StandardErrors(value=0.02, gradient={"loc": 0.1}, evaluations=1024)
        >>> errors.gradient["loc"]
        0.1
    """

    value: Any
    """Of the value, in the structure of ``fn``'s values."""
    gradient: Any
    """Of the derivative of each value in each parameter."""
    evaluations: int
    """How many times ``fn`` was evaluated."""


def estimator_report(
    fn: Integrand,
    make_mixture: Callable[[Any], Any],
    parameters: Any,
    *,
    key: jax.Array,
    num_samples: int,
    estimators: tuple[Estimator, ...] = _ALL,
    num_batches: int = 64,
) -> Mapping[str, StandardErrors]:
    """Measure the standard errors of value and gradient for each estimator.

    Args:
        fn: As for :func:`expectation`.
        make_mixture: Makes the mixture, as for :func:`expectation`, from ``parameters``.
        parameters: A pytree of the arrays in which to differentiate.
        key: A JAX random key.
        num_samples: The number of draws that the standard errors are for.
        estimators: Which estimators to compare.
        num_batches: Into how many independent estimates the draws are split; the standard errors
            are themselves uncertain by one part in ``sqrt(2 num_batches)``.

    Returns:
        :class:`StandardErrors` by the estimator's ``repr``.

    Raises:
        ValueError: Fewer than 8 draws for each batch.

    Example:
        >>> import jax, jax.numpy as jnp, numpyro.distributions as dist
        >>> from pathmix import MixtureSameFamily, estimator_report
        >>> def make(logits):
        ...     return MixtureSameFamily(
        ...         dist.Categorical(logits=logits), dist.Normal(jnp.array([-6.0, 6.0]))
        ...     )
        >>> report = estimator_report(
        ...     lambda x: x**2 + x, make, jnp.zeros(2), key=jax.random.key(0), num_samples=1024
        ... )
        >>> list(report)
        ['Stratified()', 'Pathwise()', "Score(baseline='mean')"]
        >>> [errors.evaluations for errors in report.values()]
        [2048, 1024, 1024]
    """
    size = num_samples // num_batches
    if size < 8:
        raise ValueError(
            f"expected at least 8 draws for each of {num_batches} batches, got num_samples="
            f"{num_samples}. Raise num_samples or lower num_batches."
        )
    keys = jax.random.split(key, num_batches)

    def errors(estimator: Estimator) -> StandardErrors:
        def estimate(parameters: Any, key: jax.Array) -> tuple[Any, Any]:
            mixture = make_mixture(parameters)
            value = expectation(fn, mixture, key=key, num_samples=size, estimator=estimator)
            return value, value

        both = jax.jacrev(estimate, has_aux=True)
        gradients, values = jax.jit(jax.vmap(both, in_axes=(None, 0)))(parameters, keys)
        spread = lambda t: jnp.std(t, axis=0, ddof=1) / num_batches**0.5  # noqa: E731
        mixture = _as_mixture(make_mixture(parameters))
        per_draw = mixture.num_components if isinstance(estimator, Stratified) else 1
        return StandardErrors(
            jax.tree.map(spread, values),
            jax.tree.map(spread, gradients),
            size * num_batches * per_draw,
        )

    return {repr(estimator): errors(estimator) for estimator in estimators}


def _as_mixture(given: Any) -> MixtureSameFamily:
    """The mixture that was given, or that a random variable or NumPyro's own class stands for."""
    d = given if isinstance(given, dist.Distribution) else getattr(given, "distribution", given)
    if isinstance(d, dist.MixtureSameFamily):
        return MixtureSameFamily(d.mixing_distribution, d.component_distribution)
    if not isinstance(d, MixtureSameFamily):
        raise TypeError(
            "expected a pathmix.MixtureSameFamily, NumPyro's class of that name, or a "
            f"RandomVariable with one, got {type(d).__module__}.{type(d).__qualname__}. Make one "
            "by pathmix.MixtureSameFamily(Categorical(...), components)."
        )
    return d


def _check(num_samples: int, estimator: Any, *, with_standard_error: bool) -> None:
    if not isinstance(estimator, Estimator):
        raise TypeError(
            f"expected Stratified(), Pathwise() or Score(), got {estimator!r}. Call the class."
        )
    if num_samples < 1:
        raise ValueError(f"expected num_samples ≥ 1, got {num_samples}.")
    if with_standard_error and num_samples < 2:
        raise ValueError(
            f"expected num_samples ≥ 2 for a standard error, got {num_samples}. Raise num_samples "
            "or leave out with_standard_error."
        )
