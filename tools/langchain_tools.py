"""The tools for LangChain: the same functions, their full data as the artifact that a model never sees.

Owns the wrapping alone. It imports LangChain, so only code that is about to use an agent imports it.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import ValidationError
from pydantic.v1 import ValidationError as ValidationErrorV1

from tools.catalog import TOOLS, Tool
from tools.client import AsyncLabClient
from tools.errors import (
    AmbiguousRunError,
    InvalidRequestError,
    NotAllowedError,
    NotFoundError,
    StoreUnavailableError,
)
from tools.found import Found

_MODELS_MISTAKES = (NotFoundError, AmbiguousRunError, InvalidRequestError)


def langchain_tools(client: AsyncLabClient, *, writing: Iterable[str] = ()) -> list[BaseTool]:
    """Gives the tools that ask through a client.

    Args:
        client: Where they ask, and with whose token.
        writing: Names of the writing tools to offer; none unless given.

    Returns:
        LangChain tools, to be awaited. An error that other arguments can mend comes back to the model as a message: a
        value that cannot be used, a run or metric that is unknown, an ambiguous id. So does a change that the caller's
        role does not allow, for the answer to say so. Any other `LabClientError`, such as a store that is unavailable,
        is raised.
    """
    allowed = set(writing)
    return [_wrapped(tool, client) for tool in TOOLS if not tool.writes or tool.name in allowed]


def _wrapped(tool: Tool, client: AsyncLabClient) -> BaseTool:
    async def ask(**arguments: Any) -> tuple[str, Found]:
        try:
            reply = await tool.call(client, **arguments)
        except _MODELS_MISTAKES as error:
            raise ToolException(str(error)) from error
        except NotAllowedError as error:
            if not tool.writes or error.status != HTTPStatus.FORBIDDEN:
                raise
            raise ToolException(str(error)) from error
        except StoreUnavailableError as error:
            if not tool.asks_registry:
                raise
            raise ToolException(str(error)) from error
        return reply.content, reply.found

    return StructuredTool(
        name=tool.name,
        description=tool.description,
        args_schema=tool.arguments,
        coroutine=ask,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=_explain,
    )


def _explain(error: ValidationError | ValidationErrorV1) -> str:
    wrong = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
    return f"these arguments cannot be used: {wrong}"
