"""What a run ran on, on its page: the git diff, the environment, and how to run it again.

Owns a part of the Run page.
"""

from typing import Final

import streamlit as st

from backend.models import RunDetail
from ui.connection import client
from ui.diffs import changed_files
from ui.formatting import short_id
from ui.reproduce import script, steps
from ui.run_facts import device_table, packages_table

MAX_DIFF_CHARS: Final = 100_000
"""So much of a diff is coloured; the download holds all of it."""


def diff_part(run: RunDetail) -> None:
    """Shows the command, the commit and what differed from it."""
    st.markdown("**Command**")
    st.code(run.command or "not recorded", language="bash" if run.command else None, wrap_lines=True)
    st.markdown("**Commit**")
    st.code(run.git_hash or "none: the run was not started in a git repository", language=None)
    st.markdown("**What differed from the commit**")
    if not (run.git_diff or "").strip():
        st.caption("Nothing: no tracked file differed." if run.git_diff is not None else "It is not known.")
        return
    _diff(run.git_diff or "", name=short_id(run.run_id))


def _diff(diff: str, *, name: str) -> None:
    files = changed_files(diff)
    if not files.empty:
        st.dataframe(files, hide_index=True, width="content", height=35 * (min(len(files), 6) + 1) + 3)
    st.code(diff[:MAX_DIFF_CHARS], language="diff", height=560 if diff.count("\n") > 26 else "content")  # noqa: PLR2004
    if len(diff) > MAX_DIFF_CHARS:
        st.caption(f"The first {MAX_DIFF_CHARS:,} of {len(diff):,} characters.")
    st.download_button(
        "Download the diff", diff, file_name=f"{name}.diff", mime="text/x-diff", icon=":material/download:",
        on_click="ignore",
    )  # fmt: skip


def environment_part(run: RunDetail) -> None:
    """Shows Python, the machine and the packages."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.markdown("**Machine**")
        device = device_table(run.device_info)
        if run.python_version:
            device.loc[len(device)] = ["Python", run.python_version]
        if device.empty:
            st.caption("Not recorded.")
        else:
            st.dataframe(
                device,
                hide_index=True,
                height=35 * (len(device) + 1) + 3,
                column_config={"fact": st.column_config.Column(width=170)},
            )
    with right:
        packages = packages_table(run.pip_freeze)
        st.markdown(f"**Packages** ({len(packages)})")
        if packages.empty:
            st.caption("Not recorded.")
            return
        st.dataframe(packages, hide_index=True, height=35 * (min(len(packages), 12) + 1) + 3)
        st.download_button(
            "Download requirements.txt", run.pip_freeze or "", file_name=f"requirements-{short_id(run.run_id)}.txt",
            mime="text/plain", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def reproduce_part(run: RunDetail) -> None:
    """Shows the commands that run the run again."""
    address = client().base_url
    st.caption("In a terminal, from a clone of the run's repository, while this server is up:")
    for at, step in enumerate(steps(run, server_url=address), start=1):
        st.markdown(f"**{at}. {step.title}**")
        if step.commands:
            st.code(step.commands, language="bash", wrap_lines=True)
        for remark in step.remarks:
            st.caption(remark)
    st.download_button(
        "Download as a script", script(run, server_url=address), file_name=f"reproduce-{short_id(run.run_id)}.sh",
        mime="text/x-shellscript", icon=":material/download:", on_click="ignore",
    )  # fmt: skip
