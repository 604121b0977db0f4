import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_logger import outboxes
from lab_logger.backlog import Backlog
from lab_logger.errors import OutboxError
from lab_logger.outbox import Outbox
from tests.lab_logger.conftest import Scripts

URL = "http://127.0.0.1:41000"
HOLDS_AN_OUTBOX = """
    import sys
    from pathlib import Path
    from lab_logger import outboxes
    kept = outboxes.create("http://127.0.0.1:41000", [Path(sys.argv[1])])
    kept.append([("a", '{"kind":"note"}')])
    print(kept.path, flush=True)
    input()
"""


@pytest.fixture
def folder(project: Path) -> Path:
    return project / "outbox"


@pytest.fixture
def kept(folder: Path) -> Iterator[Outbox]:
    kept = outboxes.create(URL, [folder])
    yield kept
    if not kept.is_closed:
        kept.close()


def keep(kept: Outbox, *records: tuple[str, int]) -> None:
    kept.append([(run_id, json.dumps({"n": number})) for run_id, number in records])


def line(kept: Outbox) -> list[tuple[str, int]]:
    return [(each.run_id, json.loads(each.text)["n"]) for each in kept.first(limit=1_000, limit_chars=10**6)]


def test_records_wait_in_their_order_with_their_position_in_them(kept: Outbox) -> None:
    keep(kept, *[("a", number) for number in range(450)])
    keep(kept, ("b", 0))
    waiting = kept.first(limit=1_000, limit_chars=10**6)
    assert [json.loads(each.text)["position"] for each in waiting] == [each.position for each in waiting]
    assert line(kept) == [*[("a", number) for number in range(450)], ("b", 0)]
    kept.forget(waiting[448].position)
    assert line(kept) == [("a", 449), ("b", 0)]
    keep(kept, ("b", 1))
    assert line(kept)[-1] == ("b", 1)


def test_the_log_of_an_outbox_does_not_grow_while_nothing_is_sent(kept: Outbox) -> None:
    log = Path(f"{kept.path}-wal")
    sizes = []
    for _ in range(4):
        for number in range(2_100):
            keep(kept, ("a", number))
        sizes.append(log.stat().st_size)
        kept.tidy()
    assert sizes[-1] < 1.5 * sizes[0]
    assert len(kept.first(limit=10_000, limit_chars=10**9)) == 4 * 2_100


def test_a_batch_holds_one_record_at_least_and_no_more_than_the_limits_allow(kept: Outbox) -> None:
    keep(kept, *[("a", number) for number in range(5)])
    assert len(kept.first(limit=3, limit_chars=10**6)) == 3
    assert len(kept.first(limit=1_000, limit_chars=1)) == 1
    assert len(kept.first(limit=1_000, limit_chars=60)) == 2


def test_a_position_is_never_given_twice(kept: Outbox) -> None:
    keep(kept, ("a", 0))
    (first,) = kept.first(limit=9, limit_chars=99)
    kept.forget(first.position)
    keep(kept, ("a", 1))
    assert kept.first(limit=9, limit_chars=99)[0].position > first.position


def test_a_run_set_aside_lets_others_pass_and_comes_back_in_its_order(kept: Outbox) -> None:
    keep(kept, ("a", 0), ("b", 0), ("a", 1))
    kept.set_aside("a")
    assert line(kept) == [("b", 0)]
    assert kept.runs_aside() == ["a"]
    keep(kept, ("a", 2), ("b", 1))
    assert kept.backlog().records == 5
    kept.bring_back("a")
    assert line(kept) == [("b", 0), ("b", 1), ("a", 0), ("a", 1), ("a", 2)]
    assert kept.runs_aside() == []


def test_a_refused_record_is_kept_apart_with_the_words_of_the_refusal(kept: Outbox) -> None:
    keep(kept, ("a", 0), ("a", 1))
    kept.reject(1, "HTTP 422: no such thing")
    assert line(kept) == [("a", 1)]
    found = kept.backlog()
    assert (found.records, found.rejected, found.refusal) == (1, 1, "HTTP 422: no such thing")
    kept.forget(2)
    assert kept.remove_if_empty()
    assert kept.path.exists()  # what was refused is looked at by a person


def test_an_outbox_is_for_its_owner_alone(kept: Outbox) -> None:
    assert kept.path.stat().st_mode & 0o777 == 0o600
    assert kept.path.parent.stat().st_mode & 0o777 == 0o700


def test_an_empty_outbox_leaves_nothing_behind_and_takes_nothing_more(kept: Outbox, folder: Path) -> None:
    keep(kept, ("a", 0))
    assert not kept.remove_if_empty()
    kept.forget(1)
    assert kept.remove_if_empty()
    assert list(folder.iterdir()) == []
    with pytest.raises(OutboxError, match="closed"):
        keep(kept, ("a", 1))


def test_where_the_first_place_cannot_be_written_the_next_is_taken(project: Path) -> None:
    (project / "file").touch()
    kept = outboxes.create(URL, [project / "file" / "in-it", project / "second"])
    assert kept.path.parent == project / "second"
    with pytest.raises(OutboxError, match=r"tried .*file"):
        outboxes.create(URL, [project / "file" / "in-it"])


def test_each_server_has_places_of_its_own_in_the_users_state_folder(project: Path, tmp_path: Path) -> None:
    first, second = outboxes.places(URL, None)
    assert first.is_relative_to(tmp_path / "xdg_state_home" / "lab_logger" / "outbox")
    assert second.is_relative_to(tmp_path / "tmpdir")
    assert {first, second}.isdisjoint(outboxes.places("http://127.0.0.1:41001", None))
    assert outboxes.places(URL, project / "mine")[0].parent == project / "mine"


def test_only_what_a_dead_process_left_is_taken_and_by_one_alone(script: Scripts, folder: Path) -> None:
    process = script.start(HOLDS_AN_OUTBOX, str(folder))
    assert process.stdout is not None
    path = Path(process.stdout.readline().strip())
    assert list(outboxes.take_abandoned([folder])) == []
    process.kill()
    script.end(process)
    (taken,) = list(outboxes.take_abandoned([folder]))
    assert taken.path == path
    assert list(outboxes.take_abandoned([folder])) == []
    assert [each.text for each in taken.first(limit=9, limit_chars=99)] == ['{"position":1,"kind":"note"}']
    taken.close()
    assert list(outboxes.take_abandoned([folder], but=[path])) == []
    (again,) = list(outboxes.take_abandoned([folder]))
    again.close()


def test_what_was_meant_for_another_token_is_left_alone(folder: Path) -> None:
    outboxes.create(URL, [folder], token="ada's").close()
    assert list(outboxes.take_abandoned([folder], token_mark=outboxes.mark_of("bob's"))) == []
    assert list(outboxes.take_abandoned([folder], token_mark=outboxes.mark_of(None))) == []
    (taken,) = list(outboxes.take_abandoned([folder], token_mark=outboxes.mark_of("ada's")))
    taken.close()
    (by_hand,) = list(outboxes.take_abandoned([folder]))
    by_hand.close()


def test_what_is_no_outbox_does_not_hide_the_others(folder: Path, kept: Outbox) -> None:
    keep(kept, ("a", 0))
    kept.close()
    (folder / "1-broken.db").write_text("no database at all " * 100)
    found = outboxes.backlogs([folder])
    assert sum(isinstance(each, OutboxError) for each in found) == 1
    assert [each.records for each in found if isinstance(each, Backlog)] == [1]
    (taken,) = list(outboxes.take_abandoned([folder]))
    assert taken.path == kept.path
    taken.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_the_child_of_a_fork_leaves_the_outbox_to_its_parent(script: Scripts, folder: Path) -> None:
    answer = script(
        """
        import os, sys
        from pathlib import Path
        from lab_logger import outboxes
        kept = outboxes.create("http://127.0.0.1:41000", [Path(sys.argv[1])])
        kept.append([("a", '{"n":1}')])
        child = os.fork()
        if child == 0:
            taken = len(list(outboxes.take_abandoned([Path(sys.argv[1])])))
            print("closed" if kept.is_closed else "open", taken, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        kept.append([("a", '{"n":2}')])
        print(len(kept.first(limit=9, limit_chars=99)), len(list(outboxes.take_abandoned([Path(sys.argv[1])]))))
        """,
        str(folder),
    )
    assert answer.lines == ["closed 0", "2 0"]
