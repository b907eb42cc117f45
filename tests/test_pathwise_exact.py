"""Gradients of draws against the map at fixed noise, solved and differentiated independently."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import numpy as jnp
from scipy import special, stats

from cases import pathwise as cases
from cases.attached import (
    FIRST,
    MODES,
    NORMAL,
    SECOND,
    along,
    attach,
    close,
    no_softmax_jacobian,
    selected_only,
    with_steps,
    zeroed,
)
from cases.quantiles import moved, quantile_differences, solved
from pathmix import MixtureSameFamily

# ---- one dimension: the quantile at fixed probability ----


def check_quantile(row, attach=attach):
    names, tangents = row.directions()
    for n, name in enumerate(names):
        first, second = along(row, attach, {name: tangents[name][n : n + 1]})
        tangent = {key: value[n] for key, value in tangents.items()}
        wanted = np.array([quantile_differences(row, tangent, x) for x in row.points])
        close(first[0], wanted[:, 0], FIRST, f"d/d{name}")
        close(second[0], wanted[:, 1], SECOND, f"second d/d{name}")


@pytest.mark.parametrize("row", cases.quick_or_slow(pytest, cases.SCALARS))
def test_a_draw_moves_as_the_quantile_at_fixed_probability(row, x64):
    check_quantile(row)


@pytest.mark.parametrize(
    ("mutant", "moved"), [(zeroed, "weights"), (no_softmax_jacobian, "weights")]
)
def test_the_quantile_check_fails_for_a_wrong_logits_gradient(mutant, moved, x64):
    with pytest.raises(AssertionError, match=f"d/d{moved}"):
        check_quantile(NORMAL, mutant)


# ---- several dimensions, component parameters: Σ_k r_k v_k, in NumPy ----


def difference(fn, at, step=1e-3):
    """Derivative of a function of one number, of sixth order."""
    values = [fn(at + n * step) for n in (-3, -2, -1, 1, 2, 3)]
    return np.dot([-1, 9, -45, 45, -9, 1], values) / (60 * step)


def numpy_factor(raw):
    return np.tril(raw, -1) + np.diag(np.exp(np.diag(raw)))


def numpy_factor_tangent(raw, d_raw):
    return np.tril(d_raw, -1) + np.diag(np.exp(np.diag(raw)) * np.diag(d_raw))


def independent_normal_velocity(p, dp, x):
    z = (x - p["loc"]) / p["scale"]
    log_p = np.sum(stats.norm.logpdf(x, p["loc"], p["scale"]))
    return log_p, dp["loc"] + z * dp["scale"]


def normal_velocity(p, dp, x):
    L = numpy_factor(p["raw"])
    z = np.linalg.solve(L, x - p["loc"])
    log_p = stats.multivariate_normal.logpdf(x, p["loc"], L @ L.T)
    return log_p, dp["loc"] + numpy_factor_tangent(p["raw"], dp["raw"]) @ z


def student_t_velocity(p, dp, x):
    L, df, E = numpy_factor(p["raw"]), p["df"], x.size
    z = np.linalg.solve(L, x - p["loc"])
    F = z @ z / E
    d_F = -difference(lambda df: special.fdtr(E, df, F), df) / stats.f.pdf(F, E, df)
    log_p = stats.multivariate_t.logpdf(x, p["loc"], L @ L.T, df)
    shape = numpy_factor_tangent(p["raw"], dp["raw"]) @ z
    return log_p, dp["loc"] + shape + L @ z * (0.5 * d_F / F) * dp["df"]


def dirichlet_velocity(p, dp, x):
    alpha, d_alpha = p["concentration"], dp["concentration"]
    b = alpha.sum() - alpha

    # a rise of alpha_j moves x_j as a Beta(alpha_j, rest), and the others in proportion
    g = np.array(
        [
            -d_alpha[j]
            * difference(lambda a, j=j: special.betainc(a, b[j], x[j]), alpha[j])
            / stats.beta.pdf(x[j], alpha[j], b[j])
            for j in range(x.size)
        ]
    )
    others = np.sum(g / (1 - x)) - g / (1 - x)
    return stats.dirichlet.logpdf(x, alpha), g - x * others


VELOCITIES = [
    (cases.independent_normal(2, quick=True), independent_normal_velocity),
    (cases.independent_normal(5), independent_normal_velocity),
    (cases.multivariate_normal(2), normal_velocity),
    (cases.multivariate_normal(3, quick=True), normal_velocity),
    (cases.multivariate_normal(6), normal_velocity),
    (cases.student_t(3), student_t_velocity),
    (cases.DIRICHLET, dirichlet_velocity),
]


def weighted_velocity(row, velocity, tangent, x):
    log_terms, velocities = [], []
    for k in range(row.num_components):
        pick = lambda tree, k=k: {name: tree[name][k] for name in row.parameters}  # noqa: E731
        log_p, v = velocity(pick(row.parameters), pick(tangent), x)
        log_terms.append(log_p + row.logits[k])
        velocities.append(v)
    return special.softmax(log_terms) @ np.array(velocities)


def check_velocity(row, velocity, attach=attach):
    names, tangents = row.directions()
    actual = along(row, attach, tangents, second=False)
    for n, name in enumerate(names[1:], 1):
        tangent = {key: value[n] for key, value in tangents.items()}
        wanted = np.array([weighted_velocity(row, velocity, tangent, x) for x in row.points])
        close(actual[n], wanted, FIRST, f"d/d{name}")


@pytest.mark.parametrize(("row", "velocity"), with_steps(VELOCITIES))
def test_components_move_a_draw_by_their_responsibilities(row, velocity, x64):
    check_velocity(row, velocity)


def test_the_velocity_check_fails_for_the_selected_component_alone(x64):
    with pytest.raises(AssertionError, match="d/dloc"):
        check_velocity(*VELOCITIES[0], selected_only)


# ---- modes, orders and transformations ----


@pytest.mark.parametrize(
    "row", cases.quick_or_slow(pytest, [NORMAL, *(row for row, _ in VELOCITIES)])
)
def test_forward_and_reverse_mode_agree(row, x64):
    fn = lambda theta, x: attach(row, theta, x)  # noqa: E731
    both = jax.jit(
        jax.vmap(lambda th, x: (jax.jacfwd(fn)(th, x), jax.jacrev(fn)(th, x)), (None, 0))
    )
    forward, reverse = both(row.theta(), row.points)
    for name in forward:
        size = np.max(np.abs(forward[name]))
        assert size > 0, name
        np.testing.assert_allclose(forward[name], reverse[name], rtol=MODES, atol=MODES * size)


@pytest.mark.slow
def test_third_derivatives_are_differences_of_second_ones(x64):
    theta, tangent = NORMAL.theta(), {n: v[0] for n, v in NORMAL.directions()[1].items()}

    def draw(t, x):
        return attach(NORMAL, {n: theta[n] + t * tangent[n] for n in theta}, x)

    third = jax.jit(jax.vmap(jax.grad(jax.grad(jax.grad(draw))), (None, 0)))(0.0, NORMAL.points)
    q = [NORMAL.mixture_cdf(theta, x) for x in NORMAL.points]
    step = 0.02
    at = np.array(
        [
            [solved(NORMAL, moved(theta, tangent, n * step), each, x) for n in range(-3, 4)]
            for each, x in zip(q, NORMAL.points, strict=True)
        ]
    )
    wanted = at @ np.array([1, -8, 13, 0, -13, 8, -1]) / (8 * step**3)
    np.testing.assert_allclose(third, wanted, rtol=1e-4, atol=1e-5)


def test_gradients_are_the_same_under_every_transformation(x64):
    theta, points = NORMAL.theta(), jnp.asarray(NORMAL.points)
    value_and_slope = jax.grad(lambda theta, x: attach(NORMAL, theta, x))

    @jax.jit
    def every(theta, points):
        mapped = jax.vmap(value_and_slope, (None, 0))(theta, points)
        saved = jax.vmap(
            jax.grad(jax.checkpoint(lambda theta, x: attach(NORMAL, theta, x))), (None, 0)
        )(theta, points)
        scanned = jax.lax.scan(lambda c, x: (c, value_and_slope(theta, x)), 0, points)[1]
        total = jax.grad(lambda th: jnp.sum(attach(NORMAL, th, points)))(theta)
        return mapped, saved, scanned, total

    mapped, saved, scanned, total = every(theta, points)
    for name in theta:
        assert np.any(mapped[name])
        np.testing.assert_allclose(saved[name], mapped[name], rtol=1e-13)
        np.testing.assert_allclose(scanned[name], mapped[name], rtol=1e-13)
        np.testing.assert_allclose(total[name], np.sum(mapped[name], axis=0), rtol=1e-12)


def test_the_value_is_kept_bit_for_bit(precision):
    row = cases.independent_normal(3)
    theta = {name: jnp.asarray(value, precision) for name, value in row.theta().items()}
    x = jnp.asarray(row.points, precision).at[0, 0].set(-0.0)
    out, pushed = jax.jit(
        lambda theta, x: jax.jvp(lambda theta: attach(row, theta, x), (theta,), (theta,))
    )(theta, x)
    assert out.dtype == pushed.dtype == precision
    assert np.asarray(out).tobytes() == np.asarray(x).tobytes()


def slope(components, logits, x):
    """Derivatives in the logits of a sum over the draw, unequally weighted."""
    weights = jnp.cos(jnp.arange(x.size)).reshape(x.shape)

    def total(logits):
        m = MixtureSameFamily(dist.Categorical(logits=logits), components, reparameterize=True)
        return jnp.sum(weights * m.reparameterize_sample(x))

    return jax.grad(total)(logits)


def test_batches_are_mixtures_of_their_own(x64):
    generator = np.random.default_rng(3)
    loc, scale = generator.normal(size=(2, 3, 2)), np.exp(generator.normal(size=(2, 3, 2)))
    logits, x = generator.normal(size=(2, 3)), generator.normal(size=(4, 2, 2))

    def draw(logits, loc, scale, x):
        m = MixtureSameFamily(
            dist.Categorical(logits=logits), dist.Normal(loc, scale).to_event(1), True
        )
        return m.reparameterize_sample(x)

    @jax.jit
    def both(*theta):
        alone = lambda i: jax.jvp(  # noqa: E731
            lambda *t: draw(*t, x[:, i]), tuple(t[i] for t in theta), tuple(t[i] for t in theta)
        )[1]
        whole = jax.jvp(lambda *t: draw(*t, x), theta, theta)[1]
        return whole, jnp.stack([alone(i) for i in range(2)], axis=1)

    whole, alone = both(logits, loc, scale)
    assert whole.shape == (4, 2, 2)
    np.testing.assert_allclose(whole, alone, rtol=1e-12)


def test_matrix_events_are_taken_in_row_major_order(x64):
    generator = np.random.default_rng(4)
    loc, scale = generator.normal(size=(3, 2, 3)), np.exp(generator.normal(size=(3, 2, 3)))
    logits, x = cases.LOGITS, generator.normal(size=(5, 2, 3))
    flat = lambda t, n: t.reshape(n, 6)  # noqa: E731

    @jax.jit
    def both(logits):
        matrix = slope(dist.Normal(loc, scale).to_event(2), logits, x)
        vector = dist.Normal(flat(loc, 3), flat(scale, 3)).to_event(1)
        return matrix, slope(vector, logits, flat(x, 5))

    matrix, vector = both(logits)
    assert np.all(matrix != 0)
    np.testing.assert_allclose(matrix, vector, rtol=1e-12)
