"""The language model, at OpenAI or at any endpoint that speaks as OpenAI does.

Owns making the client from the settings, and setting right what a model may get wrong in the form of a call. It imports
LangChain, so only code that is about to ask a model imports it.
"""

import json
from typing import Any, Final

import openai
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from backend.config import AgentSettings

MAX_RETRIES: Final = 1
_NO_KEY: Final = SecretStr("none")  # local endpoints want a key to be sent and do not look at it


def language_model(settings: AgentSettings) -> BaseChatModel:
    """Makes the client of the model that the settings name; nothing is asked yet."""
    return _Model(
        model=settings.openai_model,
        api_key=settings.openai_api_key or _NO_KEY,
        base_url=settings.openai_base_url,
        timeout=settings.agent_timeout_s,
        max_retries=MAX_RETRIES,
        # The way that every compatible endpoint speaks.
        use_responses_api=False,
    )


class _Model(ChatOpenAI):
    """The client; arguments that are JSON but no object are malformed ones to it, of which the model is told."""

    def _create_chat_result(
        self, response: dict[str, Any] | openai.BaseModel, generation_info: dict[str, Any] | None = None
    ) -> ChatResult:
        if isinstance(response, openai.BaseModel):
            response = response.model_dump(warnings=False)
        if isinstance(response, dict):
            for choice in response.get("choices") or []:
                _set_right(choice.get("message") or {})
        return super()._create_chat_result(response, generation_info)


def _set_right(message: dict[str, Any]) -> None:
    """Makes of a message's texts what UTF-8 can hold, and of calls without an object as arguments malformed ones."""
    if isinstance(message.get("content"), str):
        message["content"] = _encodable(message["content"])
    for call in message.get("tool_calls") or []:
        function = call.get("function") or {}
        try:
            arguments = json.loads(function.get("arguments") or "{}")
        except (ValueError, RecursionError):
            continue
        is_object = isinstance(arguments, dict)
        function["arguments"] = _encodable(json.dumps(arguments, ensure_ascii=False)) if is_object else "no object"


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
