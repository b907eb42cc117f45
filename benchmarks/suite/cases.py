"""What is measured: one row for each piece of work, family and size.

`QUICK` holds the sizes that the goals speak of, and one of every other kind of work; `ALL` adds a
sweep of each of N (samples), K (components) and E (event size), and the other families.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from suite.scalars import SCALARS

MAPPED = 1000
"""Mixtures of the task ``vmap``."""
TASKS = {
    "sample": "draw N samples",
    "log_prob": "log density",
    "log_prob_grad": "log density, value and gradient in the parameters",
    "log_prob_grad_x": "log density, gradient in x",
    "cdf": "cdf",
    "icdf": "quantiles",
    "posterior": "posterior probabilities of the components",
    "pathwise": "mean of |x|² over draws, value and gradient through the draws",
    "pathwise_hvp": "the same, Hessian times a vector",
    "expectation_stratified": "expectation of |x|², value and gradient, Stratified()",
    "expectation_pathwise": "expectation of |x|², value and gradient, Pathwise()",
    "expectation_score": "expectation of |x|², value and gradient, Score()",
    "nuts": "one leapfrog step of NUTS, N data",
    "members": "log density of N mixtures with a datum each, value and gradient in the parameters",
    "vmap": f"the same of {MAPPED} mixtures with N data each, by jax.vmap",
    "network": "one step of a mixture density network, value and gradient; a batch of N",
    "eager": "log density of N points, outside of jit",
}
FAMILIES = {
    **{name: scalar.title for name, scalar in SCALARS.items()},
    "independent": "Independent Normal",
    "full": "multivariate normal",
}
SCALAR = ("normal", "student_t", "gamma")
"""Those of which more than densities is measured."""


@dataclass(frozen=True)
class Case:
    """One piece of work at one size."""

    task: str
    family: str
    n: int
    k: int
    e: int = 1
    skip: tuple[tuple[str, str], ...] = ()
    """Contestants that are not asked, and why."""

    def __post_init__(self) -> None:
        """Catch a misspelt row of the tables."""
        if self.task not in TASKS or self.family not in FAMILIES:
            raise ValueError(f"expected a task of TASKS and a family of FAMILIES, got {self}.")
        if self.family in SCALARS and self.e != 1:
            raise ValueError(f"expected e=1 for scalar components, got {self}.")

    @property
    def key(self) -> str:
        """The row's name in the results."""
        return f"{self.task}/{self.family}/N{self.n}/K{self.k}/E{self.e}"

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one event."""
        return () if self.family in SCALARS else (self.e,)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of a batch of mixtures, each with parameters of its own."""
        return {"members": (self.n,), "network": (self.n,), "vmap": (MAPPED,)}.get(self.task, ())

    def to_json(self) -> dict:
        """As plain data, for the second process and the results."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict) -> "Case":
        """The inverse of `to_json`."""
        return cls(**{**row, "skip": tuple(map(tuple, row["skip"]))})


QUADRATIC = (("TFP", "quadratic in E: minutes for each call at this size"),)
HANGS = tuple(
    (name, "with jaxlib 0.10.1 its triangular solves never return at this size, on 2 cores")
    for name in ("NumPyro", "TFP", "Distrax")
)
SLOW = "seconds for each call at this size, longer than the others"
MANY = (("Pyro", "quadratic in K: over 24 GiB at this size"),)

GOAL_ROWS = (
    Case("sample", "independent", 100_000, 64, 16),
    Case("sample", "independent", 100_000, 16, 8),
    Case("sample", "normal", 100_000, 4),
    Case("log_prob", "independent", 100_000, 64, 16),
    Case("log_prob_grad", "independent", 100_000, 64, 16),
    Case("log_prob", "full", 20_000, 16, 16),
    Case("log_prob_grad", "full", 20_000, 16, 16),
    Case("log_prob", "normal", 10_000, 5),
    Case("log_prob_grad", "independent", 1000, 8, 64),
    Case("log_prob_grad", "full", 1000, 8, 16),
    Case("pathwise", "independent", 1000, 8, 64),
    Case("pathwise", "independent", 1000, 8, 256, skip=QUADRATIC),
    Case("pathwise", "full", 1000, 8, 16),
)

OTHER_WORK = (
    Case("log_prob_grad_x", "independent", 10_000, 16, 16),
    Case("cdf", "normal", 10_000, 16),
    Case("icdf", "normal", 10_000, 16),
    Case("posterior", "independent", 10_000, 16, 16),
    Case("pathwise_hvp", "independent", 1000, 8, 16),
    Case("expectation_stratified", "independent", 1000, 8, 16),
    Case("expectation_pathwise", "independent", 1000, 8, 16),
    Case("expectation_score", "independent", 1000, 8, 16),
    Case("nuts", "normal", 82, 6),
    Case("members", "full", 128, 6, 4),
    Case("vmap", "normal", 200, 3),
    Case("network", "independent", 256, 5, 8),
    Case("eager", "normal", 1, 3),
)


_VECTORS = ("independent", "full")


def _sweep() -> Iterable[Case]:
    for task in ("sample", "log_prob", "log_prob_grad"):
        yield from (Case(task, "independent", n, 16, 16) for n in (10**3, 10**4, 10**5, 10**6))
        yield from (Case(task, "independent", 10_000, k, 16) for k in (2, 16, 64, 512))
        yield from (Case(task, "independent", 10_000, 16, e) for e in (1, 16, 64, 256))
    for task in ("pathwise", "pathwise_hvp"):
        yield from (Case(task, "independent", n, 8, 16) for n in (10**3, 10**4))
        yield from (Case(task, "independent", 1000, k, 16) for k in (2, 16, 64))
        yield Case(task, "independent", 1000, 512, 16, skip=MANY)
        yield from (Case(task, "independent", 1000, 8, e) for e in (1, 16))
        large = (64, 256) if task == "pathwise_hvp" else (256,)
        yield from (Case(task, "independent", 1000, 8, e, skip=QUADRATIC) for e in large)


def _families() -> Iterable[Case]:
    for task in ("sample", "log_prob", "log_prob_grad", "log_prob_grad_x", "posterior"):
        yield from (Case(task, family, 100_000, 16) for family in SCALAR)
        hang = HANGS if task.startswith("log_prob_grad") else ()
        yield from (Case(task, "full", 20_000, 16, e) for e in (4, 16))
        yield Case(task, "full", 20_000, 16, 64, skip=hang)
    yield from (Case("pathwise", family, 10_000, 16) for family in (*SCALAR, "beta"))
    # of shape parameters the second derivatives take minutes to compile
    yield Case("pathwise_hvp", "normal", 10_000, 16)
    yield from (Case("pathwise", "full", 1000, 8, e) for e in (4, 64))
    yield from (Case("expectation_stratified", "full", 1000, 8, e) for e in (4, 16))


def _scalars() -> Iterable[Case]:
    for family, scalar in SCALARS.items():
        sizes = ((10**3, 3), (10**5, 16))
        for n, k in sizes if scalar.rare else (*sizes, (10**5, 3), (10**3, 16)):
            tasks = ("log_prob", "log_prob_grad", "log_prob_grad_x", "posterior")
            skipped = ("log_prob_grad_x",) if scalar.discrete else ()
            yield from (Case(task, family, n, k) for task in tasks if task not in skipped)
        # the cdfs of heavy families take seconds at more points
        yield from (Case("cdf", family, 10_000, k) for k in (3, 16))
        yield Case("icdf", family, 10_000, 16)


def _many_mixtures() -> Iterable[Case]:
    for n in (128, 1024):
        yield Case("members", "normal", n, 6)
        yield from (Case("members", family, n, 6, e) for family in _VECTORS for e in (4, 10))
    yield Case("vmap", "normal", 200, 3)
    yield from (Case("vmap", family, 200, 3, 4) for family in _VECTORS)
    yield from (Case("network", "independent", 256, 5, e) for e in (1, 8))
    yield Case("eager", "normal", 1, 3)
    yield from (Case("eager", family, 1, 3, 4) for family in _VECTORS)


def _quick(case: Case) -> Case:
    """Without those who take minutes."""
    if case.n * case.k * case.e <= 10**8:
        return case
    slow = ("torch", "TFP", "Distrax") if case.task == "sample" else ("torch", "Pyro")
    return replace(case, skip=(*case.skip, *((name, SLOW) for name in slow)))


QUICK = tuple(_quick(case) for case in (*GOAL_ROWS, *OTHER_WORK))
_EVERY = (*GOAL_ROWS, *OTHER_WORK, *_sweep(), *_families(), *_scalars(), *_many_mixtures())
ALL = tuple({case.key: _quick(case) for case in _EVERY}.values())
