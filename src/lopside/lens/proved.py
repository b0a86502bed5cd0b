r"""What is proved about the iterations of each paper's method, side by side.

In all of it A has singular values σ₁ ≥ … ≥ σ_r > 0, κ = σ₁/σ_r, m rows, n columns, and factors of d columns.
"""

from __future__ import annotations

from typing import NamedTuple


class Proved(NamedTuple):
    """A paper's theorem in five lines; formulas between dollars.

    Attributes
    ----------
    assumptions, update, start, step, iterations, source : str
    """

    assumptions: str
    update: str
    start: str
    step: str
    iterations: str
    source: str


PROVED = {
    "ye2021-global": Proved(
        r"$A$ has rank $r$ exactly, $d = r$",
        "gradient descent, both factors at once",
        r"small Gaussian: entries from $N(0, \varepsilon^2)$, "
        r"$\varepsilon = \tilde O(\sigma_r / (\sqrt{d \sigma_1}\,(m + n)))$",
        r"$\eta = O(\sigma_r \varepsilon^2 / (d \sigma_1^3))$",
        r"$O(n d\, \kappa^4 \log(1/\epsilon))$",
        "Iterations as Ward & Kolda 2023 state them, who print σ₁/σ₁ for κ, a slip. Start and step: Theorem 1.1 of Ye "
        "& Du 2021, whose own count is O((ησ_r)⁻¹ log(1/δ)) for that step: with it, the powers of n and d are higher.",
    ),
    "jiang2022-algorithmic": Proved(
        r"any $A$ with a gap $\sigma_r > \sigma_{r+1}$, $d \geq r$; the run is stopped early",
        "gradient descent, both factors at once",
        r"small Gaussian, its size small enough for the gap",
        r"$\eta \lesssim \sigma_r^2 / \sigma_1^3$",
        r"$O(C_d\, \kappa^3 \log(1/\epsilon))$",
        "Iterations as Ward & Kolda 2023 state them; they count to an approximation of rank r.",
    ),
    "ward2023-convergence": Proved(
        r"$A$ has rank $r$ exactly, $d \geq r$",
        "alternating gradient descent: first $X$, then $Y$ with the new $X$",
        r"unbalanced: $X_0 = A \Phi_1 / (\sqrt{\eta}\, C \sigma_1)$, $Y_0 = \sqrt{\eta}\, D \sigma_1 \Phi_2$, "
        r"Gaussian $\Phi_1$, $\Phi_2$",
        r"one $\eta \leq 9 / (4 C \nu \sigma_1)$ that also fits the number of iterations",
        r"$O(\kappa^2 \log(1/\epsilon))$; the constant has the factor $1/\rho^2$, "
        r"$\rho \approx 1 - \sqrt{(r - 1)/d}$",
        "Ward & Kolda 2023, Theorem 3.1 and Corollary 5.2.",
    ),
}
"""By the slug of the paper."""
