"""Rows of several families joined to one, which laws take as they take a row of one family.

What is exact of a component is what its own row says, at points of all rows. Laws build mixtures by
`Row.mixture`, so that those of the families hold for these rows by the same code.
"""

from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise

import numpy as np
import numpyro.distributions as dist
from jax import numpy as jnp

from pathmix import Mixture, MixtureSameFamily
from pathmix._components import canonical, grouped, joined

INSIDE = ("body", "mass")


@dataclass(frozen=True, eq=False)
class Joined:
    """Components of several rows, in their order; a row of its own, with the interface of `Row`.

    Parameters are those of the rows, one row after the other, each an array over the components of
    its row alone. `nested` rows become mixtures of one component each of the mixture; a row that is
    joined itself becomes a `Mixture` within it. `kind` is what the quick tests have one row of.
    """

    kind: str
    rows: tuple
    nested: bool = False

    def __str__(self):
        return " + ".join(map(str, self.rows))

    @property
    def name(self):
        return str(self)

    @property
    def parts(self):
        """The rows of one family."""
        return tuple(part for row in self.rows for part in row.parts)

    @property
    def params(self):
        each = enumerate(self.parts)
        return {f"{name} of {p}": v for p, part in each for name, v in part.params.items()}

    @property
    def size(self):
        return sum(part.size for part in self.parts)

    @property
    def event_shape(self):
        return self.parts[0].event_shape

    @property
    def discrete(self):
        """Whether there is nothing but masses, counts among them; else counts are masses there."""
        counts = [part.discrete for part in self.parts]
        return any(counts) and all(part.discrete or part.oracle.atomic for part in self.parts)

    @property
    def counts(self):
        return any(part.discrete for part in self.parts)

    @property
    def smooth(self):
        return all(part.smooth for part in self.parts)

    @property
    def alike(self):
        return False

    @property
    def free(self):
        owners = map(self._owner, range(len(self.params)))
        return tuple(i for i, (part, own, _) in enumerate(owners) if own in part.free)

    def knows(self, name):
        return all(part.knows(name) for part in self.parts)

    def _owner(self, i):
        """The part that the i-th parameter belongs to, its place there, and how many go before."""
        before = 0
        for part in self.parts:
            if i < len(part.params):
                return part, i, before
            i, before = i - len(part.params), before + part.size
        raise IndexError(i)

    def place(self, i):
        if i < 0:
            return i, slice(None)
        part, own, before = self._owner(i)
        return own, slice(before, before + part.size)

    def arrays(self, dtype):
        return tuple(array for part in self.parts for array in part.arrays(dtype))

    def of_parts(self, theta, of=None):
        """The parameters part by part, or row by row."""
        theta, counts = list(theta), [len(each.params) for each in of or self.parts]
        return [theta[a:b] for a, b in pairwise(accumulate(counts, initial=0))]

    def columns(self, theta):
        parts = zip(self.parts, self.of_parts(theta), strict=True)
        return [one for part, own in parts for one in part.columns(own)]

    def make(self, *theta):
        """The components along one axis, as the library joins them."""
        parts = zip(self.parts, self.of_parts(theta), strict=True)
        return joined(*grouped([canonical(part.make(*own)) for part, own in parts])).distribution

    def mixed(self, components, w, **options):
        """The mixture of a mixture of each part."""
        each = zip(components, self.within(w, self.parts), strict=True)
        inner = [MixtureSameFamily(dist.Categorical(probs=v), d) for d, v in each]
        return Mixture(dist.Categorical(probs=self.sums(w, self.parts)), inner, **options)

    def mixture(self, theta, w, **options):
        """The mixture of the list of all components, or of the mixtures of the rows."""
        if self.nested:
            own, inside = self.of_parts(theta, self.rows), self.within(w, self.rows)
            inner = [row.mixture(t, v) for row, t, v in zip(self.rows, own, inside, strict=True)]
            return Mixture(dist.Categorical(probs=self.sums(w, self.rows)), inner, **options)
        parts = zip(self.parts, self.of_parts(theta), strict=True)
        every = [
            part.make(*(t[..., i] for t in own)) for part, own in parts for i in range(part.size)
        ]
        return Mixture(dist.Categorical(probs=w), every, **options)

    def within(self, w, rows):
        """The weights within each row's mixture."""
        return [each / each.sum() for each in self._shares(w, rows)]

    def sums(self, w, rows):
        """The weights of the rows."""
        return jnp.stack([each.sum() for each in self._shares(w, rows)])

    def _shares(self, w, rows):
        ends = accumulate((row.size for row in rows), initial=0)
        return [w[a:b] for a, b in pairwise(ends)]

    @cache  # noqa: B019
    def value(self, dtype):
        """The points of each part's first component, for every component; and their kinds."""
        points, kinds = self._points(dtype)
        shape = (len(points), self.size, *self.event_shape)
        return np.broadcast_to(points[:, None], shape), kinds

    def _points(self, dtype):
        each = [part.value(dtype) for part in self.parts]
        points = np.concatenate([value[:, 0] for value, _ in each])
        return points, np.concatenate([kinds for _, kinds in each])

    def body(self, dtype):
        points, kinds = self._points(dtype)
        return points[np.isin(kinds, INSIDE)]
