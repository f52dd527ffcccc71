"""Scorecards in Airflow's navigation: portfolios, versions, approvals and evidence packs.

Every process of Airflow loads this file, so that what needs FastAPI and boto3 waits for the first
request.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

PREFIX = "/scorecards"
_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='{}' "
    "stroke-width='2' stroke-linecap='round'><path d='M4 20h16M7 16v-4M12 16V6M17 16v-7'/></svg>"
)


class Scorecards:
    """The ASGI application; it is built when the first request comes in."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if self._app is None:
            from scorecards.app import create_app

            self._app = create_app()
        await self._app(scope, receive, send)


def address() -> str:
    """Return where the view is found: below the path of Airflow's base URL."""
    base = urlsplit(conf.get("api", "base_url", fallback=""))
    return f"{base.path.rstrip('/')}{PREFIX}/"


def icon(colour: str) -> str:
    """Return the view's icon in one colour, as a data URI."""
    return "data:image/svg+xml," + quote(_ICON.format(colour))


class ScorecardsPlugin(AirflowPlugin):  # type: ignore[misc]
    """Mounts the application and names it in the navigation."""

    name = "scorecards"
    fastapi_apps = [{"app": Scorecards(), "url_prefix": PREFIX, "name": "Scorecards"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Scorecards",
            "href": address(),
            "destination": "nav",
            "url_route": "scorecards",
            "icon": icon("#c8641e"),
            "icon_dark_mode": icon("#f0a468"),
        }
    ]
