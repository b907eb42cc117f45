"""Expectations under a mixture, with unbiased derivatives, and a comparison of estimators."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from pathmix._expectation._estimators import Integrand, Pathwise, Stratified
from pathmix._expectation._score import Score
from pathmix._mixture import MixtureSameFamily

Estimator: TypeAlias = Stratified | Pathwise | Score
_STRATIFIED = Stratified()
_ALL = (Stratified(), Pathwise(), Score())


def expectation(
    fn: Integrand,
    mixture: Any,
    *,
    key: jax.Array,
    num_samples: int,
    estimator: Any = _STRATIFIED,
) -> Any:
    """Estimate ``E[fn(x)]`` for ``x`` from ``mixture``, with unbiased derivatives of every order.

    Differentiate it in the parameters that ``mixture`` was made from: its gradient is an unbiased
    estimate of the gradient of the expectation, its Hessian of the Hessian.

    Args:
        fn: A function of one event, ``*event``, that returns an array or a pytree of arrays.
        mixture: A :class:`MixtureSameFamily`; its ``reparameterize`` flag does not matter here.
        key: A JAX random key.
        num_samples: How many draws to average (``Stratified`` evaluates ``fn`` once per component
            for each).
        estimator: ``Stratified()``, ``Pathwise()`` or ``Score()``. :func:`estimator_report`
            measures which suits a problem.

    Returns:
        The estimate, ``*batch`` in front of the shape of ``fn``'s values.

    Raises:
        TypeError: ``mixture`` or ``estimator`` is of another kind.
        ValueError: Too few samples; ``Pathwise`` with discrete components.
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
    """
    _check(mixture, num_samples, estimator)
    estimates = estimator.estimates(fn, mixture, key, num_samples)
    return jax.tree.map(lambda value: jnp.mean(value, axis=0), estimates)


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
    make_mixture: Callable[[Any], MixtureSameFamily],
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
        make_mixture: Makes the mixture from ``parameters``.
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
        per_draw = (
            make_mixture(parameters).num_components if isinstance(estimator, Stratified) else 1
        )
        return StandardErrors(
            jax.tree.map(spread, values),
            jax.tree.map(spread, gradients),
            size * num_batches * per_draw,
        )

    return {repr(estimator): errors(estimator) for estimator in estimators}


def _check(mixture: Any, num_samples: int, estimator: Any) -> None:
    if not isinstance(mixture, MixtureSameFamily):
        raise TypeError(f"expected a pathmix.MixtureSameFamily, got {type(mixture).__name__}.")
    if not isinstance(estimator, Estimator):
        raise TypeError(
            f"expected Stratified(), Pathwise() or Score(), got {estimator!r}. Call the class."
        )
    if num_samples < 1:
        raise ValueError(f"expected num_samples ≥ 1, got {num_samples}.")
