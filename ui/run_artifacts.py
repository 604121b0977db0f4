"""The artifacts of one run on its page: a list, a preview and a download.

Owns a part of the Run page. The choices are in the address: `artifact` and, within a folder, `file`.
"""

from functools import partial
from typing import Any, Final
from urllib.parse import quote

import streamlit as st

from backend.models import ArtifactInfo, RunDetail
from tools.errors import FileTooLargeError, LabClientError
from ui.artifacts import (
    MAX_DOWNLOAD_BYTES,
    MAX_PREVIEW_BYTES,
    Preview,
    artifact_text,
    artifacts_frame,
    availability,
    fetch,
    file_kind,
    file_name,
    preview,
    size_of,
    state,
)
from ui.connection import asking, client, kept
from ui.formatting import plain_markdown, size_text
from ui.reproduce import download_command

_MAX_ROWS: Final = 15
_MAX_LINES: Final = 22
_ICONS: Final = {"on its way": ":material/cloud_upload:", "reference": ":material/link:"}


def artifacts_part(run: RunDetail) -> None:
    """Shows what a run left behind: the list, and one of it beside."""
    with asking() as lab:
        artifacts = lab.artifacts(run.run_id)
    if not artifacts:
        st.caption("The run left no artifacts. `log_artifact(path)` records a file or a folder.")
        return
    left, right = st.columns([1, 1.25], gap="medium")
    with left:
        height = 35 * (min(len(artifacts), _MAX_ROWS) + 1) + 3
        st.dataframe(artifacts_frame(artifacts), hide_index=True, placeholder="–", height=height)
    with right:
        names = [f"{one.index + 1}. {file_name(one.path)}" for one in artifacts]
        chosen = st.selectbox("Artifact", names, key="artifact", bind="query-params", persist_state="page")
        _artifact(run.run_id, artifacts[names.index(chosen)] if chosen in names else artifacts[0])


def _artifact(run_id: str, artifact: ArtifactInfo) -> None:
    st.caption(plain_markdown(artifact_text(artifact)))
    if not artifact.downloadable or artifact.content == "being_sent":
        st.info(f"This artifact is {availability(artifact)}", icon=_ICONS.get(state(artifact), ":material/block:"))
    if not artifact.downloadable:
        return
    if artifact.kind != "folder":
        _file(run_id, artifact, name=file_name(artifact.path), path=None)
    elif not artifact.files:
        st.caption("The folder is empty.")
    else:
        path = st.selectbox("File in it", artifact.files, key="file", bind="query-params", persist_state="page")
        if path is not None:
            _file(run_id, artifact, name=file_name(path), path=path)


def _file(run_id: str, artifact: ArtifactInfo, *, name: str, path: str | None) -> None:
    kind = file_kind(name, recorded=artifact.media_type if path is None else None)
    size = size_of(artifact)
    _download(run_id, artifact, name=name, path=path, size=size)
    if kind == "none":
        st.caption("A file of this kind is not shown; nothing of it is opened or run here.")
        return
    if path is None and (size is None or size > MAX_PREVIEW_BYTES):
        _too_large(size)
        return
    try:
        content = _content(run_id, artifact.index, path, artifact.sha256, size)
    except FileTooLargeError as error:
        _too_large(error.size_bytes)
        return
    except LabClientError as error:
        st.warning(plain_markdown(str(error)))
        return
    _show(preview(content, kind=kind, separator="\t" if name.lower().endswith(".tsv") else ","))


def _too_large(size: int | None) -> None:
    known = "" if size is None else f", it has {size_text(size)}"
    st.caption(f"Larger than {size_text(MAX_PREVIEW_BYTES)}{known}: not shown here.")


def _show(shown: Preview) -> None:
    if shown.remark:
        st.caption(shown.remark)
    if shown.kind == "table":
        st.dataframe(shown.content, hide_index=True, height="auto")
    elif shown.kind == "json":
        st.json(shown.content, expanded=2)
    elif shown.kind == "image":
        st.image(shown.content)
    elif shown.kind == "text":
        st.code(shown.content, language=None, height=520 if shown.content.count("\n") > _MAX_LINES else "content")


def _download(run_id: str, artifact: ArtifactInfo, *, name: str, path: str | None, size: int | None) -> None:
    if size is None or size > MAX_DOWNLOAD_BYTES:
        st.caption("Too large to pass through the browser. In a terminal:")
        query = "" if path is None else f"?path={quote(path, safe='')}"
        url = f"{client().base_url}{artifact.url}{query}"
        st.code(download_command(url, to=name), language="bash", wrap_lines=True)
        return
    st.download_button(
        f"Download {plain_markdown(name)}",
        partial(fetch, client(), run_id, artifact.index, path=path, max_bytes=MAX_DOWNLOAD_BYTES),
        file_name=name,
        mime="application/octet-stream",
        icon=":material/download:",
        on_click="ignore",
    )


@kept(ttl=60, max_entries=20, show_spinner="Fetching …")
def _content(run_id: str, index: int, path: str | None, *_version: Any) -> bytes:
    """Fetches a file, again when it has changed."""
    return fetch(client(), run_id, index, path=path, max_bytes=MAX_PREVIEW_BYTES)
