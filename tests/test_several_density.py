"""Log densities of several families: each family's sum, added up, and what shares in them."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import Mixture

POINTS = np.linspace(-4.0, 9.0, 11)


def families(p):
    """Two normals, two Student t's and a logistic, the families in turns."""
    return [
        dist.Normal(p[0], 1.0),
        dist.StudentT(3.0, p[1], 2.0),
        dist.Normal(p[2], jnp.exp(p[3])),
        dist.Logistic(p[4], 1.5),
        dist.StudentT(5.0, p[5], 1.0),
    ]


def vectors(p):
    """A normal with a full covariance, two factorised ones, and a Student t."""
    ones = jnp.ones(2)
    return [
        dist.MultivariateNormal(p[:2], jnp.eye(2)),
        dist.Normal(p[2:4], ones).to_event(1),
        dist.MultivariateStudentT(4.0, p[4:6], jnp.eye(2)),
        dist.Normal(p[1:3], 2 * ones).to_event(1),
        dist.Normal(p[3:5], ones).to_event(1),
    ]


def by_hand(w, components, x):
    return jnp.log(sum(wk * jnp.exp(d.log_prob(x)) for wk, d in zip(w, components, strict=True)))


AT = np.array([-1.0, 0.5, 3.0, 0.2, 4.0, 2.0])


@pytest.mark.parametrize("w", [[0.1, 0.3, 0.2, 0.25, 0.15], [0.4, 0.0, 0.35, 0.25, 0.0]])
@pytest.mark.parametrize("make", [families, pytest.param(vectors, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_values_and_derivatives_of_both_orders(make, w, x64):
    """The second weights leave a family without any: its derivatives there are one-sided."""
    w, p = jnp.array(w), jnp.asarray(AT)
    x = jnp.asarray(POINTS if make is families else np.stack([POINTS, POINTS[::-1] / 2], axis=-1))

    def ours(w, p, x):
        return Mixture(dist.Categorical(probs=w), make(p)).log_prob(x).sum()

    def plain(w, p, x):
        return by_hand(w / w.sum(), make(p), x).sum()

    np.testing.assert_allclose(ours(w, p, x), plain(w, p, x), rtol=1e-13)
    for mode in (jax.jacrev, jax.jacfwd):
        for mine, wanted in zip(*(mode(f, (0, 1, 2))(w, p, x) for f in (ours, plain)), strict=True):
            np.testing.assert_allclose(mine, wanted, rtol=1e-10, atol=1e-12)
    second = [jax.hessian(f, (0, 1, 2))(w, p, x) for f in (ours, plain)]
    for mine, wanted in zip(*map(jax.tree.leaves, second), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.slow
def test_slopes_that_are_kept_move_with_the_points(x64):
    """Gradients in parameters alone keep slopes, from a level of their own."""
    w, p, x = jnp.array([0.1, 0.3, 0.2, 0.25, 0.15]), jnp.asarray(AT), jnp.asarray(POINTS)

    def ours(w, p, x):
        return Mixture(dist.Categorical(probs=w), families(p)).log_prob(x).sum()

    def plain(w, p, x):
        return by_hand(w / w.sum(), families(p), x).sum()

    moved = [jax.jacfwd(jax.grad(f, (0, 1)), 2)(w, p, x) for f in (ours, plain)]
    for mine, wanted in zip(*moved, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("x", [4e3, -7e3, 3e4])
def test_far_out_the_shares_of_families_keep_their_digits(x):
    """Where log densities are −10⁷, their own rounding is one: weights must not be lost beside it.

    Both families have the same density, so that shares are weights, within and between them.
    """
    w = jnp.array([0.6, 0.1, 0.1, 0.2])

    def log_prob(w):
        normals = [dist.Normal(0.0, 1.0)] * 2
        gauss = [dist.MultivariateNormal(jnp.zeros(1), jnp.eye(1))] * 2
        each = [*(d.expand((1,)).to_event(1) for d in normals), *gauss]
        return Mixture(dist.Categorical(logits=jnp.log(w)), each).log_prob(jnp.array([x]))

    slope = jax.grad(log_prob)(w) * w
    np.testing.assert_allclose(slope, jnp.zeros(4), atol=1e-5)  # shares are the weights
