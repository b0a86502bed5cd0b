"""Which first line of a file of pairs is a header."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Run


@pytest.mark.parametrize(
    ("header", "pairs", "dropped"),
    [
        ("user,film,stars\n", "user,film\na,x\n", True),
        ("user,film,stars\n", "User, Film\na,x\n", True),
        ("user,film,stars\n", "new,newer\na,x\n", False),
        ("", "user,film\na,x\n", False),
        ("user,film,stars\n", "user,x\na,x\n", False),
    ],
)
def test_a_pair_of_new_ids_is_no_header(run: Run, header: str, pairs: str, dropped: bool) -> None:
    Path("named.csv").write_text(header + "a,x,1\na,y,2\nb,x,3\nb,y,5\n")
    Path("pairs.csv").write_text(pairs)
    code, _, err = run(
        "complete", "named.csv", "--rank", "1", "--lambda", "1", "--predict", "pairs.csv", "--out", "p.csv"
    )
    assert code == 0
    assert ("pairs.csv is read as a header" in err) == dropped
    first = pairs.splitlines()[dropped]
    assert Path("p.csv").read_text().splitlines()[1].startswith(first.replace(" ", "") + ",")
