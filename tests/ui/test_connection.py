import pytest

from tests.local_store import start_run
from tools.client import LabClient
from tools.errors import NotFoundError
from ui.connection import ask_at_once, facets, facets_with_params


def record(**params: float) -> None:
    with start_run(params, dataset_id="iris") as run:
        run.log_metrics({"accuracy": 0.5})


def test_the_vocabulary_has_its_parameters_where_they_are_asked_for(server: str) -> None:
    record(lr=0.1)
    assert facets().params == []
    with LabClient(server) as lab:
        assert facets_with_params() == lab.facets()


def test_a_new_run_shows_its_parameters_as_soon_as_it_is_counted(server: str) -> None:
    record(lr=0.1)
    assert [param.name for param in facets_with_params().params] == ["lr"]
    record(momentum=0.9)
    facets.clear()
    assert [param.name for param in facets_with_params().params] == ["lr", "momentum"]


def test_what_is_asked_at_once_is_answered_in_order(server: str) -> None:
    record(lr=0.1)
    record(lr=0.2)
    pages = ask_at_once([lambda lab: lab.list_runs(limit=1), lambda lab: lab.list_runs(limit=2)])
    assert [len(page.runs) for page in pages] == [1, 2]


def test_an_error_among_them_is_raised(server: str) -> None:
    with pytest.raises(NotFoundError):
        ask_at_once([lambda lab: lab.health(), lambda lab: lab.get_run("no-such-run")])
