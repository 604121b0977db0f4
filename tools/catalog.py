"""The tools there are, each with its name, its arguments and whether it writes.

Owns turning a function of `functions` or `registry_functions` into something that LangChain or MCP can offer, without
either of them.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from tools import functions, registry_functions
from tools.client import AsyncLabClient
from tools.found import Reply


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        name: What it is called.
        description: What it does, for whoever chooses it.
        arguments: The arguments it takes, as a model that refuses unknown ones.
        writes: Whether it changes the store.
        asks_registry: Whether it asks the model registry, which may be unavailable though the runs are not.
    """

    name: str
    description: str
    arguments: type[BaseModel]
    writes: bool
    asks_registry: bool
    _function: Callable[..., Awaitable[Reply]]

    async def call(self, client: AsyncLabClient, **arguments: Any) -> Reply:
        """Asks the server.

        Raises:
            LabClientError: The server does not answer, or says no.
        """
        return await self._function(client, **arguments)


def _tool(function: Callable[..., Awaitable[Reply]], *, writes: bool = False) -> Tool:
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    fields: dict[str, Any] = {
        parameter.name: (hints[parameter.name], ... if parameter.default is parameter.empty else parameter.default)
        for parameter in parameters
    }
    arguments = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)
    asks_registry = function.__module__ == registry_functions.__name__
    return Tool(function.__name__, inspect.getdoc(function) or "", arguments, writes, asks_registry, function)


TOOLS: tuple[Tool, ...] = (
    _tool(functions.list_runs),
    _tool(functions.leaderboard),
    _tool(functions.get_run_details),
    _tool(functions.compare_runs),
    _tool(functions.search_run_summaries),
    _tool(functions.describe_store),
    _tool(registry_functions.describe_registry),
    _tool(registry_functions.rank_models),
    _tool(registry_functions.compare_models),
    _tool(registry_functions.check_significance),
    _tool(registry_functions.get_model),
    _tool(functions.flag_run_for_publish, writes=True),
    _tool(functions.update_note, writes=True),
)
"""Every tool, the reading ones first."""
