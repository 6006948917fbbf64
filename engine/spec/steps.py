"""Every step of a spec, inner ones too, and every text in one: for whoever asks what a spec uses.

A walk that knows the kinds of steps, so that the rules, the finder of uses and the compiler need not each know them.
"""

from collections.abc import Iterator

from engine.spec import shape


def every_step(steps: tuple[shape.Step, ...], path: str = "steps") -> Iterator[tuple[str, shape.Step]]:
    """(path, step) of each, those inside `each` right after the step around them."""
    for place, step in enumerate(steps):
        at = f"{path}[{place}]"
        yield at, step
        yield from every_step(step.steps or (), f"{at}.steps")


def values_of(step: shape.Step) -> Iterator[shape.Value]:
    """The values of one step."""
    yield from (value for value in (step.from_, step.input, step.once) if value is not None)
    if isinstance(step.call, shape.AnyOf) and step.call.pick is not None:
        yield step.call.pick
    if step.decide is not None:
        yield from (row.then for row in step.decide.first or step.decide.all or ())
    if step.emit is not None:
        yield step.emit.body


def texts_of(step: shape.Step) -> Iterator[shape.Value]:
    """Whatever reads the scope of one step: its condition, its values, and what a hold or a decision asks. What
    `hold.until.when` calls `body` is another one, so that it is not among them."""
    rows = (step.decide.first or step.decide.all or ()) if step.decide is not None else ()
    yield from (text for text in (step.when, step.each, *(row.when for row in rows)) if text is not None)
    yield from values_of(step)
    if step.hold is not None and step.hold.reason is not None:
        yield shape.Filled(template=step.hold.reason)
    if step.hold is not None and isinstance(step.hold.expires, shape.Expression):
        yield step.hold.expires
