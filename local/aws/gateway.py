"""What ministack's API Gateway leaves out of a Lambda proxy integration and of a stage.

The event lacks the API key's id; a failed function's own words reach the client, where AWS answers
by the gateway response; a stage's method settings are looked up by a path that is not decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import apigateway_v1 as stock
from ministack.services.cloudformation import provisioners

from local.aws.config import Config

FAILED = "DEFAULT_5XX"
BAD_GATEWAY = 502


class _FunctionFailed(Exception):
    """The function raised, ended or took too long."""


def install(config: Config) -> None:
    """Replace the few functions that the gaps are in."""
    stock._build_lambda_event_v1 = _with_key(stock._build_lambda_event_v1)
    stock._lambda_proxy_response = _raising(stock._lambda_proxy_response)
    stock._invoke_lambda_proxy_v1 = _answering(stock._invoke_lambda_proxy_v1)
    stock._gateway_error_response = _with_status(stock._gateway_error_response)
    provisioners._apigw_method_settings = _decoded(provisioners._apigw_method_settings)


def _with_key(build: Callable[..., Any]) -> Callable[..., Any]:
    def build_event(*positional: Any, **named: Any) -> Any:
        event = build(*positional, **named)
        headers = {name.lower(): text for name, text in event["headers"].items()}
        if key := stock._resolve_api_key(headers.get("x-api-key")):
            event["requestContext"]["identity"]["apiKeyId"] = key["id"]
        return event

    return build_event


def _raising(shape: Callable[..., Any]) -> Callable[..., Any]:
    def shape_response(result: Any) -> Any:
        response, error = shape(result)
        if error:
            raise _FunctionFailed
        return response, error

    return shape_response


def _answering(invoke: Callable[..., Any]) -> Callable[..., Any]:
    async def invoke_proxy(*positional: Any, **named: Any) -> Any:
        try:
            return await invoke(*positional, **named)
        except _FunctionFailed:
            return stock._gw_error(FAILED, "Internal server error")

    return invoke_proxy


def _with_status(render: Callable[..., Any]) -> Callable[..., Any]:
    def render_error(error: Any, request: Any) -> Any:
        status, headers, body = render(error, request)
        # A template may give a status of its own; without one, a failed function's is 502.
        return BAD_GATEWAY if error.response_type == FAILED else status, headers, body

    return render_error


def _decoded(read: Callable[..., Any]) -> Callable[..., Any]:
    def read_settings(raw: Any) -> Any:
        return {
            path.replace("/~1", "/").replace("~1", "/"): each for path, each in read(raw).items()
        }

    return read_settings
