"""What a selection found: criteria of all fits side by side, and the best fit."""

from typing import Any, NamedTuple

import numpy as np
import numpyro.distributions as dist

from pathmix._estimation._parameters import read_fixed
from pathmix._estimation._result import Fit, result
from pathmix._estimation._sweep import Model
from pathmix._estimation._together import Ended
from pathmix._mixture import MixtureSameFamily


class Selection(NamedTuple):
    """What :func:`select` found: a table, which ``print`` shows, and the fit of its best row.

    Example:
        >>> import jax, numpy as np, numpyro.distributions as dist
        >>> from pathmix import select
        >>> counts = np.array([0, 1, 1, 2, 0, 1, 9, 11, 10, 12])
        >>> chosen = select(dist.Poisson, counts, range(1, 3), key=jax.random.key(0))
        >>> chosen.table["bic"].round(1)
        array([83. , 50.8])
        >>> chosen.best.mixture.num_components
        2
    """

    best: Fit
    """The fit of the best row."""
    table: dict[str, np.ndarray]
    """Columns of equal length: ``name``, ``k``, ``log_likelihood``, ``num_parameters``, ``aic``,
    ``bic``, ``icl``, ``converged``, and ``degenerate``, how many components are."""
    criterion: str
    """By which column the best was chosen."""

    @property
    def row(self) -> int:
        """The best row: the least criterion among those without degenerate components, if any."""
        return _best(self.table, self.criterion)

    def __repr__(self) -> str:
        columns = {
            "name": "{}", "k": "{}", "log_likelihood": "{:.3f}", "num_parameters": "{}",
            "aic": "{:.2f}", "bic": "{:.2f}", "icl": "{:.2f}", "degenerate": "{}",
        }  # fmt: skip
        lines = [[name.replace("_", " ") for name in columns] + [""]]
        for i in range(len(self.table["k"])):
            cells = [form.format(self.table[name][i]) for name, form in columns.items()]
            mark = (
                "best" if i == self.row else "" if self.table["converged"][i] else "not converged"
            )
            lines.append([*cells, mark])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        put = lambda cells: "  ".join(  # noqa: E731
            c.ljust(w) if j in (0, len(widths) - 1) else c.rjust(w)
            for j, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "\n".join(put(cells).rstrip() for cells in lines)


class Found(NamedTuple):
    """A fit of so many components."""

    name: str
    k: int
    ended: Ended

    def row(self) -> dict[str, Any]:
        """Return its line in the table."""
        totals, p = self.ended.totals, self._num_parameters()
        likely, entropy, size = (
            float(t) for t in (totals.log_likelihood, totals.entropy, totals.size)
        )
        bic = p * np.log(size) - 2 * likely
        return {
            "name": self.name,
            "k": self.k,
            "log_likelihood": likely,
            "num_parameters": p,
            "aic": 2 * p - 2 * likely,
            "bic": bic,
            "icl": bic + 2 * entropy,
            "converged": bool(self.ended.state.converged),
            "degenerate": int(np.sum(self.ended.flat[: self.k])),
        }

    def fit(self) -> Fit:
        """Return it without the components that have no weight."""
        model = self._model()
        weights = dist.Categorical(probs=model.weights, validate_args=False)
        mixture = MixtureSameFamily(weights, model.components.distribution)
        totals, flat = self.ended.totals, self.ended.flat[: self.k]
        totals = totals._replace(counts=totals.counts[: self.k])
        return result(mixture, model, totals, self._num_parameters(), self.ended.state, flat)

    def _model(self) -> Model:
        model, k = self.ended.state.best, self.k
        parameters = [p[:k] if len(p) > 1 else p for p in model.components.parameters]
        return Model(model.weights[:k], model.components.of(parameters))

    def _num_parameters(self) -> int:
        components = self._model().components
        if components.own_shape[-1] != self.k:  # all parameters are shared
            return read_fixed(None, components).free(components) + self.k - 1
        return read_fixed(None, components).free(components)


def selection(found: list[Found], criterion: str) -> Selection:
    """Return the table of fits, and the best of them."""
    lines = [one.row() for one in found]
    table = {column: np.array([line[column] for line in lines]) for column in lines[0]}
    return Selection(found[_best(table, criterion)].fit(), table, criterion)


def _best(table: dict[str, np.ndarray], criterion: str) -> int:
    possible = np.isfinite(table[criterion])
    if not possible.any():
        raise ValueError(
            "expected data that are possible under some of the mixtures, got a likelihood of zero, "
            "or an infinite one, under all. Look for constant columns and values off the supports."
        )
    sound = possible & (table["degenerate"] == 0)
    return int(np.argmin(np.where(sound if sound.any() else possible, table[criterion], np.inf)))
