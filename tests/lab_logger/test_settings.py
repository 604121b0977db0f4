import io
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import dotenv
import pytest

from lab_logger import SettingsError, start_run
from lab_logger.settings import is_placeholder, parse_dotenv, resolve
from tests.lab_logger.conftest import Scripts

CORPUS = [
    "A=1",
    "A = spaced ",
    "export A=exported",
    "  export   A=indented",
    "A=",
    "A=''",
    'A=""',
    "A='single'",
    'A="double"',
    "A='it\\'s'",
    'A="say \\"hi\\""',
    'A="line\\nbreak\\ttab"',
    "A='raw\\n'",
    'A="two\nlines"',
    "A='two\nlines'",
    "A=value # a comment",
    "A=value#no comment",
    'A="value # no comment" # a comment',
    "A='quoted' # a comment",
    "# only a comment",
    "#A=1",
    "A=1\nA=2",
    "A=1\r\nB=2\r\n",
    "A=a=b=c",
    "A=sk-abc+/=",
    "A.B=dotted",
    "_A1=underscore",
    "A=ünïcode",
    "A=C:\\Users\\ada",
    "A=\\n",
    "A=/path/with space/x.db",
    "\n\n\nA=1\n\n",
    "A=1\n B=2",
    "A=https://user:pw@example.org/?q=1",
    "A='unclosed",
    "A=#hash first",
    "A= # nothing but a comment",
    'A="it\'s"',
    "A=b'c'd",
    "A='unclosed\nB=2",
    'A="unclosed\nB=2',
    "A= 'unclosed\nB=2",
    "A='closed' and more\nB=2",
    'A="C:\\Users\\dir\\new"',
    'A="a\\\\"',
    "A='a\\\\'",
    'A="\\a\\b\\f\\v\\q"',
    "MY-KEY=dashed",
    "'quoted name'=1",
    "A b=1\nC=2",
    "=1",
    "A\nB=2",
    "export A\nB=2",
    "A= ",
    "A=\t#tabbed comment",
    "A='one' # it's\nB=2",
]


@pytest.mark.parametrize("text", CORPUS)
def test_env_files_mean_what_python_dotenv_says(text: str) -> None:
    expected = {
        name: value
        for name, value in dotenv.dotenv_values(stream=io.StringIO(text), interpolate=False).items()
        if value is not None
    }
    assert parse_dotenv(text) == expected


def test_variables_are_not_expanded() -> None:
    assert parse_dotenv("A=${HOME}/x\nB=$HOME") == {"A": "${HOME}/x", "B": "$HOME"}


@pytest.mark.parametrize("value", ["<Insert_key_here>", "YOUR_KEY_HERE", "your-token-here", "xxxx", "changeme"])
def test_placeholders_count_as_not_set(value: str, project: Path) -> None:
    (project / ".env").write_text(f"DB_PATH={value}\nDATASET_ID=iris\n")
    assert is_placeholder(value)
    assert resolve().db_path == project / "manifests" / "manifests.db"
    assert resolve().dataset_id == "iris"
    assert "DB_PATH" not in resolve().values


def test_the_argument_then_the_environment_then_the_file_then_the_default(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resolve().db_path == project / "manifests" / "manifests.db"
    assert resolve().db_path_reason == f"the default, under {project}"
    (project / ".env").write_text("DB_PATH=data/env.db\nPROJECT_NAME=from-file\n")
    assert resolve().db_path == project / "data" / "env.db"
    assert resolve().db_path_reason == f"DB_PATH in {project / '.env'}"
    assert resolve().project_name == "from-file"
    monkeypatch.setenv("DB_PATH", "data/shell.db")
    assert resolve().db_path == project / "data" / "shell.db"
    assert resolve().db_path_reason == "DB_PATH in the environment"
    assert resolve("here.db").db_path == project / "here.db"
    assert resolve("here.db").db_path_reason == "the store argument"


def test_a_home_folder_is_expanded(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PATH", "~/runs.db")
    assert resolve().db_path == tmp_path / "home" / "runs.db"
    assert resolve("~/other.db").db_path == tmp_path / "home" / "other.db"


def test_from_any_folder_below_the_project_it_is_the_same_store(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").write_text("DB_PATH=data/env.db\n")
    below = project / "notebooks" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert resolve().db_path == project / "data" / "env.db"
    assert resolve().root == project


@pytest.mark.parametrize("inner", [".", "package"])
def test_an_exported_env_file_means_the_same_store(inner: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").write_text("DB_PATH=data/env.db\n")
    (project / "package" / ".git").mkdir(parents=True)
    monkeypatch.chdir(project / inner)
    plain = resolve().db_path
    monkeypatch.setenv("DB_PATH", "data/env.db")  # as `set -a; . ./.env` does
    assert resolve().db_path == plain == project / "data" / "env.db"


def test_from_another_folder_the_scripts_own_project_is_found(tmp_path: Path, project: Path, script: Scripts) -> None:
    (project / ".env").write_text("DB_PATH=data/env.db\n")
    (project / "train.py").write_text("from lab_logger import start_run\nwith start_run() as run: print(run.store)\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    answer = script(
        "import runpy, sys; sys.path.insert(0, '.'); sys.argv = sys.argv[1:]; "
        "import __main__; __main__.__file__ = sys.argv[0]; runpy.run_path(sys.argv[0])",
        str(project / "train.py"),
        cwd=elsewhere,
    )
    assert answer.lines == [str(project / "data" / "env.db")]
    assert list(elsewhere.iterdir()) == []


def test_a_script_started_from_another_folder_uses_its_own_projects_store(tmp_path: Path, project: Path) -> None:
    from tests.lab_logger.conftest import LIBS

    (project / "train.py").write_text("from lab_logger import start_run\nwith start_run() as run: print(run.store)\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    answer = subprocess.run(
        [sys.executable, "-S", str(project / "train.py")],
        cwd=elsewhere,
        env={"PYTHONPATH": str(LIBS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == str(project / "manifests" / "manifests.db")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "4000"])
def test_an_impossible_timeout_is_an_error_that_names_it(
    text: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_BUSY_TIMEOUT_S", text)
    with pytest.raises(SettingsError, match=f"LAB_BUSY_TIMEOUT_S is '{text}'"):
        resolve()
    with pytest.raises(SettingsError), start_run():
        pass


def test_a_changed_env_file_counts_at_once(project: Path) -> None:
    (project / ".env").write_text("DATASET_ID=one\n")
    assert resolve().dataset_id == "one"
    (project / ".env").write_text("DATASET_ID=three\n")
    assert resolve().dataset_id == "three"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\xef\xbb\xbfDATASET_ID=bom\n", b"\x00" * 100, b"=\n==\n'"])
def test_an_odd_env_file_is_read_as_far_as_it_goes(content: bytes, project: Path) -> None:
    (project / ".env").write_bytes(content)
    assert resolve().dataset_id == ("bom" if b"bom" in content else None)


def test_an_env_that_is_a_folder_says_nothing(project: Path) -> None:
    (project / ".env").unlink()
    (project / ".env").mkdir()
    assert resolve().db_path == project / "manifests" / "manifests.db"


def test_the_values_behave_as_a_mapping(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").write_text("ONLY_IN_FILE=1\nIN_BOTH=file\nEMPTY=\n")
    monkeypatch.setenv("IN_BOTH", "shell")
    values = resolve().values
    assert (values["ONLY_IN_FILE"], values["IN_BOTH"], values.get("EMPTY")) == ("1", "shell", None)
    assert len(values) == len(list(values))
    assert "ONLY_IN_FILE" in list(values)
    assert "secret" not in repr(resolve())


def test_a_server_is_named_by_the_environment_or_the_file_and_a_store_wins_over_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (resolve().server_url, resolve().api_token, resolve().outbox, resolve().flush_timeout_s) == (
        *(None, None, None),
        10.0,
    )
    (project / ".env").write_text(
        "LAB_SERVER_URL=https://lab.example/team/\nLAB_API_TOKEN=t0ken\nLAB_OUTBOX=waiting\nLAB_FLUSH_TIMEOUT_S=2.5\n"
    )
    assert resolve().server_url == "https://lab.example/team"
    assert resolve().api_token == "t0ken"
    assert resolve().outbox == project / "waiting"
    assert resolve().flush_timeout_s == 2.5
    assert resolve("here.db").server_url is None
    monkeypatch.setenv("LAB_SERVER_URL", "")
    assert resolve().server_url is None


@pytest.mark.parametrize(
    "address", ["lab.example", "ftp://lab.example", "http://", "http://host:port", "http://host/?a=b", "http://hö.st"]
)
def test_an_address_that_is_none_is_said(address: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", address)
    with pytest.raises(SettingsError, match=r"LAB_SERVER_URL is .*such as http://127\.0\.0\.1:8000"), start_run():
        pass


def test_a_password_in_an_address_is_not_repeated(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", "http://ada:s3cret@lab.example")
    with pytest.raises(SettingsError) as refused:
        _ = resolve().server_url
    assert "LAB_API_TOKEN" in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("token", ["with space", "ünïcode", "line\nbreak"])
def test_a_token_that_no_header_carries_is_refused(token: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_API_TOKEN", token)
    with pytest.raises(SettingsError, match="LAB_API_TOKEN") as refused:
        _ = resolve().api_token
    assert token not in str(refused.value)


def test_worker_processes_of_joblib_write_to_the_project_of_the_code(tmp_path: Path, project: Path) -> None:
    (project / "train.py").write_text(
        "from joblib import Parallel, delayed\n"
        "from lab_logger import log_run\n"
        "@log_run\n"
        "def train(seed):\n"
        "    return {'accuracy': 0.5}\n"
        "if __name__ == '__main__':\n"
        "    train(0)\n"
        "    Parallel(n_jobs=2)(delayed(train)(seed) for seed in (1, 2))\n"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    subprocess.run([sys.executable, str(project / "train.py")], cwd=elsewhere, check=True)

    with closing(sqlite3.connect(project / "manifests" / "manifests.db")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM manifests").fetchone()
    assert count == 3
    assert list(elsewhere.iterdir()) == []
