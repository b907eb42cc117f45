"""Ours at a site of Pyro, in the guide of its SVI."""

import pytest

pytest.importorskip("torch", reason="PyTorch: pip install 'pathmix[torch]'")
pyro = pytest.importorskip("pyro", reason="Pyro: pip install pyro-ppl")

import torch  # noqa: E402
from pyro import distributions as dist  # noqa: E402
from pyro.distributions.torch_distribution import TorchDistributionMixin  # noqa: E402
from pyro.infer import SVI, Trace_ELBO  # noqa: E402

import pathmix.torch  # noqa: E402


class MixtureSameFamily(pathmix.torch.MixtureSameFamily, TorchDistributionMixin):
    """As a site of Pyro."""


def model():
    weights = dist.Categorical(probs=torch.tensor([0.3, 0.7]))
    components = dist.Normal(torch.tensor([-1.5, 1.0]), torch.tensor([0.6, 0.8]))
    pyro.sample("z", dist.MixtureSameFamily(weights, components))


def guide():
    logits = pyro.param("logits", torch.zeros(2))
    loc = pyro.param("loc", torch.tensor([-1.0, 1.0]))
    scale = pyro.param("scale", torch.ones(2), constraint=dist.constraints.positive)
    pyro.sample("z", MixtureSameFamily(dist.Categorical(logits=logits), dist.Normal(loc, scale)))


def test_a_guide_learns_its_weights():
    """The posterior is the model's own mixture, and so the bound can be zero."""
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    elbo = Trace_ELBO(num_particles=64, vectorize_particles=True, max_plate_nesting=0)
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.03}), elbo)
    for _ in range(300):
        svi.step()
    elbo = Trace_ELBO(num_particles=4000, vectorize_particles=True, max_plate_nesting=0)
    assert 0 <= elbo.loss(model, guide) + 0.005 < 0.02
    weights = pyro.param("logits").softmax(-1)
    assert abs(weights[0].item() - 0.3) < 0.05
    pyro.clear_param_store()


def test_plates_and_masks():
    mixture = MixtureSameFamily(
        dist.Categorical(probs=torch.ones(2)), dist.Normal(torch.zeros(2), 1.0)
    )
    assert mixture.expand_by([5])().shape == (5,)
    assert mixture.mask(mask=False).log_prob(torch.tensor(0.3)) == 0
    assert mixture.expand([5]).to_event(1).event_shape == (5,)
    assert mixture.expand([5]).to_event(1).has_rsample
