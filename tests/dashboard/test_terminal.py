"""What a terminal shows: tables that fit, sparklines, and nothing that it would obey."""

from typing import Any

import pytest
from django.core.management.color import make_style, no_style

from dashboard import terminal
from dashboard.terminal import Cell, Column

PLAIN = no_style()
COLUMNS = (Column("id", is_number=True), Column("name", gives_way=True), Column("load", is_number=True))
ROWS = [["1", "web-01", "0.31"], ["12", "a server with a long name", "10.20"]]


def shown(rows: Any, width: int = 80, style: Any = PLAIN) -> list[str]:
    return list(terminal.table(COLUMNS, rows, width, style))


def test_numbers_stand_right_and_words_left() -> None:
    assert shown(ROWS) == [
        "ID  NAME                        LOAD",
        " 1  web-01                      0.31",
        "12  a server with a long name  10.20",
    ]


@pytest.mark.parametrize("width", [1, 5, 15, 20, 30, 79])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert all(terminal.places(line) <= width for line in shown([*ROWS, ["3", "日本語" * 9, "–"]], width))


def test_what_gives_way_is_cut_with_a_mark() -> None:
    assert shown(ROWS, 24)[2] == "12  a server wit…  10.20"


def test_wide_and_combined_letters_do_not_break_the_columns() -> None:
    lines = shown([["1", "日本", "1"], ["2", "u\u0308x", "2"], ["3", "abcd", "3"]])
    assert len({terminal.places(line) for line in lines}) == 1


def test_what_is_unknown_is_a_dash() -> None:
    assert shown([["1", "", ""]])[1] == " 1  –        –"


def test_nothing_reaches_the_terminal_that_it_would_obey() -> None:
    hostile = "\x1b[2J\x07a\r\nb\u202ec\x9b31m\u200bd\x7f\ud800"
    assert terminal.plain(hostile) == "[2Ja bc31md"
    assert shown([["1", hostile, ""]])[1].startswith(" 1  [2Ja bc31md")


def test_colours_change_no_width() -> None:
    style = make_style("dark")
    row = ["1", Cell("web-01", "ERROR"), "1"]
    assert "\x1b[31;1mweb-01" in shown([row], style=style)[1]
    uncoloured = [
        line.replace("\x1b[31;1m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")
        for line in shown([row], style=style)
    ]
    assert [line.rstrip() for line in uncoloured] == shown([row])


@pytest.mark.parametrize(
    ("values", "top", "drawn"),
    [
        ([0, 50, 100], 100, "▁▅█"),
        ([1, None, 2], None, "▅·█"),
        ([0, 0], None, "▁▁"),
        ([None, None], None, "··"),
        ([150], 100, "█"),
        ([], None, ""),
    ],
)
def test_a_sparkline_has_a_block_for_a_value_and_a_dot_for_a_gap(values: Any, top: Any, drawn: str) -> None:
    assert terminal.sparkline(values, 10, top) == drawn


def test_a_long_history_is_drawn_by_means() -> None:
    assert terminal.sparkline([0.0] * 300 + [100.0] * 300, 4, 100) == "▁▁██"
