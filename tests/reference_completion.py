"""Independent references for `Completion`: dense float64 tables, F written out, and the least F of every rank."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

import lopside as lo

SCALINGS = ("none", "counts", "smoothed")
BIASES = ("none", "mean", "rows", "columns", "both")


@dataclass(frozen=True)
class Table:
    """An m × n table of which the entries with w > 0 are known, and what is asked about it."""

    a: np.ndarray
    w: np.ndarray
    ridge: float = 0.3
    ridge_scaling: str = "none"
    bias: str = "none"
    bias_ridge: float | None = None
    weighted: bool = False
    dtype: type = np.float64

    @property
    def rows(self):
        return self.bias in ("rows", "both")

    @property
    def columns(self):
        return self.bias in ("columns", "both")

    @property
    def known(self):
        return self.w > 0

    @property
    def mean(self):
        return 0.0 if self.bias == "none" else float((self.w * self.a).sum() / self.w.sum())

    @property
    def centered(self):
        """What is fitted, rounded to the precision of the problem."""
        return ((self.a.astype(self.dtype) - self.mean).astype(self.dtype)).astype(np.float64) * self.known

    def problem(self, **options):
        i, j = np.nonzero(self.known)
        chosen = {"weights": self.w[i, j].astype(self.dtype)} if self.weighted else {}
        chosen |= {} if self.bias_ridge is None else {"bias_ridge": self.bias_ridge}
        return lo.Completion(
            i, j, self.a[i, j].astype(self.dtype), shape=self.a.shape, ridge=self.ridge,
            ridge_scaling=self.ridge_scaling, bias=self.bias, **chosen, **options,
        )  # fmt: skip

    def scales(self):
        """(s, t): what λ is multiplied with, row by row and column by column."""
        found = []
        for axis in (1, 0):
            counts = self.known.sum(axis=axis).astype(float)
            smooth = 0.5 * (counts + counts.mean())
            found.append({"none": np.ones_like(counts), "counts": counts, "smoothed": smooth}[self.ridge_scaling])
        return found

    def free(self, left, d):
        """The columns of X (or Y) that are fitted, and which of them is a bias."""
        own, other = (self.rows, self.columns) if left else (self.columns, self.rows)
        place = d if left else d + other
        return [*range(d), *[place] * own], [False] * d + [True] * own

    def ridges(self, left, d):
        """λ of every free number of a factor, m × free or n × free."""
        scale = self.scales()[0 if left else 1]
        of_biases = self.ridge if self.bias_ridge is None else self.bias_ridge
        return scale[:, None] * np.where(self.free(left, d)[1], of_biases, self.ridge)

    def shared(self, X):
        """d of factors that have the columns of the biases."""
        return X.shape[1] - self.rows - self.columns

    def widened(self, X, Y):
        """Factors of d columns with those of the biases appended, 0 and 1; lines without entries are 0."""
        X, Y = X * self.known.any(axis=1)[:, None], Y * self.known.any(axis=0)[:, None]
        zero, one = (lambda F: np.zeros((len(F), 1))), (lambda F: np.ones((len(F), 1)))
        left, right = [X], [Y]
        if self.rows:
            left, right = [*left, zero(X)], [*right, one(Y)]
        if self.columns:
            left, right = [*left, one(X)], [*right, zero(Y)]
        return np.hstack(left), np.hstack(right)

    def pair(self, seed, d, size=1.0):
        """Random wide factors, biases included."""
        rng = np.random.default_rng(seed)
        X, Y = self.widened(*(size * rng.standard_normal((side, d)) for side in self.a.shape))
        for F, left, axis in ((X, True, 1), (Y, False, 0)):
            free = self.free(left, d)[0]
            F[:, free] = size * rng.standard_normal((len(F), len(free))) * self.known.any(axis=axis)[:, None]
        return X, Y

    def loss(self, X, Y, kind=np.float64):
        """F, in any precision."""
        d = self.shared(X)
        X, Y = X.astype(kind), Y.astype(kind)
        missed = np.where(self.known, X @ Y.T - self.centered, 0)
        total = (self.w * missed**2).sum()
        for F, left in ((X, True), (Y, False)):
            total += (self.ridges(left, d) * F[:, self.free(left, d)[0]] ** 2).sum()
        return total / 2

    def gradient(self, X, Y):
        """(∇_X F, ∇_Y F) in the free columns."""
        d = self.shared(X)
        pull = self.w * (X @ Y.T - self.centered)
        fx, fy = self.free(True, d)[0], self.free(False, d)[0]
        return pull @ Y[:, fx] + self.ridges(True, d) * X[:, fx], pull.T @ X[:, fy] + self.ridges(False, d) * Y[:, fy]

    def units(self, left, d):
        """κ² = λ/ρ for the columns of biases, else 1: in x/κ the ridge is λ throughout."""
        of_biases = self.bias_ridge or self.ridge or 1.0
        return np.where(self.free(left, d)[1], (self.ridge or 1.0) / of_biases, 1.0)

    def half(self, X, Y, left, move):
        """X (or Y) after `move` has made of this table, X and Y (or of its transpose, Y and X) a new first factor."""
        if left:
            return move(self, X, Y)
        other = {"rows": "columns", "columns": "rows"}.get(self.bias, self.bias)
        turned = replace(self, a=self.a.T, w=self.w.T, bias=other)
        swap = [*range(self.shared(X)), -1, -2] if self.bias == "both" else slice(None)
        return move(turned, Y[:, swap], X[:, swap])[:, swap]

    def descended(self, X, Y, eta):
        """X less η times its gradient."""
        free, new = self.free(True, self.shared(X))[0], X.copy()
        new[:, free] -= eta * self.gradient(X, Y)[0]
        return new

    def scaled(self, X, Y, eta, damping=0.0):
        """X less η κ²∘g_i(s_i K + (λ_i + damping)I)⁻¹, K = Σ_j ω_j (κ∘y_j)(κ∘y_j)ᵀ, row by row."""
        d = self.shared(X)
        free, kappa = self.free(True, d)[0], np.sqrt(self.units(True, d))
        T, weights = Y[:, free] * kappa, self.w.sum(axis=0) / self.w.sum()
        K, slope, new = (T * weights[:, None]).T @ T, self.gradient(X, Y)[0] * kappa, X.copy()
        for i, own in enumerate(self.w.sum(axis=1)):
            H = own * K + (self.ridges(True, d)[i, 0] + damping) * np.eye(len(K))
            new[i, free] -= eta * kappa * (np.linalg.pinv(H, hermitian=True) @ slope[i])
        return new

    def minimized(self, X, Y, damping=0.0):
        """X with its free columns minimizing F + ½ damping Σ(x − before)²/κ², row by row; 0 if nothing is known."""
        d = self.shared(X)
        free = self.free(True, d)[0]
        still = [c for c in range(X.shape[1]) if c not in free]
        T, ridges, extra, new = Y[:, free], self.ridges(True, d), damping / self.units(True, d), X.copy()
        for i in range(len(X)):
            left = self.centered[i] - (X[i, still] * Y[:, still]).sum(axis=1)
            G = (T * self.w[i][:, None]).T @ T + np.diag(ridges[i] + extra)
            right = T.T @ (self.w[i] * left) + extra * X[i, free]
            new[i, free] = np.linalg.solve(G, right) if G.any() else 0.0
        return new

    def best(self, tolerance=1e-10, most=20_000):
        """(X, Y, lower): wide factors of the convex problem, of full rank, and a bound on F from below."""
        return _best(self, tolerance, most)


def planted(seed, m=12, n=9, rank=2, density=0.7, noise=0.1, weighted=False, empty=False, **asked):
    """A table of low rank and noise, some of it known; with `empty` nothing is known of its last row and column."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((m, rank)) @ rng.standard_normal((rank, n)) + noise * rng.standard_normal((m, n)) + 0.5
    known = rng.random((m, n)) < density
    known[rng.integers(m), rng.integers(n)] = True
    if empty and min(m, n) > 1:
        known[-1], known[:, -1] = False, False
        known[0, 0] = True
    w = rng.uniform(0.3, 3.0, (m, n)) if weighted else np.ones((m, n))
    kind = asked.get("dtype", np.float64)
    return Table(a.astype(kind).astype(float), (w * known).astype(kind).astype(float), weighted=weighted, **asked)


def _shrunk(M, level):
    U, s, Vt = np.linalg.svd(M, full_matrices=False)
    return U, np.maximum(s - level, 0.0), Vt


def _best(table, tolerance, most):
    """Accelerated proximal gradients on P(Z̃) with biases; the lower bound is from the residual and LAPACK's SVD."""
    a, w = table.centered, table.w
    s, t = (np.where(scale > 0, scale, 1.0) for scale in table.scales())
    root = np.sqrt(np.outer(s, t))
    lam = table.ridge
    rho = lam if table.bias_ridge is None else table.bias_ridge
    parts = 1 + table.rows + table.columns
    # |u + v + w|² ≤ 3(|u|² + |v|² + |w|²): a curvature for each of the blocks.
    Lz = parts * (w / root**2).max()
    Lb, Lc = (np.maximum(parts * w.sum(axis=axis), 1e-300) for axis in (1, 0))

    def fitted(Z, b, c):
        return Z / root + b[:, None] + c

    def value(at, sigma):
        missed = a - fitted(*at)
        of_biases = rho * ((s * at[1] ** 2).sum() + (t * at[2] ** 2).sum())
        return 0.5 * ((w * missed**2).sum() + of_biases) + lam * sigma.sum()

    def bound(at):
        S = w * (a - fitted(*at))
        norm = np.linalg.norm(S / root, 2)
        alpha, beta = (S * a).sum(), (S[w > 0] ** 2 / w[w > 0]).sum()
        beta += (S.sum(axis=1) ** 2 / (rho * s)).sum() * table.rows + (
            S.sum(axis=0) ** 2 / (rho * t)
        ).sum() * table.columns
        if beta == 0.0:
            return 0.0
        scale = np.clip(alpha / beta, -lam / max(norm, 1e-300), lam / max(norm, 1e-300))
        return scale * alpha - 0.5 * scale**2 * beta

    at = (np.zeros_like(a), np.zeros(len(a)), np.zeros(a.shape[1]))
    ahead, speed, last, lower = at, 1.0, np.inf, 0.0
    U, sigma, Vt = _shrunk(at[0], 0.0)
    for step in range(most):
        pull = w * (fitted(*ahead) - a)
        U, sigma, Vt = _shrunk(ahead[0] - pull / root / Lz, lam / Lz)
        b = (Lb * ahead[1] - pull.sum(axis=1)) / (Lb + rho * s) * table.rows
        c = (Lc * ahead[2] - pull.sum(axis=0)) / (Lc + rho * t) * table.columns
        new = ((U * sigma) @ Vt, b, c)
        now = value(new, sigma)
        speed = 1.0 if now > last else speed
        faster = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * speed**2))
        share = (speed - 1.0) / faster
        ahead = tuple(N + share * (N - O) for N, O in zip(new, at, strict=True))
        at, speed, last = new, faster, now
        if step % 25 == 0:
            lower = max(lower, bound(at))
            if now - lower <= tolerance * now:
                break
    X, Y = (U * np.sqrt(sigma)) / np.sqrt(s)[:, None], (Vt.T * np.sqrt(sigma)) / np.sqrt(t)[:, None]
    X, Y = table.widened(X, Y)
    d = len(sigma)
    if table.rows:
        X[:, d] = at[1]
    if table.columns:
        Y[:, d + table.rows] = at[2]
    return X, Y, lower
