"""The rows of `fitting.py`: what is fitted, how, and how large it is."""

from dataclasses import asdict, dataclass, replace
from typing import Any

STEPS, STARTS, MANY = 20, 10, 1000
"""Steps of EM where all take equally many, starts of a fit to the end, and fits of one call."""
LARGE, FEWER = 100_000, 5
"""Rows from which on steps are fewer: times are those of one."""

OURS, LOOP, EXACT = "pathmix", "scikit-learn", "scikit-learn, tol 1e-8"
ONE_THREAD = "scikit-learn, 1 BLAS thread"
"""On two cores: a product of small matrices may take longer on two threads than on one."""
GMMX, MAPPED, POMEGRANATE = "gmmx", "gmmx, vmap", "pomegranate"
TASKS = {
    "steps": (OURS, LOOP, ONE_THREAD, GMMX, POMEGRANATE),
    "top": (OURS, LOOP, ONE_THREAD, EXACT, GMMX, POMEGRANATE),
    "many": (OURS, LOOP, ONE_THREAD, GMMX, MAPPED, POMEGRANATE),
    "many_tops": (OURS, LOOP, ONE_THREAD, EXACT, GMMX, POMEGRANATE),
}
"""``STEPS`` steps from one start, or from starts to the end; of one data set, or of ``MANY``. Who
takes part in each."""


@dataclass(frozen=True)
class Work:
    """One piece of work at one size."""

    task: str
    kind: str
    """``full`` or ``diag`` covariances."""
    dtype: str
    cores: int
    n: int
    k: int
    d: int
    data: str = "drawn"
    """Drawn from a mixture, or a file of examples/data."""

    @property
    def key(self) -> str:
        """A name of the row."""
        size = f"N{self.n}/K{self.k}/D{self.d}"
        return f"{self.task}/{self.data}/{self.kind}/{self.dtype}/{size}/cores{self.cores}"

    @property
    def names(self) -> list[str]:
        """Who takes part."""
        return [name for name in TASKS[self.task] if self.cores > 1 or name != ONE_THREAD]

    @property
    def is_many(self) -> bool:
        """Whether there are many data sets."""
        return self.task.startswith("many")

    @property
    def steps(self) -> int:
        """How many steps all take."""
        return FEWER if self.n >= LARGE else STEPS

    @property
    def units(self) -> int:
        """What a call is divided by: times are those of a step, or of all there is to do."""
        return self.steps if self.task == "steps" else 1

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def _steps(kind: str, dtype: str = "float32", cores: int = 2, n: int = 20_000) -> Work:
    return Work("steps", kind, dtype, cores, n, 32, 16)


GOALS = [
    _steps(kind, dtype, cores, n)
    for n in (20_000, 200_000)
    for kind in ("full", "diag")
    for dtype in ("float32", "float64")
    for cores in (1, 2)
]
"""The sizes that the goals speak of."""

_SIZES = {"n": (5_000, 20_000, 200_000), "k": (8, 32, 128), "d": (4, 16, 64)}
GROWTH = list(
    dict.fromkeys(
        replace(_steps(kind), **{axis: size})
        for kind in ("full", "diag")
        for axis, sizes in _SIZES.items()
        for size in sizes
    )
)
"""One size after the other, the rest as in the goals."""

SMALL = [
    Work(task, "full", dtype, cores, 200, 3, 2)
    for task in ("many", "many_tops")
    for dtype in ("float32", "float64")
    for cores in (1, 2)
]

EXAMPLES = [
    Work("top", kind, dtype, 2, n, k, d, data)
    for data, kind, n, k, d in (
        ("faithful", "full", 272, 2, 2),
        ("iris", "full", 150, 3, 4),
        ("galaxies", "diag", 82, 4, 1),
    )
    for dtype in ("float32", "float64")
]

ALL = list(dict.fromkeys([*GOALS, *GROWTH, *SMALL, *EXAMPLES]))
BRIEF = [
    *GOALS,
    Work("many", "full", "float32", 2, 200, 3, 2),
    *(row for row in EXAMPLES if row.dtype == "float64"),
]
"""What the goals speak of; fits to the end of the examples."""
QUICK = [_steps("full"), _steps("diag"), EXAMPLES[1], SMALL[1]]
