"""The command line: `python -m lab_logger list | show | sync | doctor`.

Owns arguments, exit codes and what goes where: results to stdout, one line a problem to stderr. Exit codes are 0, 1 for
a problem and 2 for a wrong use.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from lab_logger import doctor, printing, reading, spool
from lab_logger.errors import LabLoggerError, OutboxError, SpoolError
from lab_logger.record import to_jsonable
from lab_logger.settings import Settings, resolve
from lab_logger.storage import EmbeddedStore

_EPILOG = "exit codes: 0 all is well, 1 there is a problem, 2 wrong use"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: The arguments; those of the process unless given.

    Returns:
        The exit code: 0, or 1 when there is a problem.

    Raises:
        SystemExit: With 2 for wrong use, with 0 after `--help`.
    """
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.command(resolve(arguments.store, near=os.path.sep), arguments)  # not near this module
        sys.stdout.flush()
    except LabLoggerError as error:
        print(f"lab_logger: {printing.clean(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `… | head` has seen enough
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab_logger", description="Shows and looks after the store of recorded runs.", epilog=_EPILOG
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--store", metavar="PATH", help="the store's file (default: DB_PATH, as for recording)")
    machine = argparse.ArgumentParser(add_help=False)
    machine.add_argument("--json", action="store_true", help="print JSON instead of text")

    def add(name: str, parents: list[argparse.ArgumentParser], words: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, parents=parents, help=words, description=words.capitalize() + ".", epilog=_EPILOG
        )

    lister = add("list", [shared, machine], "list the newest runs")
    lister.add_argument("--limit", type=_count, default=20, metavar="N", help="how many at most (default: 20)")
    lister.add_argument("--status", choices=reading.STATUSES, help="only runs of this status")
    lister.set_defaults(command=_list)
    shower = add("show", [shared, machine], "show everything about one run")
    shower.add_argument("run_id", metavar="RUN_ID", help="the run's id, or enough of its beginning")
    shower.set_defaults(command=_show)
    words = "send what waits to the server, or bring what was kept in the spool into the store"
    add("sync", [shared], words).set_defaults(command=_sync)
    words = "say where the store is and why, whether it is sound, and what to do if not"
    add("doctor", [shared], words).set_defaults(command=_doctor)
    return parser


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if not 1 <= count < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return count


def _check_local(settings: Settings) -> None:
    """Says where the runs are that this command cannot show: an empty list would hide them."""
    server_url = settings.server_url
    if server_url is not None:
        store = settings.db_path
        is_there = f"; the runs in {store} are shown with --store {store}" if store.exists() else ""
        raise LabLoggerError(
            f"runs are recorded on {server_url} (LAB_SERVER_URL), and this shows a local store: look at "
            f"{server_url}/runs, {server_url}/docs or the dashboard{is_there}"
        )


def _list(settings: Settings, arguments: argparse.Namespace) -> int:
    _check_local(settings)
    runs = reading.newest_runs(settings, limit=arguments.limit, status=arguments.status)
    if arguments.json:
        _print_json(runs)
    elif runs:
        print(printing.runs_table(runs))
    else:
        print(f"no {arguments.status + ' ' if arguments.status else ''}runs in {settings.db_path}")
    return 0


def _show(settings: Settings, arguments: argparse.Namespace) -> int:
    _check_local(settings)
    run = reading.whole_run(settings, arguments.run_id)
    if arguments.json:
        _print_json(run)
    else:
        print(printing.run_text(run))
    return 0


def _sync(settings: Settings, _: argparse.Namespace) -> int:
    server_url = settings.server_url
    if server_url is None:
        return _sync_store(settings)
    from lab_logger.syncing import send_waiting

    done = send_waiting(server_url, settings, progress=sys.stderr if sys.stderr.isatty() else None)
    print(done.words)
    if any(backlog.waiting for backlog in spool.backlog(settings.db_path)):
        _sync_store(settings)
    if done.left:
        raise OutboxError("; ".join(done.left))
    return 0


def _sync_store(settings: Settings) -> int:
    path = settings.db_path
    before = spool.backlog(path)
    waiting = sum(backlog.waiting for backlog in before)
    if not waiting:
        print(f"nothing waits for {path}")
        return 0
    brought_in = spool.drain(EmbeddedStore(path, busy_timeout_s=settings.busy_timeout_s))
    refused = sum(backlog.rejected for backlog in spool.backlog(path)) - sum(backlog.rejected for backlog in before)
    print(f"brought {brought_in} of {waiting} records into {path}")
    if refused:
        raise SpoolError(f"the store refused {refused} records; `python -m lab_logger doctor` says where they are kept")
    return 0


def _doctor(settings: Settings, _: argparse.Namespace) -> int:
    report = doctor.examine(settings)
    print(printing.report_text(report))
    return 1 if report.problems else 0


def _print_json(value: object) -> None:
    print(json.dumps(to_jsonable(value), indent=2, allow_nan=False))


if __name__ == "__main__":
    sys.exit(main())
