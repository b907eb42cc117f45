"""The warning where a derivative comes back to a draw without gradient, and its silence elsewhere.

Warnings are errors in these tests, so that whatever does not expect one checks that there is none.
"""

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer import SVI, Trace_ELBO, TraceGraph_ELBO

from cases.mixtures import by_logits
from pathmix import Pathwise, Score, Stratified, expectation
from pathmix._mixture._no_gradient import warn_of_no_gradient

TEXT = "expected no gradient through a draw .* reparameterize=False"
LOC = jnp.array([-1.0, 1.0])


def draw(loc):
    """As a mixture draws: from parameters, without gradient."""
    noise = jax.random.normal(jax.random.key(0), (3,))
    return warn_of_no_gradient(loc[0] + noise, {"loc": loc, "name": "x", "count": jnp.arange(2)})


def felt(loc):
    """The loss reaches the parameters through the draw, and beside it."""
    return jnp.sum(draw(loc) ** 2) + jnp.sum(loc)


def stopped(loc):
    """The score's way: the value of the draw, and a derivative beside it."""
    return jnp.sum(jax.lax.stop_gradient(draw(loc)) ** 2) * jnp.sum(loc)


def carried(f):
    """The sum of ``f`` over the steps of a scan."""
    return lambda loc: jax.lax.scan(lambda c, _: (c + f(loc), None), 0.0, length=3)[0]


BACKWARD = {
    "grad": jax.grad,
    "jit of grad": lambda f: jax.jit(jax.grad(f)),
    "grad of jit": lambda f: jax.grad(jax.jit(f)),
    "vmap of grad": lambda f: lambda loc: jax.vmap(jax.grad(f))(loc[None])[0],
    "grad of vmap": lambda f: jax.grad(lambda loc: jnp.sum(jax.vmap(f)(loc[None]))),
    "grad of scan": lambda f: jax.grad(carried(f)),
    "grad of checkpoint": lambda f: jax.grad(jax.checkpoint(f)),
    "grad of grad": lambda f: jax.grad(lambda loc: jnp.sum(jax.grad(f)(loc) * loc)),
}


@pytest.mark.parametrize("transform", BACKWARD.values(), ids=BACKWARD)
def test_reverse_mode(transform):
    with pytest.warns(UserWarning, match=TEXT) as caught:
        transform(felt)(LOC)
    for phrase in ("reparameterize=True", "pathmix.expectation", "jax.lax.stop_gradient(draw)"):
        assert phrase in str(caught[0].message)
    transform(stopped)(LOC)


def test_the_gradient_is_that_beside_the_draw():
    with pytest.warns(UserWarning, match=TEXT):
        gradient = jax.grad(felt)(LOC)
    assert gradient.tolist() == [1, 1]


def test_nothing_is_asked():
    """Values, forward mode, and derivatives in other things."""
    felt(LOC)
    jax.jit(felt)(LOC)
    assert jax.jvp(felt, (LOC,), (LOC,))[1] == 0
    jax.grad(lambda scale: jnp.sum(scale * draw(LOC)))(2.0)
    jax.value_and_grad(lambda loc: (jnp.sum(loc), draw(loc)), has_aux=True)(LOC)


def test_tangents_that_are_not_finite_leave_no_trace():
    _, tangent = jax.jvp(lambda loc: jnp.sum(draw(loc)), (LOC,), (jnp.full(2, jnp.inf),))
    assert tangent == 0


def test_integers():
    """They have no gradient in JAX, and are left alone."""
    counts = warn_of_no_gradient(jnp.arange(3), LOC)
    assert counts.tolist() == [0, 1, 2]
    jax.grad(lambda loc: jnp.sum(warn_of_no_gradient(jnp.arange(3), loc) * loc[0]))(LOC)


def model():
    numpyro.sample("z", dist.Normal(0.0, 1.0))


def guide(**kwargs):
    logits = numpyro.param("logits", jnp.zeros(2))
    loc = numpyro.param("loc", LOC)
    numpyro.sample("z", by_logits(logits, dist.Normal(loc), **kwargs))


def one_step(loss, **kwargs):
    svi = SVI(model, lambda: guide(**kwargs), numpyro.optim.Adam(0.1), loss)
    state = svi.init(jax.random.key(0))
    return jax.jit(svi.update)(state)


def test_a_guide_that_cannot_learn():
    with pytest.warns(UserWarning, match=TEXT):
        one_step(Trace_ELBO())


@pytest.mark.parametrize("particles", [1, 3])
def test_guides_that_can(particles):
    """Pathwise under ``Trace_ELBO``; by score under ``TraceGraph_ELBO``, flagged or not."""
    one_step(Trace_ELBO(num_particles=particles), reparameterize=True)
    for kwargs in ({}, {"reparameterize": True}):
        one_step(TraceGraph_ELBO(num_particles=particles), **kwargs)


@pytest.mark.parametrize("estimator", [Stratified(), Pathwise(), Score()], ids=repr)
def test_expectations(estimator):
    def mean(loc):
        mixture = by_logits(jnp.zeros(2), dist.Normal(loc))
        return expectation(
            jnp.square, mixture, key=jax.random.key(0), num_samples=8, estimator=estimator
        )

    jax.jit(jax.grad(mean))(LOC)


def test_a_loss_of_draws():
    def loss(loc):
        return jnp.sum(by_logits(jnp.zeros(2), dist.Normal(loc)).sample(jax.random.key(0), (4,)))

    with pytest.warns(UserWarning, match=TEXT):
        jax.grad(loss)(LOC)


def test_a_score_by_hand():
    def surrogate(loc):
        mixture = by_logits(jnp.zeros(2), dist.Normal(loc))
        x = jax.lax.stop_gradient(mixture.sample(jax.random.key(0), (4,)))
        return jnp.mean(x**2 * mixture.log_prob(x))

    jax.grad(surrogate)(LOC)
