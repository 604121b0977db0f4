"""Evaluates a language model with lm_eval and logs every metric to a registry.

    pip install "lm-eval[hf]" pyyaml
    python run_eval.py [config.yaml]

Owns the evaluation matrix of `config.yaml` and the names its metrics get: the family `eng_hellaswag_0shot`, the metric
`hellaswag_acc`. A result that is there already is kept, so a run that broke off can be started again.
"""

import importlib
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lightml.errors import LightMLError, ScoresError
from lightml.handle import LightMLHandle
from lightml.metrics import METRIC_SKIPPED

HERE: Final = Path(__file__).resolve().parent
_KEYS: Final = ("db", "run_name", "model_path", "lang", "benchmarks", "shots", "num_gpus")
_ENGLISH: Final = "eng"


class ExampleError(Exception):
    """The evaluation cannot start; the message says what to do."""


def main(arguments: Sequence[str]) -> int:
    """Runs every evaluation of the configuration; gives the exit status."""
    try:
        evaluate(load_config(Path(arguments[0]) if arguments else HERE / "config.yaml"))
    except (ExampleError, LightMLError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def load_config(path: Path) -> dict[str, Any]:
    """Reads the configuration.

    Raises:
        ExampleError: pyyaml is missing, or the file is, or a key in it.
    """
    yaml = _import("yaml", "pyyaml")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExampleError(f"cannot read {path} ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise ExampleError(f"{path} is not valid YAML: {error}") from error
    missing = [key for key in _KEYS if key not in (config or {})]
    if missing:
        raise ExampleError(f"{path} lacks {', '.join(missing)}; config.yaml beside this script shows every key")
    return dict(config)


def evaluate(config: Mapping[str, Any]) -> None:
    """Evaluates the model on each benchmark, language and number of shots, and logs what comes out.

    Raises:
        ExampleError: lm_eval is not installed.
        LightMLError: The registry refuses something.
    """
    lm_eval = _import("lm_eval", "lm-eval[hf]")
    handle = LightMLHandle(db=config["db"], run_name=config["run_name"])
    handle.register_model(model_name=config["run_name"], path=config["model_path"])
    for lang, benchmark, shots in itertools.product(config["lang"], config["benchmarks"], config["shots"]):
        family, task = f"{lang}_{benchmark}_{shots}shot", benchmark if lang == _ENGLISH else f"{benchmark}_{lang}"
        print(f"evaluating {family}")
        answer = lm_eval.simple_evaluate(
            model="hf",
            model_args=_model_args(config),
            tasks=[task],
            num_fewshot=shots,
            device=None if config["num_gpus"] else "cpu",
        )
        for metric, value, scores in _metrics(answer, task):
            _log(handle, family, f"{benchmark}_{metric}", value, scores)


def _import(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ExampleError(
            f'this example needs {module}, which is not installed: pip install "{package}"\n'
            "without it, `lightml scan` imports the results that lie beside this script"
        ) from error


def _model_args(config: Mapping[str, Any]) -> str:
    spread = ",parallelize=True" if config["num_gpus"] > 1 else ""
    return f"pretrained={config['model_path']}{spread}"


def _metrics(answer: Mapping[str, Any], task: str) -> Iterator[tuple[str, float, list[float] | None]]:
    """Gives name, value and scores per document of a task's metrics; standard errors are left out."""
    documents = sorted(answer.get("samples", {}).get(task, []), key=lambda document: int(document["doc_id"]))
    for key, value in answer["results"][task].items():
        name, _, which = key.partition(",")
        if not isinstance(value, int | float) or name.endswith("_stderr") or not which:
            continue
        scores = [document.get(name) for document in documents if document.get("filter", "none") == which]
        usable = bool(scores) and all(isinstance(score, int | float) for score in scores)
        yield name if which == "none" else f"{name},{which}", value, scores if usable else None


def _log(handle: LightMLHandle, family: str, metric_name: str, value: float, scores: list[float] | None) -> None:
    owner = handle.run_name
    try:
        status = handle.log_model_metric(owner, family, metric_name, value, scores=scores)
    except ScoresError:  # a metric of the whole corpus, such as BLEU, is not the mean of its documents
        status = handle.log_model_metric(owner, family, metric_name, value)
    print(f"  {family}/{metric_name} = {value:.4f} {'was there already' if status == METRIC_SKIPPED else 'logged'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
