"""The command line: `lightml COMMAND`, or `python -m lightml COMMAND`.

Owns which commands there are, and the examples in their help. Exit codes are 0 for done, 1 for not found or refused, 2
for wrong usage.
"""

import typer

from lightml.cli import comparing, opening, registering, transfer
from lightml.cli.group import ManyModelsCommand, RegistryGroup

_EXIT_CODES = "Exit codes: 0 done, 1 not found or refused, 2 wrong usage."


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


app = typer.Typer(
    cls=RegistryGroup,
    name="lightml",
    help="A model and evaluation registry: models, their lineage, checkpoints, metrics, significance.",
    epilog=_EXIT_CODES,
    add_completion=False,
    rich_markup_mode=None,  # a frame around the help would break the examples' lines
    pretty_exceptions_enable=False,
)

app.command("init", epilog=_examples("lightml init --path ./registry --name main"))(registering.init)
app.command(
    "model-register",
    epilog=_examples(
        "lightml model-register --db main.db --run my-experiment --name llama-sft \\",
        "    --path /models/llama-sft --parent llama-base",
        "lightml model-register --from-run 4f2c",
    ),
)(registering.model_register)
app.command(
    "checkpoint-register",
    epilog=_examples(
        "lightml checkpoint-register --db main.db --run my-experiment --model llama-sft \\",
        "    --step 5000 --path /checkpoints/step-5000",
    ),
)(registering.checkpoint_register)
app.command(
    "metric-log",
    epilog=_examples(
        "lightml metric-log --db main.db --run my-experiment --model llama-sft \\",
        "    --family mmlu_5shot --metric mmlu_acc --value 0.634 --force",
        "lightml metric-log --run my-experiment --model llama-sft --step 5000 \\",
        "    --family mmlu_5shot --metric mmlu_acc --value 0.75 --scores scores.json",
    ),
)(transfer.metric_log)
app.command("export", epilog=_examples("lightml export --db main.db --output report.xlsx"))(transfer.export)
app.command(
    "scan",
    epilog=_examples(
        "lightml scan --db main.db --run lm-eval-run --path ./eval_results --format lm_eval",
        'lightml scan --db main.db --run evals --path ./out --format json --prefix "eval/" --force',
    ),
)(transfer.scan)
app.command(
    "compare",
    epilog=_examples("lightml compare --db main.db --model-a llama-base --model-b llama-sft"),
)(comparing.compare)
app.command(
    "diff",
    cls=ManyModelsCommand,
    epilog=_examples('lightml diff --db main.db --models llama-base llama-sft gemma-9b --family "ENG 5-shot"'),
)(comparing.diff)
app.command(
    "exists",
    epilog=_examples(
        "lightml exists --db main.db --model llama-sft",
        "lightml exists --db main.db --model 'MIIA*' --family eng --metric 'hella*'",
    ),
)(comparing.exists)
app.command(
    "stats",
    epilog=_examples(
        "lightml stats --db main.db",
        "lightml stats --db main.db --model-a llama-base --model-b llama-sft \\",
        "    --family hellaswag_0shot --metric hellaswag_acc_norm",
    ),
)(comparing.stats)
app.command("migrate", epilog=_examples("lightml migrate --db main.db"))(registering.migrate)
app.command("version", epilog=_examples("lightml version"))(opening.version)
app.command("gui", epilog=_examples("lightml gui --db main.db --port 5050 --host 0.0.0.0"))(opening.gui)


def main() -> None:
    """Runs the command that the process's arguments name, and ends the process."""
    app()
