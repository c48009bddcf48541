import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.json_repair import escape_unstorable, repair

MIB = 1 << 20

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("broken", "repaired"),
    [
        ('{"transactionId":,"a":1}', '{"transactionId":null,"a":1}'),  # AEFA Home
        ('{"transactionId": , "a":1}', '{"transactionId": null, "a":1}'),
        ('{"transactionId":}', '{"transactionId":null}'),
        ("[,1,2]", "[1,2]"),  # ZJ Beny
        ('{,"a":1}', '{"a":1}'),
        ("[1,,2]", "[1,2]"),
        ("[1, , ,2]", "[1, 2]"),
        ("[1,2,]", "[1,2]"),
        ('{"a":1 , }', '{"a":1 }'),
        ("[,]", "[]"),
        (",[1]", "[1]"),
        ("\ufeff[1]", "[1]"),
        ('[{"a":,},]', '[{"a":null}]'),
        ('["\\",,",,1]', '["\\",,",1]'),
    ],
)
def test_a_slip_is_put_right(broken, repaired):
    assert repair(broken) == repaired


@pytest.mark.parametrize("text", ["", "[]", '{"a":",,"}', "[1 2]", '["a', '{"a":1', '"\\"', "[[["])
def test_what_is_no_such_slip_is_left_alone(text):
    assert repair(text) is None


@given(json_values)
def test_valid_json_is_never_touched(value):
    assert repair(json.dumps(value, ensure_ascii=False)) is None


@given(st.text(alphabet='[]{},:"\\a1 \n\ufeff'))
def test_any_text_is_survived(text):
    repaired = repair(text)
    assert repaired is None or len(repaired) <= len(text) + 4 * text.count(":")


@pytest.mark.parametrize(
    "text",
    [
        *("[" * MIB, '"' * MIB, "\\" * MIB, '"' + "\\" * MIB, "," * MIB, " " * MIB, '["' * MIB),
        '["' + '\\"' * (MIB // 2),
    ],
)
def test_a_hostile_megabyte_takes_linear_time(text):
    started = time.process_time()
    repair(text)
    escape_unstorable(text)
    assert time.process_time() - started < 5  # quadratic would be hours


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"\ud800"', r'"\\ud800"'),
        (r'"\uDFFFx"', r'"\\uDFFFx"'),
        (r'"\u0000"', r'"\\u0000"'),
        (r'"\udc00\ud800"', r'"\\udc00\\ud800"'),
        (r'"\ud800\ud83d\ude00"', r'"\\ud800\ud83d\ude00"'),
        (r'"\ud83d\ude00"', r'"\ud83d\ude00"'),
        (r'"\\u0000 \\ud800"', r'"\\u0000 \\ud800"'),
        (r'"\u0041\n"', r'"\u0041\n"'),
        ('"\ud800"', r'"\\ud800"'),
    ],
)
def test_what_a_database_cannot_store_becomes_plain_characters(text, expected):
    assert escape_unstorable(text) == expected
