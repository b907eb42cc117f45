"""The parameters and data of a case, by NumPy: every process makes the same ones from the case."""

import zlib

import numpy as np

from suite.cases import Case
from suite.scalars import SCALARS

Arrays = dict[str, np.ndarray]


def parameters(case: Case) -> Arrays:
    """The logits of mixtures, ``*batch k``, and parameters ``*batch k *event``, in float32.

    For densities the components are apart, as they are when a mixture is worth having. For
    gradients through draws they overlap: at a distance TFP's estimate is so noisy that no check
    could tell it from a wrong one, and the cost does not depend on it.
    """
    rng = _generator(case, "parameters")
    batch = (*case.batch_shape, case.k)
    shape, logits = (*batch, *case.event_shape), {"logits": rng.normal(size=batch)}
    if case.family in SCALARS:
        arrays = logits | SCALARS[case.family].draw(rng, shape)
        if "loc" in arrays and _through_draws(case):
            arrays["loc"] /= 2
    else:
        spread = 1.5 / case.e**0.5 if _through_draws(case) else 3.0
        arrays = logits | {"loc": spread * rng.normal(size=shape)}
        arrays["scale"] = np.exp(0.3 * rng.normal(size=shape))
    if case.family == "full":
        below = np.tril(rng.normal(size=(*shape, case.e)) / case.e**0.5, -1)
        arrays["scale_tril"] = below + arrays.pop("scale")[..., None] * np.eye(case.e)
    return {name: value.astype(np.float32) for name, value in arrays.items()}


def points(case: Case) -> np.ndarray:
    """Draws from the mixture, ``n *event`` in float32; of many mixtures, any numbers."""
    if case.batch_shape:
        samples = (case.n,) if case.task == "vmap" else ()
        x = 3 * _generator(case, "points").normal(
            size=(*case.batch_shape, *samples, *case.event_shape)
        )
        return x.astype(np.float32)
    p, rng = parameters(case), _generator(case, "points")
    weights = np.exp(p["logits"].astype(float))
    index = rng.choice(case.k, size=case.n, p=weights / weights.sum())
    shape = (case.n, *case.event_shape)
    if case.family in SCALARS:
        of_each = {name: value[index].astype(float) for name, value in p.items()}
        x = SCALARS[case.family].exact(of_each).rvs(shape, random_state=rng)
    elif case.family == "full":
        noise = rng.normal(size=shape).astype(np.float32)
        x = p["loc"][index]
        for k in range(case.k):  # never n matrices at once
            x[index == k] += noise[index == k] @ p["scale_tril"][k].T
    else:
        x = p["loc"][index] + p["scale"][index] * rng.normal(size=shape)
    return x.astype(np.float32)


def levels(case: Case) -> np.ndarray:
    """Probabilities for quantiles, ``n``."""
    return _generator(case, "levels").uniform(0.001, 0.999, size=case.n).astype(np.float32)


def direction(p: Arrays) -> Arrays:
    """The vector that a Hessian is multiplied with."""
    return {k: np.tril(np.ones_like(v)) if v.ndim == 3 else np.ones_like(v) for k, v in p.items()}


def _through_draws(case: Case) -> bool:
    return case.task.startswith(("pathwise", "expectation"))


def _generator(case: Case, purpose: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(f"{case.key} {purpose}".encode()))
