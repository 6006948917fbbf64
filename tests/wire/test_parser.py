"""What the wire leans on in aiohttp, by name: an upgrade that changes it fails here first, and says what.

`HttpRequestParser`, `HttpResponseParser` and `StreamReader` are aiohttp's, used as its own server and client use them,
but no documented interface. When one of these fails, read `engine/wire/connection.py` (the way in) or `partner.py` (the
way out) against the new version before the bound in pyproject.toml is moved.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import EMPTY_PAYLOAD
from aiohttp.http import HttpProcessingError, HttpRequestParser, HttpResponseParser, HttpVersion10, HttpVersion11
from aiohttp.http_exceptions import LineTooLong

from engine.wire.connection import AHEAD_MAX, TOO_MANY_FIELDS

HEAD = b"POST /hook?x=1 HTTP/1.1\r\nHost: shop.example\r\n"


class Owner:
    """All that a parser and its bodies may ask of the protocol they belong to."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self, resume_parser: bool = True) -> None:
        self.calls.append("resume")


def with_parser(play: Callable[[HttpRequestParser, Owner], Any]) -> Any:
    async def run() -> Any:
        owner: Any = Owner()
        parser = HttpRequestParser(
            owner,
            asyncio.get_running_loop(),
            1024,
            max_line_size=100,
            max_field_size=100,
            max_headers=8,
            auto_decompress=False,
            max_msg_queue_size=AHEAD_MAX,
        )
        return play(parser, owner)

    return asyncio.run(run())


def numbered(number: int) -> bytes:
    return b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}" % number


def test_one_call_gives_the_head_and_a_body_that_can_be_read_at_once() -> None:
    def play(parser: HttpRequestParser, owner: Owner) -> None:
        ((message, body),), upgraded, tail = parser.feed_data(HEAD + b"X-A: 1\r\nContent-Length: 2\r\n\r\n{}")
        assert (upgraded, tail) == (False, b"")
        assert (message.method, message.path, message.version) == ("POST", "/hook?x=1", HttpVersion11)
        assert [*message.headers.items()] == [("Host", "shop.example"), ("X-A", "1"), ("Content-Length", "2")]
        assert (message.should_close, message.upgrade, str(message.url)) == (False, False, "/hook?x=1")
        assert (body.is_eof(), body.read_nowait(), body.read_nowait()) == (True, b"{}", b"")
        assert HttpVersion10 < message.version

    with_parser(play)


def test_a_body_comes_as_it_is_fed_and_says_when_it_has_ended() -> None:
    def play(parser: HttpRequestParser, owner: Owner) -> None:
        ((_, body),), _, _ = parser.feed_data(HEAD + b"Content-Length: 5\r\n\r\n{")
        assert (body.is_eof(), body.read_nowait()) == (False, b"{")
        for part in (b'"a', b'"}'):
            assert parser.feed_data(part)[0] in ((), [])
        assert (body.is_eof(), body.read_nowait()) == (True, b'"a"}'[:4])

    with_parser(play)


def test_no_body_is_the_empty_one() -> None:
    def play(parser: HttpRequestParser, owner: Owner) -> None:
        ((_, body),), _, _ = parser.feed_data(HEAD + b"\r\n")
        assert body is EMPTY_PAYLOAD
        assert (body.is_eof(), body.read_nowait()) == (True, b"")

    with_parser(play)


def test_a_large_body_asks_for_a_pause_and_is_given_whole_without_one() -> None:
    """The intake takes out of a body all that was fed, and never pauses the parser."""

    def play(parser: HttpRequestParser, owner: Owner) -> None:
        ((_, body), (after, _)), _, _ = parser.feed_data(
            HEAD + b"Content-Length: 9000\r\n\r\n" + b"x" * 9000 + numbered(1)
        )
        assert owner.calls[0] == "pause"
        assert set(owner.calls) <= {"pause", "resume"}
        assert (body.is_eof(), body.read_nowait(), after.path) == (True, b"x" * 9000, "/1")

    with_parser(play)


def test_so_many_requests_are_parsed_and_the_rest_waits_to_be_asked_for() -> None:
    def play(parser: HttpRequestParser, owner: Owner) -> None:
        seen: list[str] = []
        data = b"".join(numbered(number) for number in range(2 * AHEAD_MAX + 3))
        for expected in (AHEAD_MAX, AHEAD_MAX, 3, 0):
            messages, _, _ = parser.feed_data(data)
            data = b""
            assert len(messages) == expected
            for message, body in messages:
                seen.append(message.path)
                assert body.read_nowait() == b"{}"
                parser.message_consumed()
        assert seen == [f"/{number}" for number in range(2 * AHEAD_MAX + 3)]

    with_parser(play)


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_what_wants_another_protocol_says_so(protocol: bytes) -> None:
    """The intake closes behind it: the parser gives no account of what follows."""

    def play(parser: HttpRequestParser, owner: Owner) -> None:
        raw = HEAD + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\nContent-Length: 2\r\n\r\n{}"
        messages, _, _ = parser.feed_data(raw + numbered(1))
        assert [(message.path, message.upgrade) for message, _ in messages] == [("/hook?x=1", True)]
        assert messages[0][1].read_nowait() == b"{}"

    with_parser(play)


ERRORS: dict[str, tuple[bytes, type[Exception], str]] = {
    "no HTTP": (b"\x16\x03\x01\r\n\r\n", HttpProcessingError, ""),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", HttpProcessingError, ""),
    "a line too long": (b"GET /" + b"x" * 200 + b" HTTP/1.1\r\nHost: a\r\n\r\n", LineTooLong, ""),
    "a field too long": (HEAD + b"X: " + b"x" * 200 + b"\r\n\r\n", LineTooLong, ""),
    "too many fields": (HEAD + b"X: 1\r\n" * 9 + b"\r\n", HttpProcessingError, TOO_MANY_FIELDS),
}


@pytest.mark.parametrize(("raw", "kind", "words"), ERRORS.values(), ids=ERRORS)
def test_what_is_wrong_is_raised_as(raw: bytes, kind: type[Exception], words: str) -> None:
    def play(parser: HttpRequestParser, owner: Owner) -> str:
        with pytest.raises(HttpProcessingError) as raised:
            parser.feed_data(raw)
        assert isinstance(raised.value, kind)
        return raised.value.message

    message = with_parser(play)
    assert message == words or not words


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────

ANSWER = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n{}"


def with_answer(play: Callable[[HttpResponseParser], None], **settings: object) -> None:
    async def run() -> None:
        owner: Any = Owner()
        more: Any = {"read_until_eof": True, "auto_decompress": False, **settings}
        play(HttpResponseParser(owner, asyncio.get_running_loop(), 1024, **more))

    asyncio.run(run())


def test_an_answer_comes_with_its_head_and_a_body_that_can_be_read_at_once() -> None:
    def play(parser: HttpResponseParser) -> None:
        ((message, body),), upgraded, _ = parser.feed_data(ANSWER)
        assert (message.code, message.should_close, upgraded) == (200, False, False)
        assert [*message.headers.items()] == [("X-A", "1"), ("Content-Length", "2")]
        assert (body.is_eof(), body.read_nowait(), body.is_eof()) == (True, b"{}", True)

    with_answer(play)


@pytest.mark.parametrize(("behind", "begun"), [(b"", False), (b"H", True), (ANSWER[:40], True)])
def test_the_end_tells_whether_another_answer_has_begun(behind: bytes, begun: bool) -> None:
    def play(parser: HttpResponseParser) -> None:
        parser.feed_data(ANSWER + behind)
        assert (parser.feed_eof() is not None) == begun

    with_answer(play)


def test_the_end_makes_a_body_without_a_length_whole_and_no_other() -> None:
    def play(parser: HttpResponseParser) -> None:
        ((_, body),), _, _ = parser.feed_data(b"HTTP/1.1 200 OK\r\n\r\n{}")
        assert (body.read_nowait(), body.is_eof()) == (b"{}", False)
        parser.feed_eof()
        assert body.is_eof()

    def play_short(parser: HttpResponseParser) -> None:
        parser.feed_data(ANSWER[:-1])
        with pytest.raises(HttpProcessingError):
            parser.feed_eof()

    with_answer(play)
    with_answer(play_short)


def test_an_answer_to_head_ends_with_its_head() -> None:
    def play(parser: HttpResponseParser) -> None:
        ((_, body),), _, _ = parser.feed_data(ANSWER[:-2])
        assert body.is_eof()
        assert parser.feed_eof() is None

    with_answer(play, response_with_body=False)
