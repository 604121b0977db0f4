from pathlib import Path

import httpx
from hypothesis import HealthCheck, given, settings

from tests.backend.stores import DEAD, StoredRun, write_runs
from tests.backend.test_oracle import STATUSES, Row, client_of, stores

SUITE = settings(
    derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def _day(day: str, **runs: int) -> dict[str, object]:
    return {"day": day} | {status: runs.get(status, 0) for status in ("running", "finished", "failed", "killed")}


def test_counts_the_runs_of_each_day_by_status(client: httpx.Client, store: Path) -> None:
    write_runs(
        store,
        [
            StoredRun("a", timestamp="2025-12-01T00:00:00.000000Z"),
            StoredRun("b", timestamp="2025-12-01T23:59:59.999999Z", status="failed"),
            StoredRun("c", timestamp="2025-12-03T10:00:00.000000Z", status="killed"),
            StoredRun("d", timestamp="2025-12-04T10:00:00.000000Z"),
            StoredRun("e", timestamp=None),
            StoredRun("f", timestamp="yesterday"),
        ],
    )
    days = [_day("2025-12-01", finished=1, failed=1), _day("2025-12-03", killed=1), _day("2025-12-04", finished=1)]
    assert client.get("/runs/activity").json() == days
    within = {"from_timestamp": "2025-12-02", "to_timestamp": "2025-12-03"}
    assert client.get("/runs/activity", params=within).json() == days[1:2]


def test_nothing_is_counted_where_there_is_nothing(client: httpx.Client, store: Path) -> None:
    assert client.get("/runs/activity").json() == []


def test_a_run_whose_process_is_gone_counts_as_killed(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("a", status="running", lease=DEAD, timestamp="2025-12-01T10:00:00.000000Z")])
    assert client.get("/runs/activity").json() == [_day("2025-12-01", killed=1)]


@settings(SUITE, max_examples=25)
@given(rows=stores())
def test_counts_what_lists_of_runs_count(database: str, rows: list[Row]) -> None:
    with client_of(rows, database) as client:
        for day in client.get("/runs/activity").json():
            for status in STATUSES:
                asked = {"from_timestamp": day["day"], "to_timestamp": day["day"], "status": status}
                listed = client.get("/runs", params=asked | {"limit": 1})
                assert day[status] == int(listed.headers["X-Total-Count"])
