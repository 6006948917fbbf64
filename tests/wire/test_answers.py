"""An answer as bytes: a head made once for those alike, and never for one that is not."""

import pytest

from engine.wire.answers import Answer, Serializer, problem

NOON_S = 1_800_014_400


def head_of(raw: bytes) -> list[str]:
    return raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def test_an_answer_on_the_wire() -> None:
    serialize = Serializer()
    serialize.tell_time(NOON_S)
    for _ in range(2):  # made, and then remembered
        assert serialize(Answer(202, b'{"n": 1}'), keep=True) == (
            b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 8\r\n"
            b"Date: Fri, 15 Jan 2027 12:00:00 GMT\r\nConnection: keep-alive\r\n\r\n"
            b'{"n": 1}'
        )


ALIKE = Answer(200, b"12345678", "text/plain", (("X-A", "1"),))
OTHERS = {
    "status": Answer(202, b"12345678", "text/plain", (("X-A", "1"),)),
    "length": Answer(200, b"1234567", "text/plain", (("X-A", "1"),)),
    "type": Answer(200, b"12345678", "text/html", (("X-A", "1"),)),
    "value": Answer(200, b"12345678", "text/plain", (("X-A", "2"),)),
    "field": Answer(200, b"12345678", "text/plain", (("X-B", "1"),)),
    "no fields": Answer(200, b"12345678", "text/plain"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_head_is_that_of_its_own_answer(other: Answer) -> None:
    serialize = Serializer()
    before = serialize(ALIKE, keep=True)
    fresh = Serializer()(other, keep=True)
    assert serialize(other, keep=True) == fresh != before
    assert serialize(ALIKE, keep=False).replace(b"close", b"keep-alive") == before == serialize(ALIKE, keep=True)


def test_the_body_is_never_remembered() -> None:
    serialize = Serializer()
    assert serialize(Answer(202, b"one"), keep=True).endswith(b"\r\n\r\none")
    assert serialize(Answer(202, b"two"), keep=True).endswith(b"\r\n\r\ntwo")
    assert serialize(Answer(202, b"two"), keep=True, bare=True).endswith(b"\r\n\r\n")


def test_the_date_moves_on() -> None:
    serialize = Serializer()
    dates = []
    for second in (NOON_S, NOON_S + 1):
        serialize.tell_time(second)
        dates.append([line for line in head_of(serialize(ALIKE, keep=True)) if line.startswith("Date")])
    assert dates == [["Date: Fri, 15 Jan 2027 12:00:00 GMT"], ["Date: Fri, 15 Jan 2027 12:00:01 GMT"]]


def test_what_has_no_body_ends_with_its_head() -> None:
    raw = Serializer()(Answer(204, b"not sent"), keep=True)
    assert raw.endswith(b"\r\n\r\n")
    assert not any(line.startswith("Content-") for line in head_of(raw))


def test_heads_that_are_never_alike_fill_no_memory() -> None:
    serialize = Serializer()
    for number in range(10_000):
        serialize(Answer(200, headers=(("X-Number", f"{number}"),)), keep=True)
    assert len(serialize._heads) <= 256


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\x00", "a\x7f", "\udcff"])
def test_a_field_that_would_end_its_line_is_our_own_mistake(value: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        Serializer()(Answer(200, headers=(("X", value),)), keep=True)


def test_a_problem_is_json_for_a_program_and_words_for_a_person() -> None:
    answer = problem(503, "try again", (("Retry-After", "1"),))
    assert (answer.status, answer.content_type, answer.headers) == (
        503,
        "application/problem+json",
        (("Retry-After", "1"),),
    )
    assert b'"title": "Service Unavailable"' in answer.body
