"""The steps of a picture, and the table behind it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.template.loader import render_to_string
from django.utils import translation

from screens.profiles.alone import drawing_of
from screens.profiles.drawing import Drawing, Layer, Step
from screens.profiles.shapes import DAY_S, Limit, Shape

from .conftest import MIDNIGHT

HOUR = 3600


def alone(*limits, rhythm="daily", begins=MIDNIGHT, duration_s=None):
    rows = tuple(Limit(start, Decimal(limit)) for start, limit in limits)
    return drawing_of(Shape("A", rhythm, begins, duration_s, rows))


def steps(drawing):
    return [(step.begin // HOUR, step.end // HOUR, step.limit) for step in drawing.layers[0].steps]


def test_a_day_is_drawn_from_midnight_on():
    drawing = alone((0, "16"), (12 * HOUR, "32"), begins=MIDNIGHT + timedelta(hours=20))
    assert steps(drawing) == [(0, 8, 16), (8, 20, 32), (20, 24, 16)]
    assert [label for _second, label in drawing.ticks] == ["00:00", "06:00", "12:00", "18:00", "24:00"]


def test_where_it_says_nothing_there_is_no_limit():
    assert steps(alone((0, "16"), duration_s=4 * HOUR)) == [(0, 4, 16), (4, 24, None)]


def test_a_week_has_its_days():
    drawing = alone((0, "32"), (5 * DAY_S, "6"), rhythm="weekly")
    assert [label for _second, label in drawing.ticks] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert list(drawing.rows())[1][:3] == ("Sat 00:00", "Sun 24:00", ["6 A"])


def test_what_begins_with_a_session_is_counted_from_there():
    drawing = alone((0, "0"), (HOUR, "16"), rhythm="session", begins=None)
    assert list(drawing.rows()) == [("0:00", "1:00", ["0 A"], False), ("1:00", "24:00", ["16 A"], False)]


def picture(**fields):
    layers = [
        Layer("Result", [Step(0, 10, Decimal(16)), Step(10, 20, None)], "result"),
        Layer("Charger", [Step(5, 20, Decimal(10))], "reported"),
    ]
    known = {"place": str, "ticks": [(0, "begin"), (20, "end")], "layers": layers}
    return Drawing("x", "A", 20, **{**known, **fields})


def test_the_table_says_what_each_line_says_and_what_wants_attention():
    assert list(picture(marks=[(5, 20)]).rows()) == [
        ("0", "5", ["16 A", "no limit"], False),
        ("5", "10", ["16 A", "10 A"], True),
        ("10", "20", ["no limit", "10 A"], True),
    ]


def test_lines_reach_across_and_words_lie_within():
    drawing = picture()
    result, reported = drawing.lines()
    assert [(bar.x, bar.end) for bar in result.bars] == [("0.000%", "50.000%")]
    assert [(bar.x, bar.end) for bar in reported.bars] == [("25.000%", "100.000%")]
    assert drawing.top_limit == 16
    assert [(tick.at, tick.side) for tick in drawing.times()] == [("0.000%", "start"), ("100.000%", "end")]


def test_in_german_the_numbers_of_the_picture_stay_numbers():
    with translation.override("de"):
        html = render_to_string("screens/profiles/_drawing.html", {"drawing": picture(marks=[(5, 20)])})
    assert 'x2="50.000%"' in html
    assert 'style="' not in html
    assert '<rect class="differs" x="25.000%" width="75.000%"' in html


def test_it_is_told_in_a_sentence_for_those_who_do_not_see_it():
    assert picture().summary == "Result: 16 A from 0 to 10, no limit from 10 to 20."


def test_without_any_limit_there_is_no_picture():
    assert not picture(layers=[Layer("Result", [Step(0, 20, None)], "result")])
