"""The shapes of a question to the agent and of its answer, with a description and an example for every field.

Owns the wire contract of `/agent`. It must not know how an answer is found.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from backend.models import NO_NUL

_SAYS_SOMETHING = r"^[^\x00]*[^\x00\s][^\x00]*$"
"""Text that is not blank; that white space around it is taken off, no document can say otherwise."""

Intent = Literal[
    "best_run",
    "list_runs",
    "count_runs",
    "compare_runs",
    "run_details",
    "flag_run",
    "update_note",
    "summarize_runs",
    "metric_trend",
    "search_runs",
    "diff_runs",
    "suggest_params",
    "similar_runs",
    "best_model",
    "compare_models",
    "model_details",
    "list_models",
    "unanswerable",
]
"""What a question was understood to ask for."""

MAX_QUERY_CHARS = 4_000
MAX_SESSION_CHARS = 200

_RUN_ID = "3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11"
_OTHER_RUN_ID = "8b1d4c52-7e64-4c0c-8a5c-0d9a1b6e3c77"


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AgentQuery(_Shape):
    """A question about the runs, or about the models of the registry."""

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=_SAYS_SOMETHING)] = Field(
        max_length=MAX_QUERY_CHARS,
        description=f"The question, at most {MAX_QUERY_CHARS:,} characters.",
        examples=["Compare my best two SVM runs"],
    )
    session_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_SESSION_CHARS,
        pattern=NO_NUL,
        description="Any text that names a conversation: later questions under it may say 'flag it', 'and on wine?'. "
        "The last few questions of the last conversations are remembered until the server ends.",
        examples=["ada-1"],
    )


class RunSummaryView(_Shape):
    """A run of a comparison, in short."""

    run_id: str = Field(description="The run's id.", examples=[_RUN_ID])
    dataset_id: str | None = Field(description="The dataset.", examples=["wine"])
    status: str = Field(description="How the run stands.", examples=["finished"])
    timestamp: str | None = Field(description="When the run started.", examples=["2025-12-01T10:00:00.123456Z"])
    note: str | None = Field(description="The run's note.", examples=["PUBLISH"])


class ComparedMetric(_Shape):
    """One final metric of the compared runs."""

    values: dict[str, JsonValue] = Field(
        description="The value by run id; null where a run lacks the metric.",
        examples=[{_RUN_ID: 0.97, _OTHER_RUN_ID: 0.95}],
    )
    direction: Literal["higher", "lower"] = Field(
        description="Which way is better, told from the metric's name: `lower` for losses, errors and times.",
        examples=["higher"],
    )
    difference: float | None = Field(
        description="The first run's value less the second's, of two runs; the highest less the lowest, of more. Null "
        "where fewer than two runs have a finite number.",
        examples=[0.02],
    )
    better: str | None = Field(
        description="The id of the run with the best value; null where two are equal or fewer than two have one.",
        examples=[_RUN_ID],
    )


class ComparedParam(_Shape):
    """One parameter of the compared runs."""

    values: dict[str, JsonValue] = Field(
        description="The value by run id; null where a run lacks the parameter.",
        examples=[{_RUN_ID: 0.1, _OTHER_RUN_ID: 0.01}],
    )
    differs: bool = Field(description="Whether the runs differ in it.", examples=[True])


class ComparisonResult(_Shape):
    """Runs side by side, built by the server from what the store returned."""

    run_ids: list[str] = Field(description="The runs, in the order compared.", examples=[[_RUN_ID, _OTHER_RUN_ID]])
    metric_keys: list[str] = Field(
        description="Every final metric that one of them has.", examples=[["accuracy", "val_loss"]]
    )
    param_keys: list[str] = Field(
        description="Every parameter that one of them has.", examples=[["learning_rate", "model_name"]]
    )
    metrics: dict[str, ComparedMetric] = Field(
        description="The metrics by name.",
        examples=[
            {
                "accuracy": {
                    "values": {_RUN_ID: 0.97, _OTHER_RUN_ID: 0.95},
                    "direction": "higher",
                    "difference": 0.02,
                    "better": _RUN_ID,
                }
            }
        ],
    )
    params: dict[str, ComparedParam] = Field(
        description="The parameters by name.",
        examples=[{"learning_rate": {"values": {_RUN_ID: 0.1, _OTHER_RUN_ID: 0.01}, "differs": True}}],
    )
    runs: list[RunSummaryView] = Field(
        description="The runs in short, in the order of `run_ids`.",
        examples=[
            [
                {
                    "run_id": _RUN_ID,
                    "dataset_id": "wine",
                    "status": "finished",
                    "timestamp": "2025-12-01T10:00:00.123456Z",
                    "note": None,
                }
            ]
        ],
    )


class AgentAnswer(_Shape):
    """The answer. Every id and every number in it was returned by the store while it was found."""

    intent: Intent = Field(description="What the question was understood to ask for.", examples=["best_run"])
    natural_language_answer: str = Field(
        description="The answer in words.", examples=["Best accuracy: 0.97, run 3f0a9c1e (linear_svm on wine)."]
    )
    used_run_ids: list[str] = Field(
        description="Full ids of the runs the answer is about, the most important first.", examples=[[_RUN_ID]]
    )
    comparison: ComparisonResult | None = Field(
        description="The runs side by side, when they were compared.", examples=[None]
    )
    flagged_run_id: str | None = Field(
        description="The run whose note was set to a mark such as PUBLISH by this question; null when none was.",
        examples=[None],
    )


class DraftAnswer(BaseModel):
    """The final answer. Call this once the tools have returned all that the answer needs."""

    model_config = ConfigDict(frozen=True)

    intent: Intent = Field(description="What the question asks for.")
    natural_language_answer: str = Field(
        min_length=1,
        description="The answer for the user, in plain words. Only run ids and numbers that the tools returned.",
    )
    used_run_ids: list[str] = Field(default=[], description="Ids of the runs the answer is about.")


class AgentStatus(_Shape):
    """Which engine answers."""

    engine: Literal["llm", "offline"] = Field(
        description="`llm` for a language model, `offline` for the built-in planner.", examples=["offline"]
    )
    model: str | None = Field(description="The language model; null offline.", examples=["gpt-5-mini"])
    base_url: str | None = Field(
        description="Where the language model is asked; null for OpenAI's own address and offline.",
        examples=["http://127.0.0.1:11434/v1"],
    )
    reason: str = Field(description="Why this engine.", examples=["neither OPENAI_API_KEY nor OPENAI_BASE_URL is set"])
    tools: list[str] = Field(description="The tools there are.", examples=[["list_runs", "leaderboard"]])
