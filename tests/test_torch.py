"""torch's mixtures: draws, types, memory, transformations, errors; the gradients are elsewhere."""

import importlib
import re
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
from scipy import special, stats

from cases import pathwise as cases

torch = pytest.importorskip("torch", reason="PyTorch: pip install 'pathmix[torch]'")

from torch import distributions as td  # noqa: E402
from torch.autograd import gradcheck, gradgradcheck  # noqa: E402

from pathmix._torch import _bridge, _reading  # noqa: E402
from pathmix.torch import MixtureSameFamily  # noqa: E402

LOGITS, LOC, SCALE = [0.3, -0.4, 0.1], [-1.0, 0.5, 1.5], [0.8, 1.2, 0.6]
OFF, SLOW = {"validate_args": False}, pytest.mark.slow
# torch's forward mode compiles rules of its own by what it now discourages
FORWARD = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


def tensors(dtype=torch.float64, *, grad=True):
    return [torch.tensor(v, dtype=dtype, requires_grad=grad) for v in (LOGITS, LOC, SCALE)]


def normals(logits, loc, scale, **options):
    weights = td.Categorical(logits=logits, **options)
    return MixtureSameFamily(weights, td.Normal(loc, scale, **options), **options)


def three(dtype=torch.float64):
    return normals(*tensors(dtype, grad=False))


def seeded(fn):
    torch.manual_seed(3)
    return fn()


# ---- draws ----

VECTOR = [[-1.0, 0.3], [0.5, -0.6], [1.0, 1.0]]
COMPONENTS = {
    "scalars": lambda: td.Normal(torch.tensor(LOC), 1.0),
    "batch": lambda: td.Gamma(torch.rand(4, 3) + 0.5, 1.0),
    "vectors": lambda: td.Independent(td.Laplace(torch.tensor(VECTOR), 1.0), 1),
    "matrices": lambda: td.Independent(td.Independent(td.Normal(torch.zeros(3, 2, 2), 1.0), 1), 1),
}


@pytest.mark.parametrize("name", COMPONENTS)
def test_draws_are_those_of_torch(name):
    """Of the same seed, and the generator goes on from the same state."""
    components = COMPONENTS[name]()
    weights = td.Categorical(logits=torch.zeros(*components.batch_shape[:-1], 3))
    pairs = []
    for kind, method in (MixtureSameFamily, "rsample"), (td.MixtureSameFamily, "sample"):
        draw = getattr(kind(weights, components), method)
        pairs.append(seeded(lambda draw=draw: (draw((5, 2)), torch.rand(1))))
    (ours, after), (theirs, after_theirs) = pairs
    assert torch.equal(ours, theirs)
    assert torch.equal(after, after_theirs)


def test_weights_are_shared_by_a_batch():
    """As torch's documentation has it, whose own draws then fail."""
    loc = torch.zeros(2, 3) + torch.tensor([[0.0], [100.0]])
    for shape in ((3,), (1, 3)):
        logits = torch.zeros(shape, requires_grad=True)
        mixture = normals(logits, loc, 1.0)
        x = mixture.rsample((6,))
        assert x.shape == (6, 2)
        assert ((x > 50) == torch.tensor([False, True])).all()
        assert torch.autograd.grad(x.sum(), logits)[0].shape == shape


@pytest.mark.slow
def test_expand():
    logits, loc, scale = tensors()
    wide = normals(logits, loc, scale).expand((4, 2))
    assert type(wide) is MixtureSameFamily
    assert wide.batch_shape == (4, 2)
    assert wide.has_rsample
    x = seeded(lambda: wide.rsample((5,)))
    assert x.shape == (5, 4, 2)
    one = normals(logits, loc, scale).reparameterize_sample(x.detach())
    for ours, theirs in zip(
        torch.autograd.grad(x.sum(), [logits, loc, scale]),
        torch.autograd.grad(one.sum(), [logits, loc, scale]),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_by_probs_and_a_weight_of_zero():
    """The one-sided derivative: ``dx/dp = −(F_2 − F_1)/f_1``, as torch normalises weights."""
    probs = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    x = torch.tensor(0.4, dtype=torch.float64)
    loc = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    mixture = MixtureSameFamily(td.Categorical(probs=probs), td.Normal(loc, 1.0))
    (slope,) = torch.autograd.grad(mixture.expand((1,)).reparameterize_sample(x), probs)
    wanted = -(stats.norm.cdf(0.4, 1) - stats.norm.cdf(0.4, -1)) / stats.norm.pdf(0.4, -1)
    np.testing.assert_allclose(slope, [0.0, wanted], rtol=1e-12, atol=1e-15)


# ---- vectors, against the same mixtures in JAX ----

ROWS = [
    cases.LOW_RANK,
    cases.multivariate_normal(2, by="covariance_matrix"),
    cases.DIRICHLET,
    cases.multivariate_normal(2, by="precision_matrix"),
    cases.multivariate_normal(2),
    cases.INDEPENDENT_GAMMA,
]


def in_torch(row, theta):
    """A row's components; matrices are made of the free ones as in the row itself."""
    theta = dict(theta)
    raw, name = theta.pop("raw", None), str(row).split()[0]
    if raw is not None:
        by = str(row).split()[-1]
        spread = raw @ raw.mT + 0.5 * torch.eye(raw.shape[-1], dtype=raw.dtype)
        lower = raw.tril(-1) + torch.diag_embed(raw.diagonal(0, -2, -1).exp())
        theta[by] = lower if by == "scale_tril" else spread
    if name == "Independent":
        return td.Independent(getattr(td, str(row).split()[1])(**theta), 1)
    return getattr(td, name)(**theta)


def loss(t, theta, direction, draw):
    return (draw({n: theta[n] + t * direction[n] for n in theta}) ** 2).sum()


@pytest.mark.parametrize(
    ("row", "orders"),
    [
        pytest.param(ROWS[0], 1, id=f"{ROWS[0]}, first order"),
        *(pytest.param(row, 2, id=str(row), marks=SLOW) for row in ROWS),
    ],
)
def test_vectors_move_as_in_jax_to_second_order(row, orders):
    theta, direction = row.theta(), {n: v.sum(0) for n, v in row.directions()[1].items()}

    def drawn(moved):
        weights = td.Categorical(logits=moved.pop("weights"))
        mixture = MixtureSameFamily(weights, in_torch(row, moved))
        return mixture.reparameterize_sample(torch.from_numpy(row.points))

    def drawn_by_jax(moved):
        return row.mixture(moved).reparameterize_sample(row.points)

    t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    as_tensors = [{n: torch.from_numpy(v) for n, v in d.items()} for d in (theta, direction)]
    found = loss(t, *as_tensors, drawn)
    with jax.enable_x64(True):
        by_jax = lambda t: loss(t, theta, direction, drawn_by_jax)  # noqa: E731
        for order in range(orders):
            (found,) = torch.autograd.grad(found, t, create_graph=order + 1 < orders)
            by_jax = jax.grad(by_jax)
            # sums over a few points, in other orders
            np.testing.assert_allclose(found.item(), jax.jit(by_jax)(0.0), rtol=1e-10)


# ---- distribution functions ----


@pytest.mark.parametrize(
    "name",
    [
        "log_survival_function",
        pytest.param("log_cdf", marks=SLOW),
        pytest.param("cdf", marks=SLOW),
        pytest.param("icdf", marks=SLOW),
    ],
)
def test_distribution_functions_are_differentiated_to_second_order(name):
    args = *tensors(), torch.tensor([0.1, 0.4, 0.9], dtype=torch.float64, requires_grad=True)
    fn = lambda *args: getattr(normals(*args[:3]), name)(args[3])  # noqa: E731
    assert gradcheck(fn, args)
    assert gradgradcheck(fn, args)


@pytest.mark.slow
def test_quantiles():
    logits, loc, scale = tensors()
    q = torch.tensor([1e-6, 0.2, 0.9], dtype=torch.float64, requires_grad=True)
    mixture = normals(logits, loc, scale)
    x = mixture.icdf(q).detach().numpy()
    w = special.softmax(LOGITS)
    np.testing.assert_allclose(
        stats.norm.cdf(x[:, None], LOC, SCALE) @ w, q.detach(), rtol=1e-13, atol=1e-15
    )
    assert gradcheck(lambda *args: normals(*args[:3]).icdf(args[3]), (logits, loc, scale, q[1:]))
    ends = mixture.icdf(torch.tensor([0.0, 1.0, -0.1], dtype=torch.float64)).detach()
    np.testing.assert_array_equal(ends, [-np.inf, np.inf, np.nan])


def test_a_factorised_event_has_a_joint_cdf():
    components = td.Independent(td.Normal(torch.tensor(VECTOR), 1.0), 1)
    mixture = MixtureSameFamily(td.Categorical(logits=torch.tensor(LOGITS)), components)
    x = np.array([0.2, -0.3], "float32")
    wanted = special.softmax(LOGITS) @ stats.norm.cdf(x - np.array(VECTOR)).prod(-1)
    np.testing.assert_allclose(mixture.cdf(torch.from_numpy(x)), wanted, rtol=1e-6)
    np.testing.assert_allclose(mixture.log_cdf(torch.from_numpy(x)), np.log(wanted), rtol=1e-6)


@pytest.mark.parametrize("with_slope", [False, pytest.param(True, marks=SLOW)])
def test_kl_divergence(with_slope):
    """Of several pairs at once; ``dKL/dlogits`` of the second is ``w − E_p[r(x)]``."""
    p, (logits, loc, scale) = three(), tensors()
    q = normals(logits, loc + torch.tensor([[0.0], [0.3]], dtype=torch.float64), scale)
    found = td.kl_divergence(p, q)
    assert found.shape == (2,)
    assert abs(found[0].item()) < 1e-14
    w, x = special.softmax(LOGITS), np.linspace(-12, 12, 4801)
    terms = [w * stats.norm.pdf(x[:, None], np.add(LOC, shift), SCALE) for shift in (0, 0.3)]
    of_p, of_q = (t.sum(1) for t in terms)
    # the trapezoidal rule is exact for analytic functions that vanish at both ends
    wanted = np.trapezoid(of_p * np.log(of_p / of_q), x)
    np.testing.assert_allclose(found[1].item(), wanted, rtol=1e-9)
    if with_slope:
        (slope,) = torch.autograd.grad(found[1], logits)
        taken = np.trapezoid(of_p[:, None] * terms[1] / of_q[:, None], x, axis=0)
        np.testing.assert_allclose(slope, w - taken, rtol=0, atol=1e-9)


# ---- types ----


def test_float64_keeps_its_digits_and_float32_is_its_own():
    """Whatever JAX's setting, which stays; a number of Python's is as good as the parameters."""
    wanted = stats.norm.cdf(0.1, LOC, SCALE) @ special.softmax(LOGITS)
    for setting in (False, True):
        with jax.enable_x64(setting):
            double, single = three(), three(torch.float32)
            assert abs(double.cdf(0.1).item() - wanted) < 4e-16
            assert double.rsample().dtype == torch.float64
            assert single.cdf(0.1).dtype == torch.float32
            assert single.rsample((2,)).dtype == torch.float32
            assert single.cdf(torch.tensor(0.1, dtype=torch.float64)).dtype == torch.float64
            assert jnp.zeros(1, float).dtype == ("float64" if setting else "float32")


def test_types_are_promoted():
    logits, loc, scale = tensors()
    single = logits.detach().float().requires_grad_()
    x = normals(single, loc, scale).rsample((3,))
    assert x.dtype == torch.float64
    slopes = torch.autograd.grad(x.sum(), [single, loc])
    assert [t.dtype for t in slopes] == [torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_small_types_are_computed_in_float32(dtype):
    logits, loc, scale = tensors(dtype)
    mixture = normals(logits, loc, scale)
    x = mixture.rsample((50,))
    assert x.dtype == dtype
    found = torch.autograd.grad(x.sum(), [logits, loc])
    upcast = [t.detach().float().requires_grad_() for t in (logits, loc, scale)]
    exact = normals(*upcast).reparameterize_sample(x.detach().float())
    for ours, wanted in zip(found, torch.autograd.grad(exact.sum(), upcast[:2]), strict=True):
        assert ours.dtype == dtype
        # the weights and the sum are rounded on the way, to a unit of these types each
        torch.testing.assert_close(ours.float(), wanted, rtol=4 * torch.finfo(dtype).eps, atol=0.2)


# ---- memory and state ----


def state():
    settings = jax.config.jax_enable_x64, jax.config.jax_default_device
    return *settings, torch.get_default_dtype(), numpyro.distributions.Distribution._validate_args


def test_no_global_state_is_changed():
    before = state()
    logits, loc, scale = tensors()
    generator = torch.get_rng_state()
    mixture = normals(logits, loc, scale)
    mixture.reparameterize_sample(torch.zeros(3, dtype=torch.float64)).sum().backward()
    mixture.icdf(0.3)
    assert state() == before
    assert torch.equal(torch.get_rng_state(), generator)


def test_programs_are_compiled_once(monkeypatch):
    """For each family, shape and type: new mixtures trace nothing."""
    traced, make = [], _reading.Recipe.mixture
    monkeypatch.setattr(
        _reading.Recipe, "mixture", lambda *args: traced.append(args) or make(*args)
    )

    def step(n=7):
        logits, loc, scale = tensors(torch.float32)
        normals(logits, loc, scale).rsample((n,)).sum().backward()

    counts = []
    for n in (7, 7, 7, 8):
        step(n)
        counts.append(len(traced))
    assert counts[0] == counts[1] == counts[2] > 0
    assert counts[3] > counts[2]  # another shape is another program


def test_memory_is_shared(monkeypatch):
    """Of contiguous tensors on the CPU, whose memory torch aligns as JAX wants it."""
    seen, read = [], jax.dlpack.from_dlpack

    def watched(tensor):
        array = read(tensor)
        seen.append((tensor.data_ptr(), array.unsafe_buffer_pointer()))
        return array

    monkeypatch.setattr(jax.dlpack, "from_dlpack", watched)
    x = torch.linspace(-1, 1, 1000, dtype=torch.float64)
    normals(*tensors()).reparameterize_sample(x).sum().backward()
    assert len(seen) == 4 + 5  # the value, weights and two parameters; and the cotangent
    assert all(torchs == ours for torchs, ours in seen)


def test_what_is_returned_is_owned_by_torch():
    """Writing to a draw or to a gradient changes nothing else."""
    logits, loc, scale = tensors()
    at = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    x = normals(logits, loc, scale).reparameterize_sample(at)
    slopes = torch.autograd.grad(x.sum(), [at, logits, loc], retain_graph=True)
    kept = [t.clone() for t in slopes]
    for t in slopes:
        t.add_(7)
    again = torch.autograd.grad(x.sum(), [at, logits, loc], retain_graph=True)
    assert all(torch.equal(a, b) for a, b in zip(again, kept, strict=True))
    with torch.no_grad():
        x.add_(1)
    assert torch.equal(at, torch.zeros_like(at))


def test_results_that_are_arguments_are_copied():
    """As they may be where JAX does not compile."""
    x = torch.zeros(3)
    with jax.disable_jit():
        first, second = _bridge._run(lambda x: (x, x), (x,))
    assert len({t.data_ptr() for t in (x, first, second)}) == 3


def test_parameters_that_were_written_to_raise():
    """As of any function of torch: the derivative would be that at another point."""
    logits, loc, scale = tensors()
    x = normals(logits, loc, scale).rsample((3,))
    with torch.no_grad():
        loc.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        x.sum().backward()


def test_views_and_strides():
    """Columns, steps, transposes and expanded numbers are as good as arrays of their own."""
    table = torch.zeros(3, 4, dtype=torch.float64)
    table[:, 1], table[:, 3] = torch.tensor(LOC), torch.tensor(LOGITS)
    table.requires_grad_()
    scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[-1.0, 0.5], [2.0, 0.1], [0.0, 1.0]], dtype=torch.float64).T[::2]
    viewed = normals(table[:, 3], table[:, 1], scale.expand(3)).reparameterize_sample(x)
    slope, of_scale = torch.autograd.grad(viewed.sum(), [table, scale])
    logits, loc, _ = tensors()
    whole = torch.full((3,), 0.7, dtype=torch.float64, requires_grad=True)
    plain = normals(logits, loc, whole).reparameterize_sample(x.contiguous())
    wanted = torch.autograd.grad(plain.sum(), [logits, loc, whole])
    torch.testing.assert_close(slope[:, 3], wanted[0], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(slope[:, 1], wanted[1], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(of_scale, wanted[2].sum(), rtol=1e-6, atol=1e-7)
    assert (slope[:, [0, 2]] == 0).all()


def test_only_what_requires_gradients_gets_them():
    logits, loc, scale = tensors()
    fixed = normals(logits.detach(), loc.detach(), scale.detach())
    assert not fixed.rsample((2,)).requires_grad
    x = torch.tensor([0.1, 0.7], dtype=torch.float64)
    every = normals(logits, loc, scale).reparameterize_sample(x).sum()
    wanted = torch.autograd.grad(every, loc)[0]
    some = normals(logits.detach(), loc, scale.detach()).reparameterize_sample(x).sum()
    torch.testing.assert_close(torch.autograd.grad(some, loc)[0], wanted, rtol=1e-12, atol=0)
    with torch.no_grad():
        assert not normals(logits, loc, scale).rsample().requires_grad


# ---- torch.func ----


def square_of_draw(logits):
    _, loc, scale = tensors(grad=False)
    x = torch.tensor([-0.4, 1.1], dtype=torch.float64)
    return (normals(logits, loc, scale, **OFF).reparameterize_sample(x) ** 2).sum()


@FORWARD
@pytest.mark.parametrize("order", [1, pytest.param(2, marks=SLOW)])
def test_functional_transformations(order):
    many = torch.tensor([LOGITS, [0.0, 1.0, -1.0]], dtype=torch.float64)
    direction = torch.tensor([1.0, -0.5, 0.2], dtype=torch.float64)
    derivative = torch.func.grad if order == 1 else torch.func.hessian
    for logits, found in zip(many, torch.func.vmap(derivative(square_of_draw))(many), strict=True):
        at = logits.clone().requires_grad_()
        (wanted,) = torch.autograd.grad(square_of_draw(at), at, create_graph=order == 2)
        if order == 2:
            (wanted,) = torch.autograd.grad(wanted @ direction, at)
            found = found @ direction
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    along = torch.func.jvp(square_of_draw, (logits,), (direction,))[1]
    torch.testing.assert_close(along, torch.func.grad(square_of_draw)(logits) @ direction)


def test_draws_under_vmap():
    """Each member of the batch has its own draws, by its own weights."""
    many = torch.tensor([[50.0, 0.0, 0.0], [0.0, 0.0, 50.0]])
    loc = torch.tensor([-100.0, 0.0, 100.0])
    draw = lambda logits: normals(logits, loc, 1.0, **OFF).rsample((4,))  # noqa: E731
    x = torch.func.vmap(draw, randomness="different")(many)
    assert (torch.sign(x) == torch.tensor([[-1.0], [1.0]])).all()


# ---- errors ----


class Scaled(td.Normal):
    """A density of its own."""

    def log_prob(self, value):
        return 2 * super().log_prob(value)


class Named(td.Normal):
    """The same density."""


UNKNOWN = {
    "Poisson": lambda: td.Poisson(torch.ones(3)),
    "transformed": lambda: td.TransformedDistribution(
        td.Normal(torch.zeros(3), 1.0), [td.TanhTransform()]
    ),
    "own density": lambda: Scaled(torch.zeros(3), 1.0),
    "Independent": lambda: td.Independent(td.Poisson(torch.ones(3, 2)), 1),
    "independent vectors": lambda: td.Independent(td.Dirichlet(torch.ones(3, 2, 2)), 1),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_families_say_what_is_known(name):
    mixture = MixtureSameFamily(td.Categorical(probs=torch.ones(3)), UNKNOWN[name]())
    assert not mixture.has_rsample
    assert mixture.sample((2,)).shape[:1] == (2,)
    for method, args in (("rsample", ()), ("icdf", (0.5,)), ("log_cdf", (1.0,))):
        text = f"knows for `{method}` (Normal, Laplace, Cauchy, "
        with pytest.raises(NotImplementedError, match=re.escape(text)):
            getattr(mixture, method)(*args)


def test_the_page_names_every_family():
    page = (Path(__file__).parents[1] / "docs" / "torch.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| families |"))
    assert {kind.__name__ for kind in _reading.TABLE} <= set(re.findall(r"\w+", row))


def test_cdfs_that_torch_has_are_those_of_torch():
    mixture = MixtureSameFamily(td.Categorical(probs=torch.ones(3)), UNKNOWN["transformed"]())
    np.testing.assert_allclose(mixture.cdf(torch.tensor(0.5)), stats.norm.cdf(np.arctanh(0.5)))
    counts = MixtureSameFamily(td.Categorical(probs=torch.ones(3)), UNKNOWN["Poisson"]())
    with pytest.raises(NotImplementedError, match=r"knows for `cdf`.* got Poisson"):
        counts.cdf(torch.tensor(1.0))


def test_a_class_that_inherits_its_density_is_known():
    mixture = MixtureSameFamily(td.Categorical(probs=torch.ones(3)), Named(torch.zeros(3), 1.0))
    assert mixture.has_rsample
    np.testing.assert_allclose(mixture.cdf(0.5), stats.norm.cdf(0.5), rtol=1e-6)


def test_divergences_of_vectors_say_what_to_do_instead():
    mixture = MixtureSameFamily(td.Categorical(probs=torch.ones(3)), COMPONENTS["vectors"]())
    with pytest.raises(NotImplementedError, match=r"scalar mixtures(.|\n)*Estimate it from draws"):
        td.kl_divergence(mixture, mixture)


def test_devices_that_jax_lacks_raise():
    for device in ("meta", "mps", "cuda:0"):
        with pytest.raises(NotImplementedError, match=f"got a tensor on '{device}' and JAX on"):
            _bridge.check_device(torch.device(device))
    zeros = torch.zeros(3, device="meta")
    with pytest.raises(NotImplementedError, match=r"move the parameters by \.cpu\(\)"):
        normals(zeros, zeros, zeros + 1, **OFF).rsample()


def test_validation_is_that_of_torch():
    def gammas(**options):
        return MixtureSameFamily(
            td.Categorical(probs=torch.ones(2)), td.Gamma(torch.ones(2), 1.0), **options
        )

    for method in ("cdf", "log_cdf", "log_survival_function", "log_prob"):
        with pytest.raises(ValueError, match="within the support"):
            getattr(gammas(validate_args=True), method)(torch.tensor(-1.0))
    assert gammas(validate_args=False).cdf(torch.tensor(-1.0)) == 0
    with pytest.raises(ValueError, match="does not equal"):
        MixtureSameFamily(td.Categorical(probs=torch.ones(3)), td.Gamma(torch.ones(2), 1.0))


def test_without_torch_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "pathmix.torch")
    with pytest.raises(ImportError, match=r"pip install 'pathmix\[torch\]'"):
        importlib.import_module("pathmix.torch")
