"""PyTorch's and Pyro's mixtures, eager, as their documentation uses them."""

import time
from collections.abc import Callable
from typing import Any

import torch
import torch.distributions as td

from suite import inputs
from suite.cases import Case
from suite.job import Job, UnableError, as_answer
from suite.scalars import SCALARS


class Torch:
    """torch.distributions."""

    name = "torch"
    _d = td

    def mixture(self, case: Case, p: dict) -> Any:
        """The mixture, with validation off as in JAX."""
        weights = self._d.Categorical(logits=p["logits"], validate_args=False)
        components = self._components(case, p)
        return self._d.MixtureSameFamily(weights, components, validate_args=False)

    def _components(self, case: Case, p: dict) -> Any:
        d, off = self._d, {"validate_args": False}
        if case.family == "full":
            return d.MultivariateNormal(p["loc"], scale_tril=p["scale_tril"], **off)
        if case.family not in SCALARS:
            return d.Independent(d.Normal(p["loc"], p["scale"], **off), 1, **off)
        components = SCALARS[case.family].make("torch", d, p, **off)
        if components is None:
            raise UnableError("no such family")
        return components

    def reparameterized(self, case: Case, p: dict) -> Any:
        """The mixture whose draws carry gradients to every parameter."""
        raise UnableError("draws carry no gradient to the weights")

    def prepare(self, case: Case) -> Job:
        """Run the task once."""
        p = {name: torch.from_numpy(value) for name, value in inputs.parameters(case).items()}
        fn = self._task(case, p)

        def call(i: int) -> Any:
            torch.manual_seed(i)
            return fn()

        start = time.perf_counter()
        call(0)
        return Job(call, _to_answer, time.perf_counter() - start)

    def _task(self, case: Case, p: dict) -> Callable[[], Any]:
        if case.task == "pathwise_hvp":
            self.reparameterized(case, p)
            raise UnableError("first derivatives only")
        if case.task == "pathwise":
            self.reparameterized(case, p)
            return lambda: _value_and_grad(lambda p: self._square_of_draws(case, p), p)
        if case.task in ("vmap", "network"):
            raise UnableError("not written: a transformation, a network of JAX")
        if case.task in ("log_prob_grad", "members"):
            x = torch.from_numpy(inputs.points(case))
            return lambda: _value_and_grad(lambda p: self.mixture(case, p).log_prob(x).mean(), p)
        if case.task == "log_prob_grad_x":
            x = torch.from_numpy(inputs.points(case)).requires_grad_()
            return lambda: torch.autograd.grad(self.mixture(case, p).log_prob(x).sum(), x)[0]
        return self._without_gradient(case, p)

    def _without_gradient(self, case: Case, p: dict) -> Callable[[], Any]:
        x = torch.from_numpy(inputs.points(case))
        works: dict[str, Callable] = {
            "sample": lambda mixture: mixture.sample((case.n,)),
            "log_prob": lambda mixture: mixture.log_prob(x),
            "eager": lambda mixture: mixture.log_prob(x),
            "cdf": lambda mixture: mixture.cdf(x),
            "posterior": lambda mixture: _posterior(mixture, x),
        }
        if case.task not in works:
            raise UnableError("no quantiles of mixtures, no such estimators")
        if case.task == "cdf" and case.family == "student_t":
            raise UnableError("no cdf of StudentT")

        made = self.mixture(case, p) if case.task == "eager" else None

        def run() -> torch.Tensor:
            with torch.no_grad():
                return works[case.task](made or self.mixture(case, p))

        return run

    def _square_of_draws(self, case: Case, p: dict) -> torch.Tensor:
        return self.reparameterized(case, p).rsample((case.n,)).square().sum() / case.n


class Pyro(Torch):
    """Pyro, whose MixtureOfDiagNormals has pathwise gradients of its own."""

    name = "Pyro"

    def __init__(self) -> None:
        import pyro.distributions

        self._d = pyro.distributions

    def mixture(self, case: Case, p: dict) -> Any:
        if case.family == "independent" and case.e > 1:
            return self._d.MixtureOfDiagNormals(p["loc"], p["scale"], p["logits"])
        return super().mixture(case, p)

    def reparameterized(self, case: Case, p: dict) -> Any:
        if case.family != "independent" or case.e == 1:
            raise UnableError("only MixtureOfDiagNormals has such draws, from two dimensions on")
        return self.mixture(case, p)

    def _without_gradient(self, case: Case, p: dict) -> Callable[[], Any]:
        if case.task == "posterior" and case.family == "independent" and case.e > 1:
            raise UnableError("no posterior of the components")
        return super()._without_gradient(case, p)


def _posterior(mixture: Any, x: torch.Tensor) -> torch.Tensor:
    prior = mixture.mixture_distribution.logits
    return torch.softmax(prior + mixture.component_distribution.log_prob(x.unsqueeze(1)), -1)


def _value_and_grad(loss: Callable[[dict], torch.Tensor], p: dict) -> tuple:
    leaves = {name: value.detach().requires_grad_() for name, value in p.items()}
    value = loss(leaves)
    return value, dict(zip(leaves, torch.autograd.grad(value, leaves.values()), strict=True))


def _to_answer(result: Any) -> dict:
    if isinstance(result, tuple):
        result = result[0], {name: value.numpy() for name, value in result[1].items()}
        return as_answer((result[0].detach().numpy(), result[1]))
    return as_answer(result.detach().numpy())
