"""Gradients far in the tails, in float32, against extended precision."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import numpy as jnp
from mpmath import mp, mpf

from pathmix import MixtureSameFamily

LOC, SCALE = (-1.0, 1.0), 0.5
POINTS = [sign * x for x in (3.0, 3.5, 4.0, 6.0, 10.0) for sign in (-1, 1)]


def exact(x):
    """``dx/dlogit_1 = −w_0 w_1 (F_1 − F_0)/f`` for equal weights."""
    with mp.workdps(60):
        z = [(mpf(x) - mpf(m)) / mpf(SCALE) for m in LOC]
        F, p = [mp.ncdf(t) for t in z], [mp.npdf(t) / mpf(SCALE) for t in z]
        # far in the upper tail cdfs differ by less than the working precision would show
        S = [mp.ncdf(-t) for t in z]
        difference = S[0] - S[1] if x > 0 else F[1] - F[0]
        return float(-difference / 4 / ((p[0] + p[1]) / 2))


def draw(logits, x):
    components = dist.Normal(jnp.array(LOC), SCALE)
    mixture = MixtureSameFamily(dist.Categorical(logits=logits), components, reparameterize=True)
    return mixture.reparameterize_sample(x)


def test_logit_gradients_are_exact_in_both_tails_in_float32():
    points = jnp.array(POINTS, jnp.float32)
    logits = jnp.zeros(2, jnp.float32)
    slopes = jax.jit(jax.vmap(jax.grad(draw), (None, 0)))(logits, points)
    assert slopes.dtype == jnp.float32
    wanted = np.array([exact(x) for x in POINTS])
    np.testing.assert_allclose(slopes[:, 1], wanted, rtol=1e-4)
    np.testing.assert_allclose(slopes[:, 0], -wanted, rtol=1e-4)


def test_the_oracle_is_the_derivative_of_the_quantile():
    """Differences of the quantile, solved in extended precision."""
    with mp.workdps(60):
        x, step = mpf(3), mpf("1e-20")
        z = [(x - m) / mpf(SCALE) for m in LOC]

        def cdf(t, logit):
            w = 1 / (1 + mp.exp(-logit))
            F = [mp.ncdf((t - m) / mpf(SCALE)) for m in LOC]
            return (1 - w) * F[0] + w * F[1]

        q = (mp.ncdf(z[0]) + mp.ncdf(z[1])) / 2
        up, down = (mp.findroot(lambda t, s=s: cdf(t, s * step) - q, x) for s in (1, -1))
        assert float((up - down) / (2 * step)) == pytest.approx(exact(3.0), rel=1e-12)


def truncated_cdf(x, loc, low, high):
    below = 0 if low is None else mp.ncdf(low - loc)
    above = 1 if high is None else mp.ncdf(high - loc)
    return (mp.ncdf(x - loc) - below) / (above - below)


@pytest.mark.parametrize(("low", "high"), [(8.0, None), (None, -8.0), (-1.0, 2.0)])
def test_truncated_draws_move_exactly_however_far_the_bounds_are(low, high):
    """``dx/dloc = −∂_loc F / ∂_x F``, one less a quotient of two hazards, each good to 8 units."""
    ends = {name: v for name, v in (("low", low), ("high", high)) if v is not None}

    def move(loc, x):
        d = dist.TruncatedDistribution(dist.Normal(loc * jnp.ones(1)), **ends)
        weights = dist.Categorical(probs=jnp.ones(1))
        return MixtureSameFamily(weights, d, reparameterize=True).reparameterize_sample(x)

    start = high - 1.5 if low is None else low
    for x in np.float32(start + np.array([0.25, 0.75, 1.25])):
        found = jax.grad(move)(jnp.float32(0), jnp.float32(x))
        with mp.workdps(60):
            at, h = mpf(float(x)), mpf(10) ** -20
            by_loc = truncated_cdf(at, h, low, high) - truncated_cdf(at, -h, low, high)
            by_x = truncated_cdf(at + h, 0, low, high) - truncated_cdf(at - h, 0, low, high)
            wanted = float(-by_loc / by_x)
        assert abs(found - wanted) < 16 * np.finfo("float32").eps / 2
