"""Tuned constants: sizes that programs are cut to, and what chose each.

They change speeds alone, never results beyond rounding. They were chosen with jaxlib 0.10.1 on two
cores; rows named are those of ``benchmarks/run.py --all`` unless another file is named. Whoever
changes one runs its row before and after.
"""

SPLIT = 8
"""Points that a sum over samples takes in its first step. More would make the loops too long for
compilers to unroll, and then nothing is vectorised (log_prob_grad, independent normals)."""

DEVICES = 192
"""Samples on a number of devices that divides this stay where they are (tests/test_sharding.py)."""

RUN = 16
"""Coordinates that are summed by one loop: with more, XLA's CPU compiler does not unroll it
(log_prob, independent normals, E = 64)."""

BLOCK = 2**19
"""Values of one block of components, over points, event and components: small terms, long loops
(log_prob, independent normals, K = 64)."""

SMALL = 2**16
"""Values, over points, event and components, that one block takes: less work than the steps of a
loop (benchmarks/many_mixtures.py, 1797 full covariances of size 5 under 6 components)."""

SCALARS = 2
"""How many times as many values of scalars, which are worked out in place (log_prob, Normal)."""

DENSE = 2**21
"""Values over components and points of a mixture of scalars that are an array at a time
(log_prob, Gamma, N = 1e5; beyond, memory is what bounds it)."""

DENSE_CHANGE = 2**18
"""The same of derivatives in the parameters, of which there are several arrays
(log_prob_grad, Normal, N = 1e5)."""

KEPT = 2**23
"""Values of densities and slopes of scalars that a gradient keeps; of more it works them out again
(log_prob_grad, Gamma and StudentT, N = 1e5, K = 16)."""

FEW = 8
"""Components below which a loop over them may be faster than one pass over all terms, and a
deviance of each pair by itself than by a split logarithm of each point (log_prob, Gamma, K = 3).
Sums over fewer are written out (cdf, HalfNormal, K = 3)."""

FEW_PAIRS = 2**15
"""Up to so many pairs of a point and a component, each pair has a deviance by itself: the program
of split logarithms has twice as many kernels, which is what takes the time (log_prob and posterior,
Gamma, N = 1000, K = 16)."""

SHARED_BADLY = 2**10, 2**15
"""Between so many values of few components XLA's CPU compiler gives each of two threads half of a
pass over all terms, and the hand-over, of some 30 µs, takes longer than a pass over each component
(log_prob_grad, Normal, N = 1000, K = 3)."""

WRITTEN_OUT = 16
"""Components of scalars that are reduced without a loop (log_prob, Normal, K = 16)."""

ONE_THREAD, TURNS = 180_000, 8
"""Operations of a pass that XLA's CPU compiler leaves to one thread (2·10⁵ by its own count, of
which ours is an estimate), and how many such passes are faster than one by two threads (log_prob
and log_prob_grad_x, Normal, Gamma and Chi2, N = 1000 and 2000, K = 3, 6 and 16)."""

BY_ONE_KERNEL, JOINED = 8, 8
"""Numbers over components and a batch of mixtures of what parameters alone decide that one kernel
works out, some of it anew for each result; and of how many results (log_prob, StudentT, Beta and
Gamma, N = 1000, K = 3 and 16). XLA's CPU compiler does not fuse what is joined of more."""

LONG, LONG_SLOPE = 350, 130
"""The most operations on points of a density that is written out for each component, and on pairs
of a point and a component of one that is written out together with its slope in ``x``. Code of more
takes seconds to compile (log_prob, BetaBinomial, and log_prob_grad_x, Beta, N = 1e5, K = 16)."""

SHORT = 100
"""The most operations of a density that a few thousand pairs work out where they are read
(log_prob_grad, Normal, N = 1000, K = 3)."""

UNROLLED = 25, 60
"""Between so many operations of a cdf compilers do best with the loop that the sum over components
is: they unroll it (cdf, Dagum and Gompertz, K = 16)."""

AT_ONCE = 400, 1400
"""Operations of the components whose cdfs are written out at a time, if that are several; and if
it is the fewest that the components divide into (cdf, Dagum, K = 16; TruncatedNormal, K = 3)."""

STRETCH = 2**14, 2**17
"""Values of a stretch of points, about: those that a core's cache holds while blocks read them
(log_prob, independent normals, N = 1e6)."""

ADDED_UP = 16
"""Components of a block that are added up without a loop (log_prob, Normal, K = 16)."""

RECURRENCE = 2**17
"""Values over rows, components and points of the weights' recurrence that are worked out together:
what a cache holds (pathwise, independent normals, E = 64)."""

MANY_POINTS, MANY_COORDINATES = 128, 512
"""Points of one matrix, or coordinates of all of them, above which its inverse pays
(benchmarks/many_mixtures.py; full covariances, K = 8, E = 10 to 64, N = 8 to 100)."""

SUBSTITUTED, MANY_SYSTEMS = (5, 12), 64
"""Rows of a triangular system that are worked out without a loop, of few systems and of many: the
program grows with their square. Of 10 rows a loop is compiled in two thirds of the time, but is
slower for many systems (benchmarks/many_mixtures.py; full covariances, N = 8 to 16, K = 4 to 16,
E = 4 to 25)."""

INVERTED = 16
"""Size of a triangular matrix, or of its diagonal blocks, that is inverted column by column. Of 16,
32 and 64 it is the fastest (log_prob_grad, full covariances, E = 16 to 256)."""

FACTORED = 32
"""Columns of a matrix that are factored without LAPACK (log_prob, low rank)."""

COMPARED = 32
"""Up to this many components, an index is found by comparing with all of them, beyond by a binary
search (sample, independent normals, K = 64)."""

SWEPT = 2**19
"""Values over components, rows and coordinates of one stretch of a pass over data (steps, diag)."""

SWEPT_BY_MATRICES = 2**20
"""The same where matrices meet rows: of few rows their products are slow (steps, full, K = 128)."""

EXPANDED = 2**17
"""Powers and memberships of one stretch where rows are expanded in powers (steps, full)."""
UNDIVIDED = 2**17
"""Bytes over components and rows of a stretch beyond which XLA's CPU compiler gives each of two
threads half of a pass: at this size the hand-overs take longer than that saves (steps, diag)."""
EXPANDED_ROWS, EXPANDED_COMPONENTS, EXPANDED_SIZE = 2**12, 8, 64
"""Rows and components from which on, and sizes up to which that pays (steps, full)."""

TURN = 2**19
"""Values over components, rows, coordinates and steps that a fit goes through before it first looks
at the clock: half a second of the slowest families (top, galaxies, K = 4)."""

MANY_QUANTILES = 4096
"""Quantiles that are made of others: fewer are found before that longer program is compiled, which
takes two to four seconds more (icdf, Normal)."""

PER_LEVEL, LEVELS = 64, 1024
"""How many quantiles are made of one, and of how many at most (icdf, Normal, N = 1e4)."""

POLISHED = 6
"""Steps of Newton's method, after which bisection is as fast (icdf, Normal)."""

LITTLE = 2**17
"""Numbers over rows, coordinates and components of fits whose programs compile in less time. Those
of more run slower then: later calls take a sixth longer (``select``, 4000 rows of four coordinates,
one to six components; of 1000 rows they do not)."""
