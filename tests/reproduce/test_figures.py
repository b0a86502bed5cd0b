"""Every figure at toy size: tables, then pictures from the tables alone, the same bytes each time."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from lopside.errors import FileError, InputError
from lopside.reproduce import certificate, draws, fig1, fig2, fig3, fig4, plateaus, reproduce, ye_du
from lopside.reproduce.claims import all_claims
from lopside.reproduce.table import Table

SMALL = {"shape": (12, 10), "r": 2, "runs": 2}
TOYS = {
    "fig1": (fig1, {**SMALL, "rank": 4, "kappas": (1.5, 3.0), "longest": 60}),
    "fig2": (fig2, {**SMALL, "ranks": (4, 3), "longest": 60}),
    "fig3": (fig3, {**SMALL, "rank": 4, "narrow": 3, "step_sizes": (1e-3, 0.1, 1.0, 1.5), "max_steps": 80}),
    "fig4": (fig4, {**SMALL, "rank": 4, "practical_steps": (0.1,), "max_steps": 40}),
    "ye_du": (ye_du, {**SMALL, "other_steps": (0.2,), "other_scales": (0.1,), "max_steps": 250}),
    "plateaus": (
        plateaus,
        {"shape": (12, 10), "sigma": (1.0, 0.3), "rank": 3, "scales": (1e-3, 1e-6), "runs": 2, "max_steps": 300},
    ),
    "draws": (draws, {**SMALL, "ranks": (2, 4), "runs": 20}),
    "certificate": (certificate, {**SMALL, "rank": 4, "step_sizes": (0.01, 0.5), "max_steps": 150}),
}


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """One folder with the tables of every toy figure."""
    folder = tmp_path_factory.mktemp("toys")
    for module, settings in TOYS.values():
        module.experiment(folder, **settings)
    return folder


@pytest.mark.parametrize("name", TOYS)
def test_pictures_come_from_the_table_alone_and_repeat_byte_for_byte(toys, tmp_path, name):
    module, _ = TOYS[name]
    lonely = tmp_path / "table.csv"
    table = Table.read(toys / f"{name}.csv")
    (table if name == "draws" else table.where(method="agd")).write(lonely)
    first, again = (module.draw(lonely, tmp_path / stem) for stem in ("first", "again"))
    assert {path.suffix for path in first} == {".png", ".svg"}
    assert len(first) == 2
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
        if one.suffix == ".svg":
            assert ET.parse(one).getroot().tag.endswith("svg")
        else:
            assert one.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", [name for name in TOYS if name != "certificate"])
def test_an_experiment_repeats_to_the_last_digit(toys, tmp_path, name):
    module, settings = TOYS[name]
    for path in module.experiment(tmp_path, **settings):
        assert path.read_bytes() == (toys / path.name).read_bytes()


def test_tables_say_how_they_were_made(toys):
    for path in toys.glob("*.csv"):
        facts = Table.read(path).facts
        assert "lopside" in facts["made with"]
        assert "numpy" in facts["made with"]
        assert facts["seed of the matrix"] == "0"
        assert facts["seeds of the runs"] in ("1 to 2", "1 to 20")
        assert facts["shape"] == "(12, 10)"


def test_the_certificate_begins_where_it_was_proved_and_bounds_the_run(toys):
    table = Table.read(toys / "fig2.csv").where(method="agd", rank=4)
    line, run = table.where(curve="certificate"), table.where(curve="proposed", run=1)
    assert line.columns["step"], "the theory's step should be certified at the start"
    errors = dict(zip(run.columns["step"], run.columns["relative_error"], strict=True))
    for step, bound in zip(line.columns["step"], line.columns["relative_error"], strict=True):
        assert errors[step] <= bound * (1 + 1e-6)


def test_every_claim_can_be_judged_on_toy_tables(toys):
    tables = {path.stem: Table.read(path) for path in toys.glob("*.csv")}
    claims = [claim for section in all_claims(tables).values() for claim in section]
    assert len({claim.claim for claim in claims}) == len(claims)
    assert all(claim.measured and claim.expected and claim.source for claim in claims)
    assert any(claim.holds for claim in claims)
    assert not all(claim.holds for claim in claims)


def test_reproduce_writes_tables_pictures_and_claims_and_says_what_it_does(tmp_path):
    said = []
    written = reproduce("draws", tmp_path / "new" / "folder", progress=said.append)
    assert [path.name for path in written] == ["draws.csv", "draws.png", "draws.svg", "claims.csv", "claims.md"]
    assert all(path.is_file() for path in written)
    assert said == ["draws: running", "draws: drawing", "claims"]


def test_an_unknown_figure_and_an_impossible_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected one of fig1"):
        reproduce("fig9", tmp_path)
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    with pytest.raises(FileError):
        reproduce("draws", blocker / "below")
