import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightml.handle import LightMLHandle
from lightml.scan import scan_and_import

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "lm_eval"
MODELS = ["decision-tree", "logistic-regression", "naive-bayes", "nearest-neighbors"]

# Stands in for the package, which needs a model of gigabytes: the same call, an answer in the same shape.
LM_EVAL = """
def simple_evaluate(model, model_args, tasks, num_fewshot, device):
    assert (model, model_args, device) == ("hf", "pretrained=meta-llama/Llama-3-8B", None)
    (task,) = tasks
    marks = [1.0, 0.0, 1.0, float(num_fewshot > 0)]
    entry = {"alias": task, "acc,none": sum(marks) / 4, "acc_stderr,none": 0.1, "bleu,none": 12.5}
    rows = [{"doc_id": i, "filter": "none", "acc": mark, "bleu": 1.0} for i, mark in enumerate(marks)]
    return {"results": {task: entry}, "samples": {task: rows[::-1]}, "n-shot": {task: num_fewshot}}
"""


def _run(script: str, *words: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    search_path = os.pathsep.join(map(str, filter(None, [ROOT / "libs", path])))
    return subprocess.run(
        [sys.executable, str(EXAMPLE / script), *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": search_path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def imitation(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "lm_eval.py").write_text(LM_EVAL)
    return folder


def test_the_bundled_results_import_whole_with_scores_for_every_metric(tmp_path: Path) -> None:
    stats = scan_and_import(tmp_path / "main.db", "lm-eval-run", EXAMPLE / "results")
    assert (stats.models_registered, stats.metrics_logged) == (4, 48)
    assert (stats.errors, stats.skipped_dirs) == ({}, [])
    handle = LightMLHandle(tmp_path / "main.db", "lm-eval-run")
    found = handle.search(metric="*")
    assert sorted({row["model"] for row in found}) == MODELS
    for row in found:
        scores = handle.get_detailed_scores(row["model"], row["family"], row["metric"])
        assert scores is not None
        assert sum(scores) / len(scores) == pytest.approx(row["value"])
    result = handle.compare_stats("logistic-regression", "decision-tree", "digits_20shot", "acc")
    assert result["mcnemar"]["winner"] == "a"


def test_the_bundled_results_are_what_the_script_measures(tmp_path: Path) -> None:
    done = _run("make_results.py", str(tmp_path / "results"), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    bundled = sorted(path.relative_to(EXAMPLE) for path in (EXAMPLE / "results").rglob("*.json*"))
    assert bundled == sorted(path.relative_to(tmp_path) for path in (tmp_path / "results").rglob("*.json*"))
    for path in bundled:
        if path.suffix == ".json":
            made, kept = (json.loads((root / path).read_text())["results"] for root in (tmp_path, EXAMPLE))
            assert made.keys() == kept.keys()
            for task, entry in made.items():
                assert {**entry, "alias": None} == pytest.approx({**kept[task], "alias": None}, abs=0.03)


def test_the_walkthrough_logs_every_metric_under_the_documented_names(tmp_path: Path, imitation: Path) -> None:
    first = _run("run_eval.py", cwd=tmp_path, path=imitation)
    assert (first.returncode, first.stderr) == (0, "")
    assert "eng_hellaswag_0shot/hellaswag_acc = 0.5000 logged" in first.stdout
    handle = LightMLHandle(tmp_path / "my_registry" / "main.db", "llama-3-eval")
    found = handle.search(model="llama-3-eval", metric="*")
    assert {row["family"] for row in found} == {
        f"eng_{task}_{shots}shot" for task in ("hellaswag", "mmlu") for shots in (0, 5)
    }
    assert {row["metric"] for row in found} == {"hellaswag_acc", "hellaswag_bleu", "mmlu_acc", "mmlu_bleu"}
    assert handle.get_detailed_scores("llama-3-eval", "eng_mmlu_5shot", "mmlu_acc") == [1, 0, 1, 1]
    assert handle.get_detailed_scores("llama-3-eval", "eng_mmlu_5shot", "mmlu_bleu") is None
    assert "was there already" in _run("run_eval.py", cwd=tmp_path, path=imitation).stdout


def test_without_lm_eval_it_says_how_to_install_it(tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "lm_eval.py").write_text("raise ModuleNotFoundError('none', name='lm_eval')")
    done = _run("run_eval.py", cwd=tmp_path, path=folder)
    assert done.returncode == 1
    assert 'pip install "lm-eval[hf]"' in done.stderr
    assert not (tmp_path / "my_registry").exists()


def test_a_configuration_that_lacks_something_is_refused(tmp_path: Path, imitation: Path) -> None:
    config = tmp_path / "config.yaml"
    for content, reason in {"db: x.db": "run_name", "db: [": "not valid YAML", "": "db, run_name"}.items():
        config.write_text(content)
        done = _run("run_eval.py", str(config), cwd=tmp_path, path=imitation)
        assert done.returncode == 1
        assert reason in done.stderr
    assert "cannot read" in _run("run_eval.py", "nowhere.yaml", cwd=tmp_path, path=imitation).stderr
