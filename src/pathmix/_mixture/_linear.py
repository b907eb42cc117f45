"""Affine maps of mixtures, and their sums with independent noise."""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix._checks import require
from pathmix._components import (
    FACTORISED_NORMAL,
    FULL_NORMAL,
    FULL_STUDENT_T,
    NORMAL,
    Canonical,
    as_gaussian,
    beside,
    canonical,
    components_of,
    gaussian,
    kind_of,
)
from pathmix._evaluation import compiled
from pathmix._mixture._arguments import Checks
from pathmix._mixture._precision import in_own_precision, working
from pathmix._mixture._remade import remade
from pathmix._special import lower_factor
from pathmix._typing import Matrix, Shape
from pathmix._where import where


class Linear(Distribution):
    """Affine maps and sums of Gaussian mixtures, which are mixtures again."""

    def affine(self: Any, matrix: Any, shift: Any = 0.0) -> Any:
        """Return the mixture that ``matrix @ X + shift`` has, with ``X`` of this one.

        Components with location ``μ`` and covariance ``Σ`` (of a Student t: scale) get ``Aμ + b``
        and ``AΣAᵀ``, as MultivariateNormal or MultivariateStudentT with a full matrix.
        The factor comes from ``A`` times the factor of ``Σ`` by rotations, without the product
        ``AΣAᵀ``, whose condition is the square. Differentiable in everything.

        If rows of the matrix are linearly dependent, to the rounding of each, the result has no
        density: with ``validate_args`` that is an error; otherwise the factor, and with it the
        density and draws, is NaN from the row on that shows it.

        Args:
            matrix: ``*batch m d``, with at most as many rows as there are coordinates.
            shift: ``*batch m``, or a number.

        Raises:
            ValueError: Shapes do not fit, or (with ``validate_args``) rows are dependent.
            NotImplementedError: Components are neither Gaussian nor multivariate Student t, or
                events are not vectors.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.3, 0.7])),
            ...     dist.Normal(jnp.array([[0.0, 1.0], [2.0, 3.0]]), 1.0).to_event(1),
            ... )
            >>> total = mixture.affine(jnp.ones((1, 2)))
            >>> print(total.mean, total.variance.round(2))
            [3.8] [5.36]
        """
        _check_affine(self)
        matrix, shift = jnp.asarray(matrix), jnp.asarray(shift)
        _check_shapes(matrix.shape, shift.shape, self.event_shape[0], self.batch_shape)
        own, regular = _affine(*working((self._components, matrix, shift)))
        own = in_own_precision(own, self._components)
        if self._checks is Checks.RAISE:
            message = (
                f"expected a matrix of linearly independent rows, got shape {matrix.shape} with "
                "rows that depend on each other: matrix @ X + shift has no density. Leave them out."
            )
            own = require(own, regular, message)
        return remade(self, self._mixture, own)

    def convolve(self: Any, noise: Any) -> Any:
        """Return the mixture that ``X + noise`` has, with independent Gaussian noise.

        Locations and covariances of the components and of the noise add up; weights stay. Scalars
        and independent coordinates remain so under noise of the same kind, and components of low
        rank under noise with independent coordinates; everything else is a MultivariateNormal,
        whose factor comes from both factors by rotations. Differentiable in everything.

        Args:
            noise: ``dist.Normal`` for scalars. For vectors a Normal with ``.to_event(1)``, a
                MultivariateNormal or a LowRankMultivariateNormal. Its batch broadcasts against that
                of the mixture: it has no axis for components.

        Raises:
            TypeError: ``noise`` is no distribution.
            ValueError: Shapes do not fit.
            NotImplementedError: Components or noise are not Gaussian.

        Example:
            >>> import jax.numpy as jnp, numpyro.distributions as dist
            >>> from pathmix import MixtureSameFamily
            >>> mixture = MixtureSameFamily(
            ...     dist.Categorical(probs=jnp.array([0.3, 0.7])),
            ...     dist.Normal(jnp.array([0.0, 1.0]), jnp.array([3.0, 4.0])),
            ... )
            >>> print(
            ...     mixture.convolve(dist.Normal(0.5, 4.0)).components_distribution.scale.round(3)
            ... )
            [5.    5.657]
        """
        other = _noise(noise, self)
        own, other = working((self._components, other))
        batch = lax.broadcast_shapes(self.batch_shape, tuple(noise.batch_shape))
        total = _sum(own, other, shape=(*batch, self.num_components))
        return remade(self, self._mixture, in_own_precision(total, self._components))


@compiled()
def _affine(components: Canonical, matrix: Array, shift: Array) -> tuple[Canonical, Array]:
    """Return the components, and whether their factors have full rank."""
    matrix = matrix[..., None, :, :]
    shift = shift[..., None, :] if shift.ndim else shift
    more: tuple[Array, ...] = ()
    recipe = FULL_NORMAL
    if kind_of(components) is dist.MultivariateStudentT:
        df, loc, root = components.parameters
        more, recipe, root = (df,), FULL_STUDENT_T, jnp.tril(root)
    else:
        loc, root = as_gaussian(components)
    loc = jnp.matmul(matrix, loc[..., None], precision="highest")[..., 0] + shift
    root = jnp.matmul(matrix, root, precision="highest")
    factor, regular = _of_full_rank(lower_factor(root), matrix)
    parameters = (*more, loc, factor)
    ranks = recipe.event_dims
    shapes = [p.shape[: p.ndim - n] for p, n in zip(parameters, ranks, strict=True)]
    shape = lax.broadcast_shapes(components.batch_shape, *shapes)
    return components_of(recipe, parameters, loc.shape[-1:], shape), regular


def _of_full_rank(factor: Matrix, matrix: Array) -> tuple[Array, Array]:
    """NaN from the row on that depends on those before, and whether none does."""
    dtype, size = matrix.dtype, matrix.shape[-1]
    own = lower_factor(matrix)
    diagonal = jnp.diagonal(own, axis1=-2, axis2=-1)
    least = 4 * size * jnp.finfo(dtype).eps * jnp.sqrt(jnp.sum(jnp.square(matrix), axis=-1))
    dependent = jnp.cumsum(~(diagonal > least), axis=-1) > 0
    lost = dependent[..., None] & jnp.tril(jnp.ones(factor.shape[-2:], bool))
    return where(lost, jnp.nan, factor), ~jnp.any(dependent)


@compiled("shape")
def _sum(components: Canonical, noise: Canonical, *, shape: Shape) -> Canonical:
    events = components.event_shape
    kinds = kind_of(components), kind_of(noise)
    noise = noise.map(lambda p, n: jnp.expand_dims(p, p.ndim - n))  # an axis for components
    if kinds == (dist.Normal, dist.Normal):
        (loc, scale), (more, other) = components.parameters, noise.parameters
        recipe = FACTORISED_NORMAL if events else NORMAL
        return components_of(recipe, (loc + more, _length(scale, other)), events, shape)
    if kinds == (dist.LowRankMultivariateNormal, dist.Normal):
        (loc, w, diag), (more, scale) = components.parameters, noise.parameters
        return components_of(components.recipe, (loc + more, w, diag + scale**2), events, shape)
    a, b = as_gaussian(components), as_gaussian(noise)
    factor = lower_factor(beside(a.root, b.root))
    return components_of(FULL_NORMAL, (a.loc + b.loc, factor), events, shape)


def _length(a: Array, b: Array) -> Array:
    """``√(a² + b²)``, whose squares may overflow."""
    both = jnp.stack(jnp.broadcast_arrays(a, b), axis=-1)
    return lower_factor(both[..., None, :])[..., 0, 0]


def _check_affine(mixture: Any) -> None:
    if len(mixture.event_shape) != 1:
        raise NotImplementedError(
            f"expected vector events for `affine`, got event shape {mixture.event_shape}. Of "
            "scalar components map the parameters, as in dist.Normal(a * loc + b, abs(a) * scale)."
        )
    components = mixture._components
    student = kind_of(components) is dist.MultivariateStudentT
    if not student and gaussian(components) is None:
        raise NotImplementedError(
            "expected Gaussian components (MultivariateNormal, LowRankMultivariateNormal, Normal "
            f"with `to_event(1)`) or MultivariateStudentT for `affine`, got "
            f"{components.family.name}. Map draws of the mixture instead."
        )


def _check_shapes(matrix: Shape, shift: Shape, size: int, batch: Shape) -> None:
    if len(matrix) < 2 or matrix[-1] != size:
        hint = " For one linear combination pass matrix[None]." if len(matrix) == 1 else ""
        raise ValueError(
            f"expected a matrix of shape (*batch, m, {size}) for events of {size} coordinates, got "
            f"shape {matrix}.{hint}"
        )
    rows = matrix[-2]
    if not 1 <= rows <= size:
        raise ValueError(
            f"expected a matrix of 1 to {size} rows for events of {size} coordinates, got {rows}: "
            "more rows depend on each other, and the result has no density."
        )
    if shift and shift[-1] != rows:
        raise ValueError(
            f"expected a shift of shape (*batch, {rows}), one number for each row of the matrix, "
            f"or a number, got shape {shift}."
        )
    try:
        lax.broadcast_shapes(matrix[:-2], shift[:-1], batch)
    except ValueError:
        raise ValueError(
            f"expected matrix and shift whose batches broadcast against the batch shape {batch} of "
            f"the mixture, got shapes {matrix} and {shift}."
        ) from None


def _noise(noise: Any, mixture: Any) -> Canonical:
    """The noise in canonical form, checked to fit."""
    if not isinstance(noise, Distribution):
        raise TypeError(
            f"expected noise to be a numpyro.distributions.Distribution, got "
            f"{type(noise).__name__}. Wrap its parameters, as in dist.Normal(0.0, scale)."
        )
    components = mixture._components
    if gaussian(components) is None:
        raise NotImplementedError(
            "expected Gaussian components (Normal, MultivariateNormal or "
            f"LowRankMultivariateNormal) for `convolve`, got {components.family.name}. Add "
            "draws of both instead."
        )
    other = canonical(noise)
    if gaussian(other) is None:
        raise NotImplementedError(
            "expected Gaussian noise (Normal, MultivariateNormal or LowRankMultivariateNormal), "
            f"got {type(noise).__name__}. Add draws of both instead."
        )
    if noise.event_shape != mixture.event_shape:
        raise ValueError(
            f"expected noise of event shape {mixture.event_shape}, as the mixture has, got "
            f"{noise.event_shape}."
            + (" Add `.to_event(1)`." if noise.shape()[-1:] == mixture.event_shape != () else "")
        )
    try:
        lax.broadcast_shapes(noise.batch_shape, mixture.batch_shape)
    except ValueError:
        raise ValueError(
            f"expected noise whose batch broadcasts against the batch shape {mixture.batch_shape} "
            f"of the mixture, got {noise.batch_shape}. It has no axis for components."
        ) from None
    return other
