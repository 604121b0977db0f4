"""What a process pays before it works: importing the logger, logging one run, starting the server.

Owns the budgets of starting up. Each is the whole process from outside, against one that does nothing.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Finding, Sample, Task, take_turns, time_text
from benchmarks.servers import start_server
from benchmarks.workspace import ROOT, Workspace, run

IMPORT_LIMIT_S = 0.040
ONE_RUN_LIMIT_S = 0.150
SERVER_LIMIT_S = 1.5

_LIST_FOREIGN = """
import json, sys
before = set(sys.modules)
import lab_logger
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(loaded - set(sys.stdlib_module_names) - {"lab_logger"})))
"""
_LIST_BACKEND = "import json, sys; import backend.api; print(json.dumps(sorted(sys.modules)))"
_FRAMEWORKS = "import fastapi, pydantic_settings, sqlalchemy, uvicorn"


def importing(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Times a process that imports the logger against a bare one, in an environment with the logger alone."""
    python = workspace.lone_python
    times = take_turns(
        {
            "bare": _process(python, workspace, "-c", "pass"),
            "import": _process(python, workspace, "-c", "import lab_logger"),
        },
        rounds=10 if is_quick else 100,
        warm_ups=3,
    )
    foreign = json.loads(run([sys.executable, "-c", _LIST_FOREIGN], cwd=workspace.outside))
    extra_s = times["import"].median_s - times["bare"].median_s
    named = ", ".join(foreign) if foreign else "none, also where this project's packages are installed"
    return [
        Finding(
            what="import lab_logger",
            limit=f"at most {time_text(IMPORT_LIMIT_S)} over a bare interpreter, no third-party module loaded",
            measured=f"{time_text(extra_s)} more",
            floor=time_text(times["bare"].median_s),
            is_met=extra_s <= IMPORT_LIMIT_S and not foreign,
            spread=times["import"].spread,
            remark=f"third-party modules loaded: {named}; bare {times['bare'].spread}",
        )
    ]


def one_run(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Times a process that imports, logs one run and exits against a bare one, outside a git repository."""
    environments = {"the logger alone": workspace.lone_python, "all of this project's packages": Path(sys.executable)}
    findings = []
    for words, python in environments.items():
        times = take_turns(
            {
                "bare": _process(python, workspace, "-c", "pass"),
                "run": _process(python, workspace, "training.py"),
            },
            rounds=10 if is_quick else 60,
            warm_ups=3,
        )
        findings.append(_one_run_finding(words, bare=times["bare"], whole=times["run"]))
    return findings


def _one_run_finding(words: str, *, bare: Sample, whole: Sample) -> Finding:
    extra_s = whole.median_s - bare.median_s
    return Finding(
        what=f"a process that imports, logs one run and exits, outside a git repository; installed: {words}",
        limit=f"at most {time_text(ONE_RUN_LIMIT_S)} over a bare interpreter",
        measured=f"{time_text(extra_s)} more",
        floor=time_text(bare.median_s),
        is_met=extra_s <= ONE_RUN_LIMIT_S,
        spread=whole.spread,
        remark=f"bare {bare.spread}",
    )


def serving(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Times the server from its start until /health answers, against importing its frameworks."""
    store = workspace.folder / "served.db"

    frameworks = _process(Path(sys.executable), workspace, "-c", _FRAMEWORKS)
    started: list[float] = []
    floors: list[float] = []
    for _ in range(3 if is_quick else 15):
        floors.extend(take_turns({"frameworks": frameworks}, rounds=1, warm_ups=0)["frameworks"].seconds)
        with start_server(store, workspace=workspace) as server:
            started.append(server.started_in_s)
    whole, floor = Sample(tuple(started)), Sample(tuple(floors))
    loaded = json.loads(run([sys.executable, "-c", _LIST_BACKEND], cwd=ROOT))
    has_langchain = any(name.partition(".")[0].startswith("langchain") for name in loaded)
    return [
        Finding(
            what="backend start without an agent call, until /health answers",
            limit=f"under {time_text(SERVER_LIMIT_S)}; langchain is not imported",
            measured=time_text(whole.median_s),
            floor=time_text(floor.median_s),
            ratio=whole.median_s / floor.median_s,
            is_met=whole.median_s < SERVER_LIMIT_S and not has_langchain,
            spread=whole.spread,
            remark=f"langchain imported: {'yes' if has_langchain else 'no'}; the floor imports the frameworks alone",
        )
    ]


def _process(python: Path, workspace: Workspace, *arguments: str) -> Task:
    environment = {**os.environ, "DB_PATH": str(workspace.folder / "one-run.db")}

    def start_and_wait() -> None:
        subprocess.run([python, *arguments], cwd=workspace.outside, env=environment, check=True, capture_output=True)

    return start_and_wait
