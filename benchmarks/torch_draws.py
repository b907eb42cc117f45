"""Draws of torch's mixtures beside Pyro's MixtureOfDiagNormals: bias of gradients, and time.

Run with the `bench` extra installed: `python benchmarks/torch_draws.py [--quick]`. It prints the
tables of `docs/torch.md`. Times are those of the process over all its threads, taken in turns.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from pyro.distributions import MixtureOfDiagNormals
from torch import Tensor
from torch.distributions import Categorical, Independent, Normal

from pathmix.torch import MixtureSameFamily

CHUNK = 10_000
NAMES = ("loc", "scale", "logits")


def ours(loc: Tensor, scale: Tensor, logits: Tensor) -> MixtureSameFamily:
    """The mixture of this library."""
    return MixtureSameFamily(Categorical(logits=logits), Independent(Normal(loc, scale), 1))


MAKERS: dict[str, Callable] = {"pathmix.torch": ours, "Pyro": MixtureOfDiagNormals}


def parameters(k: int, d: int, *, of_one: bool = False) -> list[Tensor]:
    """Locations and scales ``k d`` and logits ``k``; the scales from 0.5 to 1.5, or all one."""
    torch.manual_seed(k + d)
    scale = torch.rand(k, d) + 0.5
    given = torch.randn(k, d), torch.ones(k, d) if of_one else scale, 0.5 * torch.randn(k)
    return [t.requires_grad_() for t in given]


def expectation(loc: Tensor, scale: Tensor, logits: Tensor) -> Tensor:
    """``E[|x|² + x_1 x_2]``."""
    each = (loc**2 + scale**2).sum(-1) + loc[..., 0] * loc[..., 1]
    return logits.softmax(-1) @ each


def gradients(make: Callable, p: list[Tensor]) -> tuple[Tensor, ...]:
    """An estimate of the expectation's gradient from a chunk of draws."""
    x = make(*p).rsample((CHUNK,))
    value = (x**2).sum(-1) + x[..., 0] * x[..., 1]
    return torch.autograd.grad(value.mean(), p)


def bias(make: Callable, p: list[Tensor], chunks: int) -> list[str]:
    """For each parameter the largest deviation, in standard errors and in exact gradients."""
    torch.manual_seed(1)
    each = [gradients(make, p) for _ in range(chunks)]
    exact = torch.autograd.grad(expectation(*(t.double() for t in p)), p)
    cells = []
    for found, wanted in zip(zip(*each, strict=True), exact, strict=True):
        found = torch.stack(found).double()
        off = (found.mean(0) - wanted).abs()
        errors = (off / (found.std(0) / chunks**0.5)).max()
        cells.append(f"{errors:.1f} ({off.max() / wanted.abs().max():.1%})")
    return cells


def print_bias(chunks: int) -> None:
    """One row for each shape and library."""
    print(f"| k, d | scales | library | {' | '.join(NAMES)} |\n|---|---|---|---:|---:|---:|")
    for k, d in ((2, 2), (3, 2), (2, 3), (2, 4), (3, 5)):
        for of_one in (False, True):
            for name, make in MAKERS.items():
                cells = bias(make, parameters(k, d, of_one=of_one), chunks)
                kind = "all 1" if of_one else "0.5 to 1.5"
                print(f"| {k}, {d} | {kind} | {name} | {' | '.join(cells)} |", flush=True)


def seconds(make: Callable, p: list[Tensor], n: int) -> float:
    """Time of one value and gradient."""
    start = time.process_time()
    torch.autograd.grad((make(*p).rsample((n,)) ** 2).mean(), p)
    return time.process_time() - start


def print_times(rounds: int) -> None:
    """Medians over rounds after a first call."""
    heads = " | ".join(f"{name}, ms" for name in MAKERS)
    print(f"| draws | k, d | {heads} | ratio |\n|---|---|---:|---:|---:|")
    for n, k, d in ((1, 3, 2), (1000, 3, 2), (1000, 16, 8), (1000, 16, 64), (100_000, 3, 2)):
        p = parameters(k, d)
        times: dict[str, list[float]] = {name: [] for name in MAKERS}
        for i in range(rounds + 1):
            for name in sorted(MAKERS, reverse=bool(i % 2)):
                taken = seconds(MAKERS[name], p, n)
                times[name] += [taken] if i else []
        mine, other = (median(times[name]) for name in MAKERS)
        cells = f"{1e3 * mine:.2f} | {1e3 * other:.2f} | {other / mine:.1f}"
        print(f"| {n:,} | {k}, {d} | {cells} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws")
    quick = parser.parse_args().quick
    print_bias(10 if quick else 100)
    print_times(5 if quick else 25)
