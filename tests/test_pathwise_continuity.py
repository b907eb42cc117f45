"""The continuity equation of draws: ∇·(f v) + ∂f/∂θ = 0 pointwise, by automatic differentiation."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from cases import pathwise as cases
from cases import pathwise_several

TOLERANCE = 1e-8
ROWS = cases.SCALARS + cases.VECTORS + pathwise_several.ROWS
NORMAL = cases.SCALARS[0]


def attach(row, theta, by, x):
    return row.mixture(theta, by).reparameterize_sample(x)


def on_simplex(row):
    return row.name.startswith("Dirichlet")


def residual(row, by, attach, theta, tangent, x):
    """``∇·(f v) + ∂f/∂θ`` at one point, and the size of its terms."""

    def density(theta, x):
        return jnp.exp(row.mixture(theta, by).log_prob(x))

    def complete(y):
        return jnp.append(y, 1 - jnp.sum(y)) if on_simplex(row) else y

    def flux(y):
        x = complete(y)
        v = jax.jvp(lambda theta: attach(row, theta, by, x), (theta,), (tangent,))[1]
        return density(theta, x) * (v[:-1] if on_simplex(row) else v)

    jacobian = jax.jacfwd(flux)(x[:-1] if on_simplex(row) else x)
    parts = jnp.diagonal(jnp.atleast_2d(jacobian))
    f, change = jax.jvp(lambda theta: density(theta, x), (theta,), (tangent,))
    return jnp.sum(parts) + change, jnp.abs(change) + jnp.sum(jnp.abs(parts)) + f


def check(row, by, attach=attach, only=None):
    """One compilation for all directions and all points."""
    names, tangents = row.directions(by)
    if only:
        tangents = jax.tree.map(lambda t: t[[names.index(only)]], tangents)
        names = [only]

    def every(theta, tangents, points):
        at = lambda t, x: residual(row, by, attach, theta, t, x)  # noqa: E731
        return jax.vmap(lambda t: jax.vmap(lambda x: at(t, x))(points))(tangents)

    compiled = jax.jit(every)
    error, size = map(np.asarray, compiled(row.theta(by), tangents, row.points))
    relative = dict(zip(names, np.max(np.abs(error) / size, axis=1), strict=True))
    assert np.all(size > 0)
    assert all(value <= TOLERANCE for value in relative.values()), relative


@pytest.mark.law("velocity")
@pytest.mark.parametrize("row", cases.quick_or_slow(pytest, ROWS))
def test_continuity_in_every_parameter(row, x64):
    check(row, "logits")


@pytest.mark.parametrize(
    "row",
    [pytest.param(r, id=str(r), marks=[] if r is NORMAL else [pytest.mark.slow]) for r in ROWS],
)
def test_continuity_in_the_probabilities(row, x64):
    check(row, "probs", only="weights")


def zeroed(row, theta, by, x):
    """Draws without a gradient to the weights."""
    theta = {**theta, "weights": jax.lax.stop_gradient(theta["weights"])}
    return attach(row, theta, by, x)


def no_softmax_jacobian(row, theta, by, x):
    """Tangents of the logits taken for tangents of the probabilities."""
    logits = theta["weights"]
    fixed = jax.lax.stop_gradient(logits)
    return attach(row, {**theta, "weights": jax.nn.softmax(fixed) + logits - fixed}, "probs", x)


def selected_only(row, theta, by, x):
    """Component 0 takes all of the responsibility."""
    hard = jnp.where(jnp.arange(row.num_components) == 0, 0.0, -jnp.inf)
    return attach(row, {**theta, "weights": hard}, by, x)


@pytest.mark.parametrize(
    ("mutant", "moved"),
    [(zeroed, "weights"), (no_softmax_jacobian, "weights"), (selected_only, "loc")],
)
def test_the_check_fails_for_a_wrong_gradient(mutant, moved, x64):
    with pytest.raises(AssertionError, match=moved):
        check(NORMAL, "logits", mutant, only=moved)
