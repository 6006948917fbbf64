"""A generator sends on time whatever the server does, and what it says of latency and of itself is true."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from load.send.answering import Server, accepted, message

from harness.load.histogram import Histogram, PerSecond
from harness.load.model import Arrival, Generator, Sent
from harness.load.send.arrivals import schedule
from harness.load.send.facts import Facts, generator_of, merged
from harness.load.send.feed import MessageFile, read_sent, write
from harness.load.send.generator import Orders, generate
from harness.load.send.profile import Phase, Piece, Profile, steady


def every(gap_ms: int, count: int, phase: int = 0) -> list[Arrival]:
    return [Arrival(number * gap_ms * 1000, number, phase) for number in range(count)]


def sent_to(server: Server, arrivals: list[Arrival], **more: object) -> tuple[Facts, list[Sent]]:
    found: list[Sent] = []
    messages = [message(b'{"n": %d}' % number) for number in range(len(arrivals))]
    facts = generate("127.0.0.1", server.port, arrivals, messages, found.append, **more)  # type: ignore[arg-type]
    return facts, found


def test_every_message_is_sent_once_and_not_before_it_is_due() -> None:
    with Server() as server:
        facts, found = sent_to(server, every(2, 300))
    assert server.requests == 300
    assert sorted(each.message for each in found) == list(range(300))
    assert all(each.due_us <= each.sent_us <= each.answered_us for each in found)
    assert {each.status for each in found} == {202}
    assert sorted(each.event for each in found) == list(range(1, 301))
    assert (facts.due, facts.sent, facts.unsent, facts.statuses) == (300, 300, 0, {"202": 300})
    assert facts.lag.count == facts.corrected["0"].count == facts.service["0"].count == 300
    assert len(found) == sum(each.sent_us >= 0 for each in found) == sum(each.answered_us >= 0 for each in found) == 300
    assert facts.connections < 100  # kept alive and used again


def test_phases_are_told_apart() -> None:
    arrivals = [*every(1, 50), *(Arrival(50_000 + n * 1000, 50 + n, 1) for n in range(30))]
    with Server() as server:
        facts, _ = sent_to(server, arrivals)
    assert {phase: latency.count for phase, latency in facts.corrected.items()} == {"0": 50, "1": 30}
    assert {phase: latency.count for phase, latency in facts.lag_by_phase.items()} == {"0": 50, "1": 30}


def test_what_is_turned_away_counts_by_its_status_and_not_as_latency() -> None:
    def full(number: int) -> bytes:
        return accepted(number) if number % 2 else b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"

    with Server(full) as server:
        facts, found = sent_to(server, every(1, 100))
    assert facts.statuses == {"202": 50, "503": 50}
    assert facts.corrected["0"].count == 50
    assert sum(each.status == 503 and each.answered_us >= 0 for each in found) == 50
    assert {each.event for each in found if each.status == 503} == {0}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 two OK\r\n\r\n",
        b"x" * 70_000,
    ],
    ids=["closed", "chunked", "another protocol", "no length", "no status", "no end"],
)
def test_an_answer_that_is_none_is_a_failure_and_the_next_goes_over_another_connection(answer: bytes | None) -> None:
    with Server(lambda number: answer if number == 5 else accepted(number)) as server:
        facts, found = sent_to(server, every(5, 20))
    failed = [each for each in found if each.status == 0]
    assert facts.statuses == {"0": 1, "202": 19}
    assert [(each.answered_us, each.event) for each in failed] == [(-1, 0)]
    assert sum(each.sent_us >= 0 for each in failed) == 1


def test_answers_in_pieces_and_without_a_body_are_read() -> None:
    with Server(lambda number: b"HTTP/1.1 204 No Content\r\n\r\n" if number % 2 else accepted(number)) as server:
        facts, _ = sent_to(server, every(1, 10))
    assert facts.statuses == {"202": 5, "204": 5}


def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    closing = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with Server(lambda _: closing) as server:
        facts, _ = sent_to(server, every(5, 30))
    assert facts.statuses == {"202": 30}
    assert server.connections >= 30


def test_an_answer_that_never_comes_ends_the_wait() -> None:
    with Server(lambda number: b"" if number == 1 else accepted(number)) as server:
        facts, found = sent_to(server, every(10, 10), answer_s=0.5)
    assert facts.statuses == {"0": 1, "202": 9}
    assert facts.unsent == 0
    assert len(found) == 10


def test_where_nobody_listens_all_fails_and_nothing_is_unsent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found: list[Sent] = []
        facts = generate("127.0.0.1", unused.getsockname()[1], every(5, 20), [message()] * 20, found.append)
    assert facts.statuses == {"0": 20}
    assert facts.unsent == 0
    assert len(found) == 20


def test_a_small_pool_makes_messages_wait_and_their_latency_counts_from_when_they_were_due() -> None:
    with Server(stalls=[(0.0, 1.0)]) as server:
        begin_ns = time.monotonic_ns() + 200_000_000
        server.begin(begin_ns)
        facts, found = sent_to(server, every(10, 100), connections_max=2, begin_ns=begin_ns)
    assert facts.waited > 30
    assert facts.sent == 100
    early = [each for each in found if 300_000 <= each.due_us < 500_000]
    assert all(each.answered_us - each.due_us > 200_000 for each in early)
    assert sum(each.answered_us - each.sent_us > 200_000 for each in early) <= 2  # the service alone does not show it
    assert facts.lag.quantiles_ms["0.75"] < 200  # and it was not the generator's fault


def test_what_waits_longer_than_an_answer_may_take_is_unsent() -> None:
    with Server(lambda _: b"") as server:
        facts, found = sent_to(server, every(1, 20), connections_max=4, answer_s=0.5)
    assert facts.unsent > 0
    assert facts.unsent == sum(each.sent_us == -1 for each in found)
    assert len(found) == 20


@pytest.mark.slow
def test_against_a_server_that_stalls_the_corrected_p99_is_that_of_the_schedule() -> None:
    """As wrk2 defines it: from the intended beginning. Of 2 s in every 10 s the 99th percentile is near 2 s."""
    rate, length_s, stalls = 120, 10, [(4.0, 2.0)]
    arrivals, _ = schedule(steady("stalls", rate, length_s), seed=1)
    with Server(stalls=stalls) as server:
        begin_ns = time.monotonic_ns() + 500_000_000
        server.begin(begin_ns)
        facts, found = sent_to(server, arrivals, connections_max=8, begin_ns=begin_ns)
    expected = Histogram()
    for arrival in arrivals:
        due_ns = begin_ns + arrival.due_us * 1000
        expected.record_us(
            sum(max(0, goes_on - due_ns) for stops, goes_on in server.stood_still if stops <= due_ns) // 1000
        )
    wanted = expected.quantile_us(0.99)
    corrected = Histogram.of(facts.corrected["0"]).quantile_us(0.99)
    service = Histogram.of(facts.service["0"]).quantile_us(0.99)
    assert wanted is not None
    assert corrected is not None
    assert service is not None
    assert corrected == pytest.approx(wanted, rel=0.05)
    assert wanted > 1_800_000
    assert service < wanted / 2  # what a closed model would have told
    assert len(found) == rate * length_s
    worst = max(PerSecond.decode(facts.corrected_by_s).stretches(), key=lambda each: each[1].max_us)
    assert worst[0] == 4


def test_a_starved_generator_is_seen() -> None:
    def late() -> Iterator[Arrival]:
        for arrival in every(1, 200):
            time.sleep(0.01)  # it does not even get to its schedule in time
            yield arrival

    with Server() as server:
        facts = generate("127.0.0.1", server.port, late(), [message()] * 200, lambda _: None)
    held = generator_of(facts, Generator(processes=1, lag=Histogram().latency(), cpu=0, unsent=0, clock_jump_ms=0))
    assert held.lag.max_ms > 500
    assert held.lag.quantiles_ms["0.5"] > 100
    assert facts.statuses == {"202": 200}  # all the same, nothing is left out


def test_a_mistake_of_ours_is_loud_and_does_not_hang() -> None:
    with Server() as server, pytest.raises(IndexError):
        generate("127.0.0.1", server.port, every(1, 20), [message()] * 10, lambda _: None)


def test_a_record_that_cannot_be_written_ends_the_run() -> None:
    def full(_: Sent) -> None:
        raise OSError(28, "no space left")

    with Server() as server, pytest.raises(OSError, match="no space left"):
        generate("127.0.0.1", server.port, every(1, 20), [message()] * 20, full)


def test_nothing_due_is_over_at_once() -> None:
    with Server() as server:
        facts, found = sent_to(server, [])
    assert (facts.due, found) == (0, [])


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_two_processes_share_one_schedule(tmp_path: Path) -> None:
    profile = Profile(name="p", arrivals="poisson", phases=(Phase("a", (Piece(1_000_000, 200, 200),)),))
    arrivals, _ = schedule(profile, seed=3)
    write(tmp_path / "schedule", arrivals)
    write(tmp_path / "messages", [message(b'{"n": %d}' % number) for number in range(len(arrivals))])
    with Server() as server:
        begin_ns = time.monotonic_ns() + 3_000_000_000
        running = []
        for part in range(2):
            orders = Orders(
                host="127.0.0.1",
                port=server.port,
                schedule=str(tmp_path / "schedule"),
                messages=str(tmp_path / "messages"),
                sent=str(tmp_path / f"sent-{part}"),
                begin_ns=begin_ns,
                part=part,
                parts=2,
                progress=part == 0,
            )
            file = tmp_path / f"orders-{part}.json"
            file.write_bytes(msgspec.json.encode(orders))
            command = [sys.executable, "-m", "harness.load.send.generator", str(file)]
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        lines = [process.communicate(timeout=60)[0].splitlines() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    parts = [msgspec.json.decode(line[-1], type=dict[str, Facts])["facts"] for line in lines]
    whole = merged(parts)
    found = [each for part in range(2) for each in read_sent(tmp_path / f"sent-{part}")]
    assert sorted(each.message for each in found) == [each.message for each in arrivals]
    assert whole.due == whole.sent == whole.corrected["0"].count == whole.lag.count == len(arrivals)
    assert whole.processes == 2
    assert abs(parts[0].due - parts[1].due) <= 1
    assert all("progress" in json.loads(line) for line in lines[0][:-1])
    assert len(lines[1]) == 1


def test_a_file_of_messages_gives_each_by_its_number(tmp_path: Path) -> None:
    written = [message(b"x" * size) for size in (0, 5, 70_000, 1)]
    assert write(tmp_path / "messages", written) == 4
    file = MessageFile(tmp_path / "messages")
    assert [file[number] for number in (2, 0, 3, 1)] == [written[number] for number in (2, 0, 3, 1)]
    assert len(file) == 4
    with pytest.raises(IndexError):
        file[4]
    file.close()


def test_the_last_record_of_a_writer_that_was_killed_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "sent"
    write(path, [Sent(number, 0, 0, 0, 0, 202, 0) for number in range(3)])
    path.write_bytes(path.read_bytes()[:-2])
    assert [each.message for each in read_sent(path)] == [0, 1]
    path.write_bytes(b"")
    assert [*read_sent(path)] == []
    write(tmp_path / "messages", [message()])
    (tmp_path / "messages").write_bytes((tmp_path / "messages").read_bytes()[:-2])
    with pytest.raises(ValueError, match="ends within a message"):
        MessageFile(tmp_path / "messages")
