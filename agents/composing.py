"""An answer composed from what the tools returned, for when a language model's own words did not stand.

Owns these sentences. They hold nothing but the data.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from agents.agents import DraftAnswer, Intent
from agents.comparing import compare
from agents.composing_models import MODEL_COMPOSERS
from agents.truth.evidence import Evidence
from agents.wording import number_text, run_label, short_id
from backend.models import RunSummary
from tools.directions import order_text
from tools.found import ComparisonFound, DetailsFound, Found, NoteWritten, RegistryDescribed, RunsFound, StoreDescribed

_MAX_LISTED: Final = 10
_MAX_VALUES: Final = 6


def compose(evidence: Evidence) -> DraftAnswer | None:
    """Gives an answer that says what the last telling tool returned; None when none returned anything."""
    telling = sorted(evidence.found, key=_weight)
    if not telling:
        return None
    return _COMPOSERS[type(telling[-1])](telling[-1])


def written_sentence(written: NoteWritten) -> str:
    """Says which note is in the store now, and which one was before."""
    run = written.run
    is_now = f'The note of run {run_label(run)} is now "{_cut(run.note)}".' if run.note else (
        f"The note of run {run_label(run)} is cleared."
    )  # fmt: skip
    was = written.previous
    return f'{is_now} Before, it was "{_cut(was)}".' if was and was != run.note else is_now


def unwritten_sentence(*, may_be_written: bool) -> str:
    """Says that the note that was asked for is not written, as far as that is known."""
    if may_be_written:
        return "Whether the note was written is not known: the server did not say. Look at the run before asking again."
    return "No note was written."


def _weight(found: Found) -> int:
    """A write tells most, the vocabulary least; among others the later one."""
    return {NoteWritten: 2, StoreDescribed: 0, RegistryDescribed: 0}.get(type(found), 1)


def _of_list(found: Found) -> DraftAnswer:
    assert isinstance(found, RunsFound)
    shown = found.runs[:_MAX_LISTED]
    if not shown:
        return _draft("list_runs", "No run fits.", [])
    if found.metric_name is None or found.order is None:
        heading = f"{found.total} runs fit; {len(shown)} of them:" if found.total > len(shown) else "The runs that fit:"
        return _draft("list_runs", _lines(heading, [_line(run) for run in shown]), shown)
    heading = f"Ranked by {found.metric_name}, {order_text(found.order)}:"
    return _draft("best_run", _lines(heading, [_line(run, found.metric_name) for run in shown]), shown)


def _of_details(found: Found) -> DraftAnswer:
    assert isinstance(found, DetailsFound)
    run = found.run
    parts = [f"Run {run_label(run)} is {run.status}"]
    parts += [f"{name} {number_text(value)}" for name, value in list(run.final_metrics.items())[:_MAX_VALUES]]
    if run.note:
        parts.append(f'note "{_cut(run.note)}"')
    return _draft("run_details", ", ".join(parts) + ".", [run])


def _of_comparison(found: Found) -> DraftAnswer:
    assert isinstance(found, ComparisonFound)
    result = compare(found.comparison)
    lines = []
    for name, metric in list(result.metrics.items())[:_MAX_VALUES]:
        values = ", ".join(f"{short_id(run_id)} {number_text(value)}" for run_id, value in metric.values.items())
        better = f"; better: {short_id(metric.better)}" if metric.better else ""
        lines.append(f"{name}: {values}{better}")
    heading = f"Compared: {', '.join(run_label(run) for run in found.comparison.runs[:_MAX_LISTED])}."
    return _draft("compare_runs", _lines(heading, lines), found.comparison.runs)


def _of_write(found: Found) -> DraftAnswer:
    assert isinstance(found, NoteWritten)
    return _draft("flag_run", written_sentence(found), [found.run])


def _of_store(found: Found) -> DraftAnswer:
    assert isinstance(found, StoreDescribed)
    facets = found.facets
    datasets = ", ".join(str(dataset.dataset_id) for dataset in facets.datasets[:_MAX_LISTED] if dataset.dataset_id)
    metrics = ", ".join(metric.name for metric in facets.metrics[:_MAX_LISTED])
    text = f"The store holds {facets.total} runs. Datasets: {datasets or 'none'}. Metrics: {metrics or 'none'}."
    return _draft("summarize_runs", text, [])


_COMPOSERS: Final[Mapping[type, Callable[[Found], DraftAnswer]]] = {
    RunsFound: _of_list,
    DetailsFound: _of_details,
    ComparisonFound: _of_comparison,
    NoteWritten: _of_write,
    StoreDescribed: _of_store,
    **MODEL_COMPOSERS,
}


def _draft(intent: Intent, text: str, runs: Sequence[RunSummary]) -> DraftAnswer:
    return DraftAnswer(intent=intent, natural_language_answer=text, used_run_ids=[run.run_id for run in runs])


def _line(run: RunSummary, metric_name: str | None = None) -> str:
    if metric_name is not None:
        return f"{run_label(run)}: {metric_name} {number_text(run.final_metrics.get(metric_name))}"
    return f"{run_label(run)}: {run.status}"


def _lines(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([heading, *(f"{place}. {line}" for place, line in enumerate(lines, start=1))])


def _cut(text: str | None, *, chars: int = 200) -> str:
    plain = " ".join((text or "").split())
    return plain if len(plain) <= chars else plain[:chars] + "…"
