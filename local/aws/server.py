"""Start the embedded AWS: `python -m local.aws.server`, configured by the environment alone."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from local.aws.clients import connect
from local.aws.config import ACCOUNT, REGION, Config

PROXIES = ("http_proxy", "https_proxy", "all_proxy")


class CannotStart(Exception):
    """The server cannot start; the message says why and what to do."""


def listen(port: int) -> socket.socket:
    """Take the port before anything else is done."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise CannotStart(
            f"port {port} of 127.0.0.1 is taken: stop what listens there, or set GATEWAY_PORT"
        ) from error
    return listener


def prepare(config: Config) -> None:
    """Make the folders, and tell ministack and moto through the environment, before import."""
    for name, python in (("MODEL", config.model_python), ("LAMBDA", config.lambda_python)):
        if not os.access(python, os.X_OK):
            raise CannotStart(
                f"there is no interpreter {python}: build the environments, or set "
                f"SOLVENCIA_EMBEDDED_{name}_PYTHON"
            )
    shutil.rmtree(config.work, ignore_errors=True)
    for folder in (config.objects, config.services, config.work, config.exports, config.mailbox):
        folder.mkdir(parents=True, exist_ok=True)
    for name in (*PROXIES, *(each.upper() for each in PROXIES), "SERVICES", "AWS_PROFILE"):
        os.environ.pop(name, None)
    os.environ.update(
        AUTH=str(config.is_iam_enforced).lower(),
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106
        AWS_DEFAULT_REGION=REGION,
        AWS_ENDPOINT_URL=config.url,
        BIND_HOST="127.0.0.1",
        DOCKER_HOST=f"unix://{config.work}/no-docker.sock",  # never touch the machine's containers
        GATEWAY_PORT=str(config.port),
        IOT_MTLS_ENABLED="0",
        LAMBDA_EXECUTOR="local",
        LOG_LEVEL="WARNING",
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_REGION=REGION,
        MOTO_ACCOUNT_ID=ACCOUNT,
        MOTO_EC2_LOAD_DEFAULT_AMIS="false",
        PERSIST_STATE="1",
        S3_DATA_DIR=str(config.objects),
        S3_PERSIST="1",
        SFTP_ENABLED="0",
        STATE_DIR=str(config.services),
    )
    connect(config.url)


def install(config: Config) -> Callable[..., Awaitable[None]]:
    """Hook our services into ministack; return its ASGI application."""
    from ministack import app

    from local.aws import (
        absent,
        alarms,
        buckets,
        cloudformation,
        crawler,
        datasync,
        firewall,
        functions,
        gateway,
        lambda_runtime,
        mail,
        moto_services,
        nested,
        origin,
        s3,
        state_machines,
        tables,
        vpn,
    )
    from local.aws.athena import service as athena
    from local.aws.iam import gate, roles
    from local.aws.sagemaker import service as sagemaker

    for service in (
        gate,
        roles,
        moto_services,
        sagemaker,
        datasync,
        firewall,
        cloudformation,
        alarms,
        buckets,
        gateway,
        lambda_runtime,
        athena,
        crawler,
        mail,
        s3,
        state_machines,
        tables,
        functions,
        nested,
        vpn,
        absent,
    ):
        service.install(config)
    return origin.guard(app.app)


def serve(config: Config, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then save every service's state and end every child."""
    application = install(config)
    from hypercorn.asyncio import serve as hypercorn_serve  # type: ignore[import-not-found]
    from hypercorn.config import Config as HypercornConfig  # type: ignore[import-not-found]

    from local.aws import lifecycle

    def announce() -> None:
        lifecycle.become_ready(config.url)
        print(f"embedded AWS ready on {config.url}", flush=True)

    settings = HypercornConfig()
    settings.bind = [f"fd://{listener.detach()}"]
    settings.keep_alive_timeout = 75
    settings.graceful_timeout = 1
    settings.loglevel = "WARNING"
    threading.Thread(target=announce, daemon=True).start()
    served: Any = application
    asyncio.run(hypercorn_serve(served, settings))
    lifecycle.stop()


def main() -> None:
    """Run the server; a fault that the user can cure is one line on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    config = Config.from_env()
    try:
        listener = listen(config.port)
        prepare(config)
    except CannotStart as error:
        sys.exit(f"embedded AWS: {error}")
    serve(config, listener)


if __name__ == "__main__":
    main()
