"""The page as text: whole without a network, closed to what it was not given, and with a place for all that was measured."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import msgspec
import pytest
from load.tell import samples
from msgspec.structs import replace

from harness.load.model import QUANTILES, Result
from harness.load.tell.report import own, render

HOSTILE = "</script></style></title>--><img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}"
FIXED = {
    *("held", "broken", "invalid", "sqlite", "postgresql", "lost", "doubled", "out_of_order"),
    *("quota", "partner", "pool", "key", "cpu", "store", "generator"),
    *("send", "accept", "queue", "engine", "retry", "gate", "person", "run", "phase", "window"),
    *("accept_service", "complete", "complete_service"),
    *map(str, QUANTILES),
}


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.held: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self.held.append((tag, ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is not None:
            tag, text = self.held[-1]
            self.held[-1] = (tag, text + data)


def spoilt(value: object, key: str = "") -> object:
    """The same result with every text and name of it hostile, but for the words that are fixed."""
    if isinstance(value, dict):
        names = {name: name if name in FIXED or key == "" else f"{name}{HOSTILE}" for name in value}
        inner = {"by_phase", "by_integration", "statuses", "refused", "ended", "ends"}
        return {names[name]: spoilt(held, name if name in inner else "") for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [spoilt(one) for one in value]
    return value + HOSTILE if isinstance(value, str) and value not in FIXED else value


def hostile() -> Result:
    plain = msgspec.to_builtins(samples.broken())
    return msgspec.convert(spoilt(plain), Result)


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_every_link_of_the_page_leads_somewhere_on_it(name: str) -> None:
    page = Elements(render(samples.SAMPLES[name]()))
    ids = {found["id"] for _, found in page.seen if "id" in found}
    links = [found["href"] for tag, found in page.seen if tag == "a"]
    assert len(links) >= 6
    assert all(link is not None and link[0] == "#" and link[1:] in ids for link in links)


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_the_page_names_nothing_that_would_be_fetched(name: str) -> None:
    page = Elements(render(samples.SAMPLES[name](), samples.held()))
    assert len(page.seen) > 100
    fetching = {"src", "srcset", "data", "poster", "action", "xlink:href", "style"}
    assert not [(tag, found) for tag, found in page.seen if tag in {"link", "iframe", "img", "object", "base"}]
    assert not [(tag, found) for tag, found in page.seen if fetching & found.keys()]
    assert not re.search(r"@import|url\(", own("page.css") + own("vendor/uplot.css"))


def test_the_policy_allows_the_scripts_and_the_style_of_the_page_and_no_other() -> None:
    page = Elements(render(samples.held()))
    (policy,) = (found["content"] for _, found in page.seen if found.get("http-equiv") == "Content-Security-Policy")
    told = dict(part.split(" ", 1) for part in policy.split("; "))
    named = {
        tag: [b64encode(sha256(text.encode()).digest()).decode() for kind, text in page.held if kind == tag]
        for tag in ("style", "script")
    }
    assert told["default-src"] == "'none'"
    assert told["style-src"] == f"'sha256-{named['style'][0]}'"
    # The first script is data, which does not run and so needs no leave.
    assert told["script-src"] == " ".join(f"'sha256-{one}'" for one in named["script"][1:])
    assert len(named["script"]) == 3


def test_hostile_names_are_text_wherever_they_stand() -> None:
    safe, spoilt_ = samples.broken(), hostile()
    assert spoilt_.measures.partners[0].system.endswith(HOSTILE)
    assert any(HOSTILE in name for name in spoilt_.measures.by_phase)
    page, plain = Elements(render(spoilt_, spoilt_)), Elements(render(safe, safe))
    assert [tag for tag, _ in page.seen if tag not in {"rect", "li"}] == [
        tag for tag, _ in plain.seen if tag not in {"rect", "li"}
    ]
    assert not [found for _, found in page.seen if any(name.startswith("on") for name in found)]
    text = render(spoilt_)
    assert "<img" not in text
    assert "49" not in re.findall(r"&amp;(\S+) ", text)
    data = next(text for (tag, text) in page.held if tag == "script")
    assert not re.search("[<>&]", data)
    assert HOSTILE in "".join(line["label"] for chart in msgspec.json.decode(data)["charts"] for line in chart["lines"])


def test_what_was_measured_has_a_place() -> None:
    text = render(samples.broken())
    for said in (
        "1 of 7,205 acknowledged events is in no state",
        "revision 2 was booked after revision 3",
        "46.531 s",
        "older than what stands",
        "dedupe_for 30m",
        "31 \N{MULTIPLICATION SIGN} 429",
        "1 lost",
        "1 out of order",
        "812 not ended",
        "95/s, burst 50, concurrency 8",
        "--profile flash-sale --seed 7",
        "too few",
        "never",
    ):
        assert said in text, said


def test_an_invalid_run_calls_nothing_held() -> None:
    text = render(samples.invalid())
    assert "✓ held" not in text
    assert "? held" in text
    assert "messages left 127 ms late" in text


def test_what_was_not_judged_is_not_called_held() -> None:
    held = samples.held()
    assert render(held).count("· not judged") == 1
    unjudged = replace(held, slo=tuple(replace(slo, judged=False) for slo in held.slo))
    assert "✓ held" not in render(unjudged)


def test_the_load_is_doubted_for_the_verdict_s_own_reasons() -> None:
    held = samples.held()
    generator = replace(held.measures.generator, cpu=0.95)
    text = render(replace(held, verdict="invalid", measures=replace(held.measures, generator=generator)))
    assert "the generator had no CPU left: 95 % of its core" in text
    assert "✓ The load was what it says" not in text


def test_virtual_time_is_labelled_as_what_it_cannot_see() -> None:
    assert "blind to CPU" in render(samples.virtual())
    assert "blind to CPU" not in render(samples.held())


def test_the_page_is_the_same_for_the_same_result() -> None:
    assert render(samples.capacity(), samples.held()) == render(samples.capacity(), samples.held())


def test_a_result_read_back_from_its_json_makes_the_same_page() -> None:
    result = samples.capacity()
    again = msgspec.json.decode(msgspec.json.encode(result), type=Result)
    pages = [render(one).partition('type="application/json">') for one in (again, result)]
    data, rest = zip(*(after.split("</script>", 1) for _, _, after in pages), strict=True)
    assert pages[0][0] == pages[1][0]
    assert rest[0] == rest[1]
    assert msgspec.json.decode(data[0]) == msgspec.json.decode(data[1])


def test_a_day_makes_a_page_of_a_few_hundred_kilobytes() -> None:
    assert len(render(samples.virtual())) < 400_000


def test_the_library_is_the_one_that_was_published_and_its_licence_travels_with_it() -> None:
    """uPlot 1.6.32 as npm has it; whoever renews it renews these hashes, its licence and this line."""
    published = {
        "vendor/uplot.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
        "vendor/uplot.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    }
    assert {name: sha256(own(name).encode()).hexdigest() for name in published} == published
    assert "Copyright (c) 2022 Leon Sorokin" in render(samples.held())
