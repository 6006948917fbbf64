"""The report as a person meets it: opened from the disk in Chromium, offline, light and dark, wide and narrow, on paper.

WAYBILL_CHROMIUM names the browser where it is not on the path as `chromium`; WAYBILL_SCREENSHOTS names a folder that
keeps what was seen, to be looked at.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

import pytest
from load.tell import samples
from playwright.sync_api import Browser, Page, sync_playwright
from test_report_page import hostile

from harness.load.model import Result
from harness.load.tell.report import render
from harness.load.tell.report.series import drawn

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAMES = ("chromium", "chromium-browser", "google-chrome")
SETTLE_MS = 150

PAINTED = """canvas => {
  const colours = new Set();
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < data.length; at += 4)
    if (data[at + 3] === 255) colours.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
  return [...colours];
}"""
ROLE = """role => {
  const mark = document.createElement("i");
  mark.style.color = getComputedStyle(document.documentElement).getPropertyValue(`--${role}`);
  document.body.append(mark);
  const found = getComputedStyle(mark).color.match(/[0-9]+/g).slice(0, 3).join(",");
  mark.remove();
  return found;
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("WAYBILL_CHROMIUM") or next(filter(None, map(which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on the path: install Debian's chromium, or name one with WAYBILL_CHROMIUM")
    with sync_playwright() as driver:
        # Its sandbox wants what neither root nor most containers have; what is opened is our own page.
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page, and all that it said or asked for since it was opened."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def colour(self, role: str) -> str:
        return str(self.page.evaluate(ROLE, role))

    def painted(self) -> dict[str, set[str]]:
        """Of each chart, the colours that stand on it unmixed."""
        places = self.page.query_selector_all("[data-chart]")
        found = {}
        for place in places:
            canvas = place.query_selector("canvas")
            assert canvas is not None
            found[str(place.get_attribute("data-chart"))] = set(canvas.evaluate(PAINTED))
        return found


def opened(browser: Browser, html: str, folder: Path, scheme: str = "light", width: int = 1_400) -> Opened:
    file = folder / "report.html"
    file.write_text(html, encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)  # type: ignore[arg-type]
    found = Opened(context.new_page())
    found.page.on("console", lambda message: found.said.append(message.text))
    found.page.on("pageerror", lambda error: found.said.append(str(error)))
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.goto(file.as_uri())
    found.page.wait_for_timeout(SETTLE_MS)
    return found


def roles(result: Result) -> dict[str, set[str]]:
    return {chart.id: {line.role for line in chart.lines} for chart in drawn(result, samples.held()).charts}


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [
        *((name, "light", 1_400) for name in samples.SAMPLES),
        *((name, "dark", 360) for name in samples.SAMPLES),
        ("broken", "dark", 1_400),
        ("broken", "light", 360),
    ],
)
def test_every_chart_is_drawn_and_nothing_is_asked_for(
    name: str, scheme: str, width: int, chromium: Browser, tmp_path: Path
) -> None:
    result = samples.SAMPLES[name]()
    shown = opened(chromium, render(result, samples.held()), tmp_path, scheme, width)
    shown.page.screenshot(path=kept(tmp_path) / f"{name}-{scheme}-{width}.png", full_page=True)
    assert shown.said == []
    assert [url for url in shown.asked if not url.startswith("file:")] == []
    assert len(shown.asked) == 1
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expected = roles(result)
    painted = shown.painted()
    assert painted.keys() == expected.keys()
    for chart, colours in painted.items():
        assert any(shown.colour(role) in colours for role in expected[chart]), (
            f"{chart}: none of {expected[chart]} is on it"
        )
    shown.page.context.close()


def kept(folder: Path) -> Path:
    place = Path(os.environ.get("WAYBILL_SCREENSHOTS", folder))
    place.mkdir(parents=True, exist_ok=True)
    return place


def test_a_change_of_the_colour_scheme_draws_the_charts_again(chromium: Browser, tmp_path: Path) -> None:
    shown = opened(chromium, render(samples.held()), tmp_path)
    light = shown.colour("completed")
    assert light in shown.painted()["flow"]
    shown.page.emulate_media(color_scheme="dark")
    shown.page.wait_for_timeout(SETTLE_MS)
    dark = shown.colour("completed")
    assert dark != light
    assert dark in shown.painted()["flow"]
    assert light not in shown.painted()["flow"]
    shown.page.context.close()


def test_another_width_draws_the_charts_again(chromium: Browser, tmp_path: Path) -> None:
    shown = opened(chromium, render(samples.held()), tmp_path)
    shown.page.set_viewport_size({"width": 500, "height": 900})
    shown.page.wait_for_timeout(SETTLE_MS)
    widths = shown.page.eval_on_selector_all("canvas", "all => all.map(one => one.getBoundingClientRect().width)")
    assert len(widths) >= 6
    assert max(widths) <= 500
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shown.page.context.close()


def test_paper_is_light_and_opens_every_story(chromium: Browser, tmp_path: Path) -> None:
    shown = opened(chromium, render(samples.broken()), tmp_path, "dark")
    shown.page.evaluate(
        "addEventListener('beforeprint', () => { window.paper = getComputedStyle(document.documentElement).backgroundColor })"
    )
    shown.page.pdf(path=kept(tmp_path) / "broken.pdf", format="A4")
    assert shown.page.evaluate("window.paper") == "rgb(255, 255, 255)"
    assert shown.page.eval_on_selector_all("details", "all => all.length && all.every(one => one.open)")
    assert shown.said == []
    shown.page.context.close()


def test_the_values_under_the_pointer_are_told_for_every_chart_over_time(chromium: Browser, tmp_path: Path) -> None:
    shown = opened(chromium, render(samples.held()), tmp_path)
    shown.page.locator("[data-chart=flow] .u-over").hover()
    for chart in ("flow", "oldest", "calls", "strain"):
        values = shown.page.locator(f"[data-chart={chart}] .u-value").all_inner_texts()
        assert ":" in values[0], chart
        assert all(any(letter.isdigit() for letter in value) for value in values), (chart, values)
    shown.page.context.close()


def test_hostile_names_neither_run_nor_break_a_chart(chromium: Browser, tmp_path: Path) -> None:
    shown = opened(chromium, render(hostile(), hostile()), tmp_path)
    assert shown.said == []
    assert shown.page.query_selector_all("img") == []
    assert len(shown.page.query_selector_all("canvas")) == 6
    assert "<img src=x" in shown.page.locator("[data-chart=calls] .u-legend").inner_text()
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shown.page.context.close()


def test_what_would_get_in_all_the_same_may_neither_run_nor_fetch(chromium: Browser, tmp_path: Path) -> None:
    """The page's policy, tried by what the escaping never lets through."""
    within = "<script>window.ran = 1</script><img src='data:image/png;base64,AAAA' onerror='window.ran = 2'></main>"
    shown = opened(chromium, render(samples.held()).replace("</main>", within), tmp_path)
    assert shown.page.evaluate("window.ran") is None
    assert shown.page.evaluate("fetch(location.href).then(() => 'let', () => 'kept')") == "kept"
    assert any("Content Security Policy" in message for message in shown.said)
    shown.page.context.close()
