"""Results as short texts for people."""

from __future__ import annotations

from collections.abc import Mapping

from lopside import Certificate, Solution


def fit_pairs(solution: Solution, certificate: Certificate | None, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return what a fit came to, name by name."""
    m, n = solution.shape
    return {
        "shape": f"{m} × {n}",
        "rank": str(solution.rank),
        "relative error": f"{solution.relative_error:.6g}",
        **least_pairs(solution.relative_error, certificate),
        "steps": f"{solution.steps} ({solution.status.value})",
        "passes over A": f"{solution.passes}{_bytes_text(solution)}",
        "seconds": f"{solution.seconds:.3g}",
        **({"chosen": "; ".join(solution.choices)} if solution.choices else {}),
        "certificate": verdict(certificate) if certificate else "none: the run did not end by itself",
        "written": ", ".join(outputs.values()) or "nothing (--out FILE.npz keeps the factors)",
    }


def _bytes_text(solution: Solution) -> str:
    read, held = solution.bytes_read, solution.peak_memory
    told = [] if read is None else [f"{_size(read)} read"]
    told += [] if held is None else [f"at most {_size(held)} of memory beside A"]
    return f" ({', '.join(told)})" if told else ""


def _size(count: int) -> str:
    """Return a number of bytes as a text of three digits.

    >>> _size(999), _size(2_000_000), _size(31_400_000_000)
    ('999 B', '2 MB', '31.4 GB')
    """
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count} B"


def verdict(certificate: Certificate) -> str:
    """Return what is proved, and how likely the proof's own random draws misled it."""
    risk = certificate.failure_probability
    return certificate.verdict() + (f"; wrong with probability at most {risk:.1g}" if risk > 0 else "")


def least_pairs(relative_error: float, certificate: Certificate | None) -> dict[str, str]:
    """Return the least relative error any matrix of this rank can have, and how far above it this one is."""
    bounds = certificate.best_relative_error_bounds if certificate else None
    return {} if bounds is None else {"least possible": f"{least_text(bounds)}{excess_text(relative_error, bounds)}"}


def least_text(bounds: tuple[float, float]) -> str:
    """Return bounds on a number as one number where they agree to five digits."""
    low, high = bounds
    if high - low <= 1e-5 * high:
        return f"{high:.6g}"
    return f"between {low:.6g} and {high:.6g}" if low > 0 else f"at most {high:.6g}"


def excess_text(relative_error: float, bounds: tuple[float, float]) -> str:
    """Return how far an error is above the least possible one, if that is known to be above 0."""
    return f" (missed by {percent(relative_error / bounds[0] - 1.0)})" if bounds[0] > 0 else ""


def percent(share: float) -> str:
    """Return a share ≥ 0 up to rounding as a percentage with two digits."""
    return f"{100.0 * max(0.0, share):.2g} %" if share > 1e-9 else "less than 1e-7 %"
