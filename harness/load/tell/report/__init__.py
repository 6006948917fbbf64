"""RESULT → ONE PAGE: the report of a load run as a single HTML file that needs nobody else.

Everything is inside: numbers, style, script and the chart library (`vendor/`). The page's own policy allows the scripts
and styles whose hashes it names and nothing more, so a name that came from somewhere can neither run nor fetch. This
package refuses to measure, to judge, to open a file of the user's and to ask the network.

tables.py    what is said
baseline.py  what is said beside another run
series.py    what is drawn
page.*       how it looks
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from msgspec.json import encode

from harness.load import numbers
from harness.load.model import Result
from harness.load.tell.report import baseline as beside
from harness.load.tell.report import tables
from harness.load.tell.report.series import drawn

VERDICTS: Final = {"held": "Held", "broken": "Broken", "invalid": "Invalid"}


def render(result: Result, baseline: Result | None = None) -> str:
    """The whole page. `baseline` is a run to be held beside this one."""
    style = own("vendor/uplot.css") + own("page.css")
    scripts = (own("vendor/uplot.js"), own("page.js"))
    data = drawn(result, baseline)
    return page().render(
        result=result,
        baseline=baseline,
        verdict=VERDICTS[result.verdict],
        policy=policy(style, scripts),
        style=Markup(style),  # noqa: S704 - our own files, and only they
        scripts=[Markup(script) for script in scripts],  # noqa: S704
        licence=Markup(own("vendor/uplot.LICENSE")),  # noqa: S704
        data=Markup(inert(encode(data).decode())),  # noqa: S704 - inert() is what makes it so
        charts={chart.id: chart for chart in data.charts},
        tables=tables,
        beside=beside,
        words=numbers,
    )


def policy(style: str, scripts: tuple[str, ...]) -> str:
    """Nothing may be fetched, sent or framed; what runs and paints is told by its hash."""
    running = " ".join(f"'sha256-{hashed(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {running}; style-src 'sha256-{hashed(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def hashed(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def inert(json: str) -> str:
    """JSON that cannot end the element it stands in, and is the same JSON."""
    return json.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


@cache
def own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def page() -> Template:
    grammar = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return grammar.from_string(own("page.html"))
