"""Claims are judged by the tables: with made-up numbers each can hold and each can fail."""

from __future__ import annotations

import csv
import math

import pytest

from lopside.reproduce.claims import all_claims, write_claims
from lopside.reproduce.claims.claim import counts, first_below, power, range_text, worst_over_line
from lopside.reproduce.claims.figures import figure1, figure2, figure4
from lopside.reproduce.claims.proofs import certificate, draws, printed_bound, same_counts
from lopside.reproduce.claims.small_starts import plateaus, ye_du
from lopside.reproduce.claims.step_sizes import figure3
from lopside.reproduce.setting import STARTS
from lopside.reproduce.table import Table

NEVER = math.nan
MADE = {"made with": "lopside, numpy", "seed of the matrix": "0", "seeds of the runs": "1 to 2"}

# Steps to the tolerance by step size, in the order proposed, column span, unbalanced random, random.
STEPS = {
    1e-4: (400.0, NEVER, NEVER, NEVER),
    1e-3: (395.0, NEVER, NEVER, NEVER),
    0.01: (350.0, 1300.0, 2400.0, NEVER),
    0.1: (70.0, 130.0, 900.0, NEVER),
    0.5: (12.0, 24.0, 1500.0, 6000.0),
    1.0: (NEVER, NEVER, NEVER, NEVER),
    1.5: (NEVER, NEVER, NEVER, NEVER),
}


def step_size_runs(change=lambda row: row):
    """Return the runs of Figure 3 as the papers and this project would have them, with some rows changed."""
    rows = []
    for method in ("gd", "agd"):
        for step_size, steps in STEPS.items():
            for d in (10, 6):
                for start, reached in zip(STARTS, steps, strict=True):
                    if d == 6 and start != "proposed":
                        continue
                    if method == "agd" and step_size == 1.0 and start == "proposed":
                        reached = 6.0
                    rows += [
                        change(
                            {
                                "method": method, "rank": d, "step_size": step_size, "start": start, "run": run,
                                "reached": reached * (1.2 if d == 6 else 1.0) + run, "initial_loss": 0.5,
                                "diverged": int(step_size > 1.0), "sharpness": 1.9 / step_size,
                            }
                        )
                        for run in (1, 2)
                    ]  # fmt: skip
    return {"fig3_runs": Table.of(rows, {"cap": "8000"})}


def judge(claims):
    return {claim.claim: claim for claim in claims}


def only(claims, *words):
    found = [claim for claim in claims if all(word in claim.claim for word in words)]
    assert len(found) == 1, [claim.claim for claim in found]
    return found[0]


def test_the_expected_picture_of_figure_3_makes_all_its_claims_hold_but_the_two_it_contradicts():
    failed = [claim.claim for claim in figure3(step_size_runs()) if not claim.holds]
    assert len(failed) == 3
    assert sum("re-scaling" in text for text in failed) == 2
    assert sum("no major difference" in text and "0.1 < η" in text for text in failed) == 1


def slow(method, start, step_size, reached):
    def change(row):
        hit = (row["method"], row["start"], row["step_size"]) == (method, start, step_size)
        return row | {"reached": reached} if hit else row

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (slow("gd", "column span", 0.1, 60.0), ("gradient descent, η = 0.1:", "random <")),
        (slow("gd", "proposed", 0.01, NEVER), ("gradient descent: the advantage",)),
        (slow("gd", "proposed", 1e-4, 500.0), ("gradient descent: for small steps",)),
        (slow("gd", "proposed", 0.1, 95.0), ("gradient descent, proposed start, η = 0.1",)),
        (slow("gd", "random", 1.0, 7000.0), ("at η = 1/σ₁ the step is too large",)),
        (slow("agd", "proposed", 1.0, 11.0), ("in at most 10 steps",)),
        (slow("agd", "proposed", 0.01, 700.0), ("no major difference", "η ≤ 0.1")),
        (lambda row: row | {"diverged": 0}, ("alternating gradient descent: diverges",)),
        (lambda row: row | {"sharpness": 2.1 / row["step_size"]}, ("gradient descent settles only",)),
        (lambda row: row | {"initial_loss": 0.5 + row["step_size"]}, ("the first loss",)),
        (
            lambda row: row | {"reached": 10.0 * row["rank"]},
            ("gradient descent: the proposed start is faster with d",),
        ),
    ],
)
def test_each_claim_about_step_sizes_can_fail(change, words):
    def first(claims):
        return next(claim for claim in claims if all(word in claim.claim for word in words))

    assert first(figure3(step_size_runs())).holds
    assert not first(figure3(step_size_runs(change))).holds


def test_a_start_that_never_arrives_is_never_called_faster():
    claim = only(
        figure3(step_size_runs(slow("agd", "unbalanced random", 0.1, NEVER))), "alternating", "η = 0.1", "random <"
    )
    assert "unbalanced random > 8000, random > 8000" in claim.measured
    assert not claim.holds


def curve(name, rate, *, run=1, last=200, **key):
    steps = range(0, last + 1, 10)
    return [key | {"curve": name, "run": run, "step": s, "relative_error": math.exp(-rate * s)} for s in steps]


def figure1_tables(*, random_error=0.9, exponent=2.0):
    rows, runs = [], []
    for method in ("gd", "agd"):
        for kappa in (2.0, 4.0, 8.0):
            for step_size, power_of_kappa in ((1e-4 / kappa, exponent), (0.1, 1.0)):
                key = {"method": method, "kappa": kappa, "rank": 4, "step_size": step_size}
                count = 50.0 * kappa**power_of_kappa
                rate = math.log(1e5) / count
                rows += curve("proposed", rate, last=int(2 * count), **key)
                shared = key | {
                    "run": 1,
                    "b": rate / 2,
                    "initial_loss": 0.5,
                    "norm2": 1.0,
                    "theory_steps": 400.0 * kappa**2,
                }
                runs.append(shared | {"start": "proposed", "reached": count, "relative_error": 1e-8})
                runs.append(shared | {"start": "random", "reached": NEVER, "relative_error": random_error})
    return {"fig1": Table.of(rows, {}), "fig1_runs": Table.of(runs, {})}


def test_claims_about_condition_numbers_hold_and_fail_with_the_numbers():
    good = list(figure1(figure1_tables()))
    sharp = "alternating gradient descent: the rates are sharp in κ"
    assert judge(figure1(figure1_tables()))[only(good, sharp).claim].holds
    assert not only(figure1(figure1_tables(exponent=1.0)), sharp).holds
    faster = "alternating gradient descent: the proposed start converges faster"
    assert only(good, faster).holds
    assert not only(figure1(figure1_tables(random_error=1e-9)), faster).holds
    # A pure power law in every step leaves nothing of "the first several iterations".
    assert not only(good, "alternating gradient descent: for the first several").holds
    assert only(figure1(figure1_tables(exponent=1.0)), "alternating gradient descent: for the first several").holds
    assert only(good, "alternating gradient descent: at a practical step").holds


def test_the_printed_bound_fails_if_a_run_is_slower_than_its_b_says():
    tables = figure1_tables()
    both = {**tables, "fig2": tables["fig1"], "fig2_runs": tables["fig1_runs"]}
    assert all(claim.holds for claim in printed_bound(both))
    rows = [row | {"b": 100.0 * row["b"]} for row in tables["fig1_runs"].rows()]
    both["fig1_runs"] = Table.of(rows, {})
    assert [claim.holds for claim in printed_bound(both)] == [False, True]


def figure2_tables(*, own_rate=0.05, other_error=0.99):
    rows, runs = [], []
    for method in ("gd", "agd"):
        for rank, slower in ((10, 1.0), (6, 0.5)):
            key = {"method": method, "kappa": 1.1, "rank": rank, "step_size": 1e-4}
            rows += curve("theory", 0.01 * slower, run=0, **key)
            for start in STARTS:
                rate = slower * (own_rate if start == "proposed" else -math.log(other_error) / 200)
                rows += curve(start, rate, **key)
                error = math.exp(-200 * rate)
                runs.append(
                    key | {"start": start, "run": 1, "reached": math.log(1e5) / rate, "steps": 200,
                           "relative_error": error, "theory_steps": 2000}
                )  # fmt: skip
    return {"fig2": Table.of(rows, {}), "fig2_runs": Table.of(runs, {})}


def test_claims_about_the_theorys_step_hold_and_fail_with_the_numbers():
    good = list(figure2(figure2_tables()))
    assert [claim.claim for claim in good if not claim.holds] == [
        f"{name}, theory's step: re-scaling the start matters more than drawing it in the column span"
        for name in ("gradient descent", "alternating gradient descent")
    ]
    slower = list(figure2(figure2_tables(own_rate=0.005)))
    assert not only(slower, "alternating gradient descent, d = 10: the theory underestimates").holds
    close = list(figure2(figure2_tables(other_error=1e-4)))
    assert not only(close, "alternating gradient descent, d = 10: with the theory's step").holds


def test_claims_about_noise_hold_and_fail_with_the_numbers():
    def tables(own_rate):
        rows, runs = [], []
        for method in ("gd", "agd"):
            key = {"method": method, "rank": 4, "step_size": 0.1}
            for start in STARTS:
                rows += curve(start, own_rate if start == "proposed" else 0.01, **key)
            runs.append(key | {"start": "proposed", "run": 1, "best": 0.1})
        return {"fig4": Table.of(rows, {}), "fig4_runs": Table.of(runs, {})}

    assert all(claim.holds for claim in figure4(tables(0.02)))
    assert not any(claim.holds for claim in figure4(tables(0.005)))


def drawn(**changed):
    rows = []
    for nu, losses in ((1e-10, (0.5, 0.5 + 1e-11)), (0.5, (0.49, 0.51))):
        rows += [
            {"rank": 4, "nu": nu, "run": run, "tau": 1.0 + run, "tail": 0.6 * run, "initial_loss": loss,
             "norm_x": 2.0, "norm_y": 0.15} | changed
            for run, loss in enumerate(losses, 1)
        ]  # fmt: skip
    return {"draws": Table.of(rows, {"rank of A": "2"})}


def test_claims_about_the_drawn_start_hold_and_fail_with_the_numbers():
    held = {claim.claim: claim.holds for claim in draws(drawn())}
    assert [claim for claim, holds in held.items() if not holds] == [
        "the first loss lies between its bounds, ν = 1e-10, lower bound as printed",
        "the first loss lies between its bounds, ν = 0.5, lower bound as printed",
    ]
    assert not only(draws(drawn(initial_loss=0.6)), "ν = 1e-10", "corrected").holds
    assert not only(draws(drawn(norm_x=3.1)), "the norms").holds
    many = [row | {"run": i} for i, row in enumerate(list(drawn(tail=1e-9)["draws"].rows()) * 20)]
    assert not only(draws({"draws": Table.of(many, {"rank of A": "2"})}), "the explicit bound").holds


def watched(**changed):
    rows = []
    for method in ("gd", "agd"):
        for panel, step_size in (("rate", 8e-4), ("sweep", 0.1)):
            rows.append(
                {"method": method, "rank": 10, "panel": panel, "step_size": step_size, "run": 1, "average_rate": 0.013,
                 "theta_rate": 0.01, "late_rate": 0.0125, "printed_rate": 0.0015, "measured_over_certified": 0.9,
                 "first": 10.0, "reached": 71.0, "announced": 200.0} | changed
            )  # fmt: skip
    return {"certificate_runs": Table.of(rows, {"theta": "0.1"})}


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"average_rate": 0.016}, "within 1.5"),
        ({"late_rate": 0.02}, "factor 8 to 9"),
        ({"measured_over_certified": 1.1}, "above its all-time certificate"),
        ({"first": NEVER}, "becomes certain before"),
        ({"announced": 70.0}, "announced"),
    ],
)
def test_each_claim_about_certificates_can_fail(changed, word):
    assert all(claim.holds for claim in certificate(watched()))
    assert not only(certificate(watched(**changed)), "alternating", word).holds


def test_equal_counts_of_stacked_runs_and_of_run_are_compared_one_by_one():
    tables = step_size_runs() | watched()
    assert only(same_counts(tables), "same number of steps").holds
    assert "over 2 runs" in only(same_counts(tables), "same").measured
    assert not only(same_counts(step_size_runs() | watched(reached=72.0)), "same").holds
    assert not only(same_counts(step_size_runs() | watched(reached=NEVER)), "same").holds


def small_start_tables(*, per_factor=0.5, **changed):
    rows, plateau_rows, learned = [], [], []
    for method in ("gd", "agd"):
        for step_size, scale in ((0.1, 1e-3), (0.2, 1e-3), (0.1, 1e-5), (0.1, 1e-7)):
            reached = 16.0 / step_size + per_factor * math.log(1e-3 / scale) / step_size
            rows.append(
                {"method": method, "kappa": 1.0, "rank": 2, "step_size": step_size, "scale": scale, "run": 1,
                 "first_stage": 90.0, "reached": reached, "worst_over_bound": 0.6, "largest_asymmetry": scale,
                 "theory_step": 1e-6, "theory_count": 1e7} | changed
            )  # fmt: skip
        key = {"method": method, "step_size": 0.1, "scale": 1e-6, "run": 1}
        errors = [1.0] * 5 + [0.5] * 5 + [changed.get("last", 0.2)] * 5
        plateau_rows += [key | {"step": step, "relative_error": error} for step, error in enumerate(errors)]
        for k, sigma in ((1, 1.0), (2, 0.5)):
            learned.append(key | {"component": k, "sigma": sigma, "learned": changed.get("learned", 138.0 / sigma)})
    facts = {"best relative errors": "1.0 0.5 0.2"}
    return {
        "ye_du_runs": Table.of(rows, {}),
        "plateaus": Table.of(plateau_rows, facts),
        "plateaus_runs": Table.of(learned, facts),
    }


@pytest.mark.parametrize(
    ("section", "changed", "word"),
    [
        (ye_du, {"first_stage": NEVER}, "ends its first stage"),
        (ye_du, {"reached": 100.0}, "proportional to 1/η"),
        (ye_du, {"per_factor": 1.2}, "logarithm"),
        (ye_du, {"worst_over_bound": 1.1}, "second stage"),
        (ye_du, {"largest_asymmetry": 1.0}, "asymmetry"),
        (plateaus, {"last": 0.3}, "rests at"),
        (plateaus, {"learned": 138.0}, "learned after"),
    ],
)
def test_each_claim_about_small_starts_can_fail(section, changed, word):
    assert all(claim.holds for claim in section(small_start_tables()))
    assert not only(section(small_start_tables(**changed)), "alternating", word).holds


def test_the_report_counts_what_holds_and_names_what_does_not(tmp_path):
    tables = {name: Table(table.columns, dict(table.facts) | MADE) for name, table in drawn().items()}
    paths = write_claims(tmp_path, tables, 3.2)
    assert [path.name for path in paths] == ["claims.csv", "claims.md"]
    with open(paths[0], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["claim", "source", "expected", "measured", "holds"]
    judged = all_claims(tables)["The drawn start"]
    assert [row["holds"] for row in rows] == [str(claim.holds).lower() for claim in judged]
    text = paths[1].read_text(encoding="utf-8")
    failed = sum(not claim.holds for claim in judged)
    assert f"{len(judged) - failed} of {len(judged)} claims hold, {failed} do not" in text
    assert text.count("**no**") == failed
    assert "3 seconds" in text
    for name in ("Figure 1", "Figure 3", "Small random starts"):
        assert f"## {name}" not in text


def test_statistics_of_claims():
    assert counts(Table({"reached": [3.0, NEVER]}, {})) == [3.0, math.inf]
    assert range_text([3.0, math.inf], 10) == "3 to > 10"
    assert power([1.0, 2.0, 4.0], [5.0, 10.0, 20.0]) == pytest.approx(1.0)
    assert math.isnan(power([1.0, 2.0], [1.0, math.inf]))
    line, run = (Table.of(curve(name, rate), {}) for name, rate in (("theory", 0.01), ("proposed", 0.02)))
    assert worst_over_line(run, line) == pytest.approx(math.exp(-0.1))
    assert first_below(run, 0.5) == [40.0]
    assert first_below(run, 1e-9) == [math.inf]
