"""Plans that write a note: a flag for publish, a mark, or the user's own words.

Owns `flag_run` and `update_note`. One note is written for a question, and only when the tool for it is offered.
"""

import re
from dataclasses import replace
from typing import Final

from agents.agents import DraftAnswer
from agents.offline.language.notes import FLAG, NOTE, n_orders
from agents.offline.plans.asking import Call, Plan, Steps, ask, ask_details, list_scope
from agents.offline.plans.saying import draft, numbered, quoted, shown_metrics
from agents.offline.plans.targets import find_target
from agents.offline.reading.reading import Reading
from agents.wording import run_label
from tools.found import NoteWritten

_MANY: Final = re.compile(
    r"\b(?:all|every|everything|each|any|both|several|random)\b(?!.*\b(?:best|worst|latest|newest|oldest)\b)(?! time)|"
    r"\bevery (?:single )?(?:[A-Z]+ )*(?:run|one|experiment)\b"
)
"""Words for more runs than one, or for none that is named; `the best of all` is one."""


def write(reading: Reading) -> Plan:
    """Writes the one note that was asked for."""
    reading = replace(reading, scope=replace(reading.scope, note=None))
    asked = reading.note
    refused = _refused(reading)
    if asked is None or asked.note is None or refused:
        yield from ()
        missing = "the words of the note are missing. Say for example: note on RUN: text"
        return draft(reading, f"Nothing was written: {refused or missing}.", fits=True)
    target = yield from _target(reading)
    if isinstance(target, DraftAnswer):
        return target
    is_flag = asked.note == "PUBLISH" and FLAG in reading.writing
    arguments = {"run_id": target} if is_flag else {"run_id": target, "note": asked.note}
    found = yield from ask(Call(FLAG if is_flag else NOTE, arguments))
    if not isinstance(found, NoteWritten):
        return draft(reading, "Nothing was written.")
    return _written(reading, found, is_flag=is_flag)


def _refused(reading: Reading) -> str:
    """Says why an order cannot be carried out as one note on one run; nothing where it can."""
    if n_orders(reading.question) > 1:
        return "this orders more than one note, and one is written for each question; ask for one at a time"
    if re.search(r"\bappend\w*\b.*\bto (?:\w+ )?(?:notes?|comments?)\b|\bextend\b", reading.question, re.IGNORECASE):
        return "words cannot be added to a note. Give all that it shall say"
    is_of_many = _MANY.search(reading.masked) is not None or reading.per is not None
    return "one run is written on for each question. Say which" if is_of_many and not reading.run_ids else ""


def _target(reading: Reading) -> Steps[str | DraftAnswer]:
    """Finds the run to write on; an answer that asks which, where it is not one."""
    if not reading.run_ids and not reading.ends and not reading.recency and not reading.scope.is_everything:
        batch = yield from list_scope(reading.scope, limit=5)
        if len(batch.runs) != 1:
            runs = numbered(batch.runs, shown_metrics(reading, batch.runs))
            return draft(
                reading,
                "Nothing was written: which run? These fit:" if runs else "Nothing was written: no run fits.",
                runs,
                fits=bool(runs),
            )
        return batch.runs[0].run_id
    target, run = yield from find_target(reading)
    if target is not None and run is None:
        details = yield from ask_details(target)
        return details.run.run_id
    if target is None:
        which = "no run fits" if reading.ends or not reading.scope.is_everything else "which run? Give its id"
        return draft(reading, f"Nothing was written: {which}.")
    return target


def _written(reading: Reading, found: NoteWritten, *, is_flag: bool) -> DraftAnswer:
    run, note = found.run, found.run.note or ""
    done = f"now has the note {quoted(note)}" if note else "now has no note"
    done = "is flagged for publish" if is_flag else done
    before = f" The note before: {quoted(found.previous)}." if found.previous and found.previous != note else ""
    several = " One run is written on for each question; the others were left as they are." if (
        len(reading.run_ids) > 1 or (reading.top_k or 1) > 1
    ) else ""  # fmt: skip
    ranking = reading.ranking() if reading.ends and not reading.run_ids else None
    return draft(
        reading,
        f"Run {run_label(run)} {done}.{before}{several}",
        used=[run.run_id],
        read_as=[ranking.said()] if ranking else ["the run named"],
    )
