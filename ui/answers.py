"""What the assistant's page shows of an answer: text with links, the tools that were asked, a comparison as tables.

Owns pure functions from the agent's documents, which are plain mappings, to text and data frames. It must not import
Streamlit, nor the agent.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import pandas as pd

from tools.agent_stream import AgentStep
from tools.calls import AgentEngine, AgentReply
from ui.formatting import cell_text, plain_markdown, short_id, value_text

BEST_SIGN: Final = "★"
_LIST_ITEM: Final = re.compile(r"^\s*(\d{1,3}\.|[-*])\s+(?=\S)")
_WRITE_WORDS: Final = re.compile(
    r"\b(?:un)?(?:flags?|falg|flga|publi?sh|promote|marks?|label|tag|star|annotate|annotations?|notes?|comments?|"
    r"remarks?|jot|write)\b",
    re.IGNORECASE,
)


def answer_markdown(text: str, run_ids: Iterable[str]) -> str:
    """Gives an answer as Markdown: its lists as lists, its runs as links, all else as it stands.

    Args:
        text: The answer.
        run_ids: The runs that it may name, by their whole id or its beginning.
    """
    links = _links(run_ids)
    lines: list[str] = []
    was_item = False
    for line in text.splitlines():
        item = _LIST_ITEM.match(line)
        if was_item and item is None:
            lines.append("")
        mark = "" if item is None else f"{item[1]} "
        rest = line.strip() if item is None else line[item.end() :]
        lines.append(f"{mark}{_linked(rest, links)}{'' if item else '  '}")
        was_item = item is not None
    return "\n".join(lines)


def run_href(run_id: str) -> str:
    """Gives the address of a run's page, seen from another page."""
    return f"run?id={quote(run_id, safe='', errors='replace')}"


def named_runs(document: Mapping[str, Any]) -> list[str]:
    """Gives the ids of the runs that an answer is about, the most important first, each once."""
    compared = (document.get("comparison") or {}).get("run_ids", [])
    flagged = document.get("flagged_run_id")
    return list(dict.fromkeys([*document.get("used_run_ids", []), *compared, *([flagged] if flagged else [])]))


def step_text(step: AgentStep) -> str:
    """Says what a tool was asked for; a tool that nobody has words for is named."""
    told = step.arguments
    run = _ids_text([told.get("run_id")])
    said = {
        "describe_store": "Look at what the store holds",
        "leaderboard": _joined("Rank runs by", told.get("metric_name"), _on(told)),
        "list_runs": _joined("List runs", _on(told)),
        "search_run_summaries": _joined("Search the runs for", told.get("query")),
        "compare_runs": f"Compare {_ids_text(told.get('run_ids'))}",
        "get_run_details": f"Read run {run}",
        "flag_run_for_publish": f"Flag run {run}",
        "update_note": f"Write the note of run {run}",
    }
    return said.get(step.tool) or cell_text(step.tool)


def steps_text(steps: Sequence[AgentStep]) -> str:
    """Says in a line how many tools were asked, and whether one failed."""
    failed = sum(step.state == "failed" for step in steps)
    asked = f"Asked {len(steps)} tool{'' if len(steps) == 1 else 's'}"
    return f"{asked}, {failed} failed" if failed else asked


def engine_name(engine: AgentEngine) -> str:
    """Names the engine that answers."""
    return engine.model or "language model" if engine.engine == "llm" else "built-in planner"


def reply_text(reply: AgentReply) -> str:
    """Says who answered, and why it was not the language model if that was asked."""
    who = "a language model" if reply.engine == "llm" else "the built-in planner"
    return f"Answered by {who}" + (f", because {reply.fallback}" if reply.fallback else "")


def metrics_frame(comparison: Mapping[str, Any]) -> pd.DataFrame:
    """Gives a comparison's metrics: a row for each, a column for each run, `BEST_SIGN` before the best value."""
    columns = run_columns(comparison["run_ids"])
    rows = []
    for name in comparison["metric_keys"]:
        metric = comparison["metrics"][name]
        cells = {
            column: f"{BEST_SIGN} {text}" if run_id == metric["better"] else text
            for run_id, column in columns.items()
            for text in [value_text(metric["values"].get(run_id))]
        }
        better = "lower" if metric["direction"] == "lower" else "higher"
        rows.append({"metric": name, **cells, "difference": metric["difference"], "better": better})
    return pd.DataFrame(rows, columns=["metric", *columns.values(), "difference", "better"])


def params_frame(comparison: Mapping[str, Any]) -> pd.DataFrame:
    """Gives the parameters in which compared runs differ: a row for each, a column for each run."""
    columns = run_columns(comparison["run_ids"])
    rows = [
        {"parameter": name, **{column: value_text(param["values"].get(run_id)) for run_id, column in columns.items()}}
        for name in comparison["param_keys"]
        for param in [comparison["params"][name]]
        if param["differs"]
    ]
    return pd.DataFrame(rows, columns=["parameter", *columns.values()])


def values_frame(comparison: Mapping[str, Any]) -> pd.DataFrame:
    """Gives a comparison's finite numbers, one a row: `metric`, `run`, `value`, `is_best`, which equal ones all are."""
    columns = run_columns(comparison["run_ids"])
    rows = [
        {"metric": name, "run": column, "value": float(value), "is_best": metric["better"] in (None, run_id)}
        for name in comparison["metric_keys"]
        for metric in [comparison["metrics"][name]]
        for run_id, column in columns.items()
        for value in [metric["values"].get(run_id)]
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return pd.DataFrame(rows, columns=["metric", "run", "value", "is_best"])


def run_columns(run_ids: Sequence[str]) -> dict[str, str]:
    """Names a column for each run by the beginning of its id; by all of it where beginnings are the same."""
    shorts = [short_id(run_id) for run_id in run_ids]
    return {
        run_id: short if shorts.count(short) == 1 else run_id for run_id, short in zip(run_ids, shorts, strict=True)
    }


def may_write(question: str) -> bool:
    """Tells whether a question may be one that changes a note; when in doubt, it may."""
    return _WRITE_WORDS.search(question) is not None


def _links(run_ids: Iterable[str]) -> dict[str, str]:
    """Gives what a run may be named by, with its id."""
    return {name: run_id for run_id in run_ids if run_id for name in (run_id, short_id(run_id))}


def _linked(text: str, links: Mapping[str, str]) -> str:
    """Gives text as Markdown, with the runs that it names as links."""
    if not links:
        return plain_markdown(text)
    names = "|".join(re.escape(name) for name in sorted(links, key=len, reverse=True))
    parts = re.split(rf"(?<![\w-])({names})(?![\w-])", text)
    return "".join(
        f"[{plain_markdown(part)}]({run_href(links[part])})" if at % 2 else _within_a_line(part)
        for at, part in enumerate(parts)
    )


def _within_a_line(text: str) -> str:
    """Gives text as Markdown that goes on behind other text: a space before it is no indent."""
    bare = text.lstrip(" ")
    return " " * (len(text) - len(bare)) + plain_markdown(bare)


def _on(told: Mapping[str, Any]) -> str:
    return f"on {told['dataset_id']}" if told.get("dataset_id") else ""


def _joined(*parts: object) -> str:
    return cell_text(" ".join(str(part) for part in parts if part))


def _ids_text(run_ids: object) -> str:
    known = [str(run_id) for run_id in run_ids] if isinstance(run_ids, list) else []
    return f"{len(known)} runs" if len(known) > 4 else cell_text(", ".join(map(short_id, known)))  # noqa: PLR2004
