"""Answers that say what cannot be answered, and what can.

Owns those: nothing understood, a name that the store does not have, an empty store, a tool that failed.
"""

from typing import Final

from agents.agents import DraftAnswer
from agents.offline.language.names import DATASET_PARAMS, is_number
from agents.offline.plans.asking import Call, Failure, Plan, Result
from agents.offline.plans.saying import draft, names_text, quoted
from agents.offline.reading.reading import Reading, Unknown
from agents.wording import MODEL_PARAMS, run_label
from backend.models import Facets
from tools.found import DetailsFound

_MAX_MESSAGE_CHARS: Final = 600
_MAX_CANDIDATES: Final = 5
_READS: Final = "I read the runs of this store: their metrics, parameters, datasets, tags, notes, states and curves"


def refuse(reading: Reading) -> Plan:
    """Says that the question is not about runs, and gives questions that this store can answer."""
    yield from ()
    return DraftAnswer(
        intent="unanswerable",
        natural_language_answer=f"{_READS}; I found none of that in the question, or it asks for more than reading "
        f"runs and writing notes.\nQuestions that work here:\n{_examples(reading)}",
    )


def refuse_unknown(reading: Reading) -> Plan:
    """Says which name of the question the store does not have, and which it has."""
    yield from ()
    sentences = [_unknown_text(unknown, reading.facets) for unknown in reading.unknown]
    return draft(reading, *sentences, "No run was read for this.", intent="unanswerable", fits=True)


def say_empty(reading: Reading) -> Plan:
    """Says that there are no runs yet, and how to record one."""
    yield from ()
    return DraftAnswer(
        intent=reading.intent
        if reading.intent in {"count_runs", "summarize_runs", "best_run", "list_runs"}
        else "unanswerable",
        natural_language_answer="The store is empty: no run was recorded yet. Put @log_run from lab_logger on a "
        "training "
        "function and call it, or run `make run` for an example; then ask again.",
    )


def say_failure(reading: Reading, text: str) -> Plan:
    """Says what a tool said when it failed; where several runs may be meant, which."""
    said = " ".join(text.split())[:_MAX_MESSAGE_CHARS]
    run_ids = [run_id for name in reading.run_ids for run_id in _starting_with(name, said)][:_MAX_CANDIDATES]
    unknown = [name for name in reading.run_ids if said.startswith("Unknown run") and name.lower() in said.lower()]
    if unknown:
        sentences = " ".join(f"No run has the id {name}, or one that begins so." for name in unknown)
        return DraftAnswer(intent=reading.intent, natural_language_answer=sentences)
    if not run_ids:
        return DraftAnswer(intent=reading.intent, natural_language_answer=f"This could not be answered: {said}")
    results = yield [Call("get_run_details", {"run_id": run_id}) for run_id in run_ids]
    runs = [result.run for result in results if isinstance(result, DetailsFound)]
    lines = "\n".join(f"- {run_label(run)}" for run in runs)
    return DraftAnswer(
        intent=reading.intent,
        natural_language_answer=f"{' and '.join(reading.run_ids)} may mean several runs; give more of the id:\n{lines}",
    )


def _starting_with(name: str, text: str) -> list[str]:
    """Gives the longer words of a text that start with a name."""
    words = [word.strip(".,;:'\"()[]") for word in text.split()]
    return [word for word in dict.fromkeys(words) if word.lower().startswith(name.lower()) and len(word) > len(name)]


def _unknown_text(unknown: Unknown, facets: Facets) -> str:
    what = {"dataset": "dataset", "metric": "metric", "value": "parameter value, dataset or tag"}[unknown.kind]
    close = f" The closest: {names_text(unknown.close)}." if unknown.close else ""
    return f"This store has no {what} {quoted(unknown.text)}.{close or _there_are(unknown, facets)}"


def _there_are(unknown: Unknown, facets: Facets) -> str:
    if unknown.kind == "metric":
        names = [metric.name for metric in facets.metrics]
        return f" Its metrics: {names_text(names)}." if names else " It has no metrics."
    datasets = [dataset.dataset_id for dataset in facets.datasets if dataset.dataset_id]
    return f" Its datasets: {names_text(datasets)}." if datasets else ""


def _examples(reading: Reading) -> str:
    facets = reading.facets
    dataset = next(
        (each.dataset_id for each in sorted(facets.datasets, key=lambda each: -each.runs) if each.dataset_id), None
    )
    metric = reading.headline
    by = f" by {metric}" if metric else ""
    on = f" on {dataset}" if dataset else ""
    lines = [f"best run{by}{on}", _comparison(facets) or "compare the best two runs", f"how many runs failed{on}?"]
    return "\n".join(f"- {text}" for text in lines)


def _comparison(facets: Facets) -> str | None:
    for param in sorted(facets.params, key=lambda each: (each.name not in MODEL_PARAMS, -each.runs)):
        values = [
            value.name for value in sorted(param.values, key=lambda value: -value.runs) if not is_number(value.name)
        ]
        if len(values) > 1 and param.name not in DATASET_PARAMS and all(len(value) < 30 for value in values[:2]):  # noqa: PLR2004
            return f"compare {values[0]} and {values[1]}"
    return None


def unavailable(result: Result) -> DraftAnswer:
    """Says that the store could not be read at all."""
    said = " ".join(result.text.split()) if isinstance(result, Failure) else "it was not described"
    return DraftAnswer(
        intent="unanswerable", natural_language_answer=f"The store could not be read: {said[:_MAX_MESSAGE_CHARS]}"
    )
