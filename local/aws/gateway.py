"""What ministack's API Gateway leaves out of a Lambda proxy integration and of a stage.

The event lacks the API key's id; a failed or throttled function's own words reach the client, where
AWS answers by the gateway response; a stage's method settings are looked up by a path that is not
decoded; a template's request validators validate nothing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from ministack.services import apigateway_v1 as stock
from ministack.services.cloudformation import provisioners

from local.aws.config import Config

type Properties = dict[str, Any]

FAILED, UNREACHED = "DEFAULT_5XX", "INTEGRATION_FAILURE"
BAD_GATEWAY = 502


class _FunctionFailed(Exception):
    """The function raised, ended or took too long."""


class _FunctionThrottled(Exception):
    """The function runs as often as its concurrency allows, and was not asked."""


def install(config: Config) -> None:
    """Replace the few functions that the gaps are in."""
    stock._build_lambda_event_v1 = _with_key(stock._build_lambda_event_v1)
    stock._lambda_proxy_response = _raising(stock._lambda_proxy_response)
    stock._invoke_lambda_proxy_v1 = _answering(stock._invoke_lambda_proxy_v1)
    stock._gateway_error_response = _with_status(stock._gateway_error_response)
    provisioners._apigw_method_settings = _decoded(provisioners._apigw_method_settings)
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::ApiGateway::RequestValidator"]["create"] = _create_validator
    methods = handlers["AWS::ApiGateway::Method"]
    methods |= {verb: _validated(methods[verb]) for verb in ("create", "update")}


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
        if result.get("throttle"):
            raise _FunctionThrottled
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
        except _FunctionThrottled:
            return stock._gw_error(UNREACHED, "Internal server error")

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


def _create_validator(logical_id: str, properties: Properties, stack: str) -> Any:
    data = {
        "name": properties.get("Name", logical_id),
        "validateRequestBody": _is_true(properties.get("ValidateRequestBody")),
        "validateRequestParameters": _is_true(properties.get("ValidateRequestParameters")),
    }
    _, _, body = stock._create_request_validator(properties["RestApiId"], data)
    found = json.loads(body)["id"]
    return found, {"RequestValidatorId": found}


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def _validated(make: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make)
    def make_method(*positional: Any, **named: Any) -> Any:
        made = make(*positional, **named)
        given = [each for each in positional if isinstance(each, dict) and "HttpMethod" in each][-1]
        resource = stock._resources[given["RestApiId"]][given["ResourceId"]]
        method = resource["resourceMethods"][given["HttpMethod"]]
        method["requestValidatorId"] = given.get("RequestValidatorId")
        return made

    return make_method
