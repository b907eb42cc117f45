"""Log-space special functions that JAX lacks, accurate in both tails and in every derivative."""

from ._beta import log_betainc as log_betainc
from ._cholesky import cholesky as cholesky
from ._elementwise import forward_differentiable as forward_differentiable
from ._gamma import log_gammainc as log_gammainc
from ._gamma import log_gammaincc as log_gammaincc
from ._gamma_differences import lgamma_difference as lgamma_difference
from ._gamma_differences import lgamma_second_difference as lgamma_second_difference
from ._kernels import log_beta_kernel as log_beta_kernel
from ._kernels import log_poisson_kernel as log_poisson_kernel
from ._kernels import log_poisson_peak as log_poisson_peak
from ._log_exp import bounded_exp as bounded_exp
from ._log_exp import log1mexp as log1mexp
from ._log_exp import log_diff_exp as log_diff_exp
from ._log_exp import log_expm1_ratio as log_expm1_ratio
from ._log_exp import log_quotient as log_quotient
from ._normal import log_ndtr as log_ndtr
from ._normal import mills_ratio as mills_ratio
from ._quotients import deviance_of as deviance_of
from ._quotients import log1p_square as log1p_square
from ._stirling import deviance as deviance
from ._stirling import stirling_error as stirling_error
from ._substitution import matrix_rows as matrix_rows
from ._substitution import solve_rows as solve_rows
from ._triangular import triangular_inverse as triangular_inverse
from ._von_mises import log_von_mises_cdf as log_von_mises_cdf
from ._von_mises import log_von_mises_survival as log_von_mises_survival
