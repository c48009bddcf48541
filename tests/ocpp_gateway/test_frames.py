import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.errors import GenericError, OcppError
from ocpp_gateway.frames import Call, CallError, CallResult, FrameError, Repaired, dump, parse

JSON_REPAIRED = (Repaired("json", "$"),)
TEXT_REPAIRED = (Repaired("unstorable_text", "$"),)


def refusal(text):
    with pytest.raises(FrameError) as caught:
        parse(text)
    return caught.value.unique_id, caught.value.error.code


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('[2,"1","Heartbeat",{}]', Call("1", "Heartbeat", b"{}")),
        (' [ 2 , "1" , "Heartbeat" , { } ] ', Call("1", "Heartbeat", b"{ }")),
        ('[2,"1","Heartbeat",null]', Call("1", "Heartbeat", b"{}")),
        (f'[2,"{"x" * 36}","A",{{"a":1}}]', Call("x" * 36, "A", b'{"a":1}')),
        ('[2,"\\u0041","\\u0042",{}]', Call("A", "B", b"{}")),
        ('[3,"1",{"a":1}]', CallResult("1", b'{"a":1}')),
        ('[3,"1",null]', CallResult("1", b"{}")),
        ('[3,"1",[1]]', CallResult("1", b"[1]")),
        ('[3,"1"]', CallResult("1", b"")),
        ('[3,"1",{},{}]', CallResult("1", b"{},{}")),
        ('[4,"1","GenericError","oh",{"a":1}]', CallError("1", "GenericError", "oh", {"a": 1})),
        ('[4,"1","GenericError","oh",null]', CallError("1", "GenericError", "oh")),
        ('[4,"1","GenericError","oh"]', CallError("1", "GenericError", "oh")),
        ('[4,"1","GenericError"]', CallError("1", "GenericError")),
        ('[4,"1","GenericError",null,[]]', CallError("1", "GenericError")),
        ('[4,"1",7,"oh",{}]', CallError("1", "", "oh")),
    ],
)
def test_a_frame_is_read(text, frame):
    assert parse(text) == frame


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ('[2,"1","A",{"transactionId":,"b":1}]', b'{"transactionId":null,"b":1}'),
        ('[2,"1","A",{"a":[,1]}]', b'{"a":[1]}'),
        ('[2,"1","A",{"a":1},]', b'{"a":1}'),
        ('\ufeff[2,"1","A",{}]', b"{}"),
    ],
)
def test_slips_in_the_json_are_put_right_and_reported(text, payload):
    assert parse(text) == Call("1", "A", payload, JSON_REPAIRED)


@pytest.mark.parametrize(
    ("escaped", "text"),
    [(r"\ud800", r"\ud800"), (r"\u0000", r"\u0000"), ("\ud800", r"\ud800"), (r"\udc00\ud800", r"\udc00\ud800")],
)
def test_what_a_database_cannot_store_is_kept_as_escaped_text(escaped, text):
    call = parse(f'[2,"1","A",{{"a":"{escaped}"}}]')

    assert json.loads(call.payload) == {"a": text}
    assert call.repairs == TEXT_REPAIRED


def test_whole_surrogate_pairs_are_ordinary_text():
    call = parse(r'[2,"1","A",{"a":"\ud83d\ude00"}]')

    assert json.loads(call.payload) == {"a": "😀"}
    assert call.repairs == ()


@pytest.mark.parametrize(
    ("text", "unique_id", "code"),
    [
        ('[2,"1","A"]', "1", "ProtocolError"),
        ('[2,"1"]', "1", "FormationViolation"),
        ('[2,"1","A",{},{}]', "1", "FormationViolation"),
        ('[2,"1","A",[]]', "1", "FormationViolation"),
        ('[2,"1","A","{}"]', "1", "FormationViolation"),
        ('[2,"1","A",7]', "1", "FormationViolation"),
        ('[2,"1",7,{}]', "1", "FormationViolation"),
        ('[2,"1",null,{}]', "1", "FormationViolation"),
        ('[2,"","A",{}]', "", "FormationViolation"),
        (f'[2,"{"x" * 37}","A",{{}}]', "x" * 37, "FormationViolation"),
        ('[2,7,"A",{}]', 7, "FormationViolation"),
        ('[2,-7,"A"]', -7, "FormationViolation"),
        (f'[2,{10**30},"A",{{}}]', 10**30, "FormationViolation"),
        ('[2,"1","A",{"a":NaN}]', "1", "FormationViolation"),
        ('[2,"1","A",{"a":-Infinity}]', "1", "FormationViolation"),
        ('[2,"1","A",{"a":1}', "1", "FormationViolation"),
        ('[2,"1","A",{"a":"', "1", "FormationViolation"),
        ('[2,"1","A",{"a":"\x00"}]', "1", "FormationViolation"),
        ('[2,"1"', "1", "FormationViolation"),
        ('[2,"1","A",' + "[" * 100_000, "1", "FormationViolation"),
        ('[2,"1","A",' + "[" * 100_000 + "]" * 100_000 + "]", "1", "FormationViolation"),
        ('[2,"1","A",' + '{"a":' * 100_000, "1", "FormationViolation"),
    ],
)
def test_a_call_out_of_shape_is_answered(text, unique_id, code):
    assert refusal(text) == (unique_id, code)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\ufeff", "\x00", "null", "true", "7", '"text"', "{}", "[]", "[2]", "[2,]", "hello", "[[[", "[2,",
        '[1,"1","A",{}]', '[5,"1","A",{}]', '[2.0,"1","A",{}]', '[true,"1","A",{}]', '["2","1","A",{}]',
        '[null,"1","A",{}]', '[[2],"1","A",{}]', '{"2":["1","A",{}]}', '[-2,"1","A",{}]', '[22,"1","A",{}]',
        '[2,null,"A",{}]', '[2,[],"A",{}]', '[2,{},"A",{}]', '[2,true,"A",{}]', '[2,1.5,"A",{}]', '[2,1e3,"A",{}]',
        "[2," + "9" * 5000 + ',"A",{}]', "[" + "9" * 5000 + ',"1","A",{}]', '[2,7,"A",{"a":', f'[2,"{"x" * 37}',
        '[3]', '[3,7,{}]', '[4]', '[4,null,"a","b",{}]', '[4,"1',
        "[" * (1 << 20), "]" * (1 << 20), "[0," * 100_000,
    ],
)  # fmt: skip
def test_silence_where_nothing_can_be_answered(text):
    assert parse(text) is None


def test_huge_numbers_in_the_payload_are_the_schemas_business():
    digits = "9" * 5000

    assert parse(f'[2,"1","A",{{"a":{digits}}}]') == Call("1", "A", f'{{"a":{digits}}}'.encode())


def test_a_torn_answer_still_names_its_command():  # Grizzl-E, lbbrhzn/ocpp#442
    assert parse('[3,"1",{"configurationKey":[]') == CallResult("1", b'{"configurationKey":[]')


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (Call("1", "Reset", b'{"type":"Hard"}'), '[2,"1","Reset",{"type":"Hard"}]'),
        (CallResult('a"b', b"{}"), '[3,"a\\"b",{}]'),
        (CallError(7, "GenericError"), '[4,7,"GenericError","",{}]'),
        (CallError(10**30, "GenericError"), f'[4,{10**30},"GenericError","",{{}}]'),
        (CallError("1", "X", "y" * 300, {"a": 1}), f'[4,"1","X","{"y" * 255}",{{"a":1}}]'),
        (CallError.of("1", GenericError("oh", {"a": 1})), '[4,"1","GenericError","oh",{"a":1}]'),
    ],
)
def test_a_frame_is_written(frame, text):
    assert dump(frame) == text


def test_the_codes_are_spelled_as_ocpp_16_spells_them():
    assert {error.code for error in OcppError.__subclasses__()} == {
        "NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "FormationViolation",
        "PropertyConstraintViolation", "OccurenceConstraintViolation", "TypeConstraintViolation", "GenericError",
    }  # fmt: skip


any_text = st.text(st.characters(exclude_categories=[]))  # lone surrogates as well
ids = st.text(min_size=1, max_size=36) | any_text | st.integers() | st.none() | st.floats() | st.booleans()
elements = st.lists(ids | st.sampled_from([{}, {"a": "\ud800\x00"}, [], [[]]]), max_size=5)


@given(any_text | st.text('[]{},:"\\u0d82345 eaNl.-\n'))
def test_any_text_is_survived(text):
    with suppress(FrameError):
        parse(text)


@given(st.sampled_from([2, 3, 4, 2.0, True]), elements, st.booleans(), st.integers(0, 80), any_text)
def test_any_bent_frame_is_survived(kind, rest, ascii_only, position, junk):
    text = json.dumps([kind, *rest], ensure_ascii=ascii_only)
    for bent in (text, text[:position], text[:position] + junk + text[position:]):
        with suppress(FrameError):
            parse(bent)


@given(st.text(min_size=1, max_size=36), st.text(), st.dictionaries(st.text(), st.text()))
def test_what_is_written_is_read_back(unique_id, action, payload):
    frame = Call(unique_id, action, json.dumps(payload, ensure_ascii=False).encode())
    call = parse(dump(frame))

    escaped = [str.replace(text, "\x00", "\\u0000") for text in (unique_id, action)]
    if len(escaped[0]) <= 36:
        assert [call.unique_id, call.action] == escaped
