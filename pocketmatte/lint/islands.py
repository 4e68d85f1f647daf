"""Into how many parts the operations that leave the engine cut a program."""

from pocketmatte.lint.finding import Found, Rule, found
from pocketmatte.lint.sources import ENGINE_RULES, UNSUPPORTED_LAYERS
from pocketmatte.lint.subject import Subject, references
from pocketmatte.lint.words import some


def islands(subject: Subject) -> Found | None:
    """Count the parts that are left on the engine; nothing where nothing leaves it."""
    leaving = subject.those(lambda operation: id(operation) in subject.leaving)
    if not leaving:
        return None
    parts = min(_parts(subject, begin_off=False), _parts(subject, begin_off=True))
    left = len(subject.operations) - len(leaving)
    message = (
        f"{some(len(leaving), 'operation')} known to leave the engine, {left} others in "
        f"{some(parts, 'segment')} on it"
    )
    return found(leaving, message)


def _parts(subject: Subject, *, begin_off: bool) -> int:
    """Return how often the engine has its turn.

    The engine and what is beside it take turns, each doing all that it can before the other goes
    on.
    """
    turns: dict[
        str, tuple[int, bool]
    ] = {}  # by value: when it was made, and whether off the engine
    on_engine = set()
    for operation in subject.operations:
        off = id(operation) in subject.leaving
        turn = 0 if off == begin_off else 1
        for each in references(operation):
            if each.name in turns:
                made, made_off = turns[each.name]
                turn = max(turn, made + (made_off != off))
        for named in operation.outputs:
            turns[named.name] = (turn, off)
        if not off:
            on_engine.add(turn)
    return len(on_engine)


RULES: tuple[Rule, ...] = (
    Rule(
        name="islands",
        severity="hint",
        meaning="how many segments are left on the engine between what is known to leave it",
        mend="each costs a way there and back: mend the errors, or move them to one end",
        sources=(ENGINE_RULES, UNSUPPORTED_LAYERS),
        check=islands,
    ),
)
