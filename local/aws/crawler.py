"""Glue crawlers that look: tables, partitions and types inferred from the objects themselves.

Hooks: `glue._start_crawler`, `_stop_crawler` and `_get_crawler_metrics` of the emulator.
"""

from __future__ import annotations

import contextvars
import fnmatch
import logging
import threading
import time
from collections import defaultdict
from typing import Any

import duckdb
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import glue

from local.aws import catalogue, lake
from local.aws.clients import ServiceError
from local.aws.config import Config
from local.aws.crawler_tables import CrawlFault, Folder, sync_partitions, write_table
from local.aws.iam import roles
from local.aws.iam.identity import acting_as
from local.aws.iam.needs import arn

_log = logging.getLogger("crawler")
_counts: dict[tuple[str, str, str], dict[str, int]] = {}
Answer = tuple[int, dict[str, str], bytes]


def install(config: Config) -> None:
    """Put the real crawl behind the emulator's crawler API."""
    glue._start_crawler = start
    glue._stop_crawler = stop
    glue._get_crawler_metrics = measure


def start(request: dict[str, Any]) -> Answer:
    """Answer StartCrawler; the crawl goes on in a thread."""
    name = request.get("Name", "")
    crawler = glue._crawlers.get(name)
    if crawler is None:
        return _refuse("EntityNotFoundException", f"Crawler entry with name {name} does not exist")
    if crawler["State"] != "READY":
        return _refuse("CrawlerRunningException", f"Crawler with name {name} has already started")
    crawler["State"] = "RUNNING"
    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(_run, crawler), name=f"crawl-{name}", daemon=True
    ).start()
    return json_response({})  # type: ignore[no-any-return]


def stop(request: dict[str, Any]) -> Answer:
    """Answer StopCrawler: the crawl ends after the table it is at."""
    name = request.get("Name", "")
    crawler = glue._crawlers.get(name)
    if crawler is None:
        return _refuse("EntityNotFoundException", f"Crawler entry with name {name} does not exist")
    if crawler["State"] != "RUNNING":
        return _refuse("CrawlerNotRunningException", f"Crawler with name {name} is not running")
    crawler["State"] = "STOPPING"
    return json_response({})  # type: ignore[no-any-return]


def measure(request: dict[str, Any]) -> Answer:
    """Answer GetCrawlerMetrics with what the last crawl of each did."""
    names = request.get("CrawlerNameList") or list(glue._crawlers)
    metrics = []
    for crawler in filter(None, map(glue._crawlers.get, names)):
        seconds = crawler.get("CrawlElapsedTime", 0) / 1000
        changed = _counts.get(_key(crawler["Name"]), {})
        metrics.append(
            {
                "CrawlerName": crawler["Name"],
                "TimeLeftSeconds": 0.0,
                "StillEstimating": crawler["State"] != "READY",
                "LastRuntimeSeconds": seconds,
                "MedianRuntimeSeconds": seconds,
                **{
                    f"Tables{each}": changed.get(each, 0)
                    for each in ("Created", "Updated", "Deleted")
                },
            }
        )
    return json_response({"CrawlerMetricsList": metrics})  # type: ignore[no-any-return]


def _run(crawler: dict[str, Any]) -> None:
    began = time.time()
    status, message = "SUCCEEDED", ""
    changed = _counts[_key(crawler["Name"])] = defaultdict(int)
    try:
        source = arn("glue", f"crawler/{crawler['Name']}")
        with acting_as(roles.assume(_role(crawler), "glue.amazonaws.com", source)):
            if not _crawl(crawler, changed):
                status = "CANCELLED"
    except (ServiceError, lake.StorageFault, CrawlFault, duckdb.Error) as error:
        status, message = "FAILED", str(error)
        _log.error("crawler %s failed: %s", crawler["Name"], message)
    except Exception as error:
        status, message = "FAILED", f"Internal Service Exception: {error!r}"
        _log.exception("crawler %s", crawler["Name"])
    crawler["CrawlElapsedTime"] = int((time.time() - began) * 1000)
    crawler["LastCrawl"] = {
        "Status": status,
        "ErrorMessage": message,
        "LogGroup": "/aws-glue/crawlers",
        "LogStream": crawler["Name"],
        "MessagePrefix": crawler["Name"],
        "StartTime": began,
    }
    crawler["State"] = "READY"


def _crawl(crawler: dict[str, Any], changed: dict[str, int]) -> bool:
    """Write what is there into the catalogue; False if the crawl was stopped."""
    seen = set()
    catalogue.require("GetDatabase", crawler["DatabaseName"])
    for folder in _find_folders(crawler):
        if crawler["State"] == "STOPPING":
            return False
        seen.add(folder.name)
        if change := write_table(crawler, folder):
            changed[change] += 1
    if crawler["State"] == "STOPPING":
        return False
    changed["Deleted"] = _drop_vanished(crawler, seen)
    return True


def _role(crawler: dict[str, Any]) -> str:
    role = str(crawler.get("Role", ""))
    return role if role.startswith("arn:") else f"arn:aws:iam::{get_account_id()}:role/{role}"


def _find_folders(crawler: dict[str, Any]) -> list[Folder]:
    """Return one Folder for each folder below the targets, or for a target that holds files."""
    found: dict[str, Folder] = {}
    for target in crawler["Targets"].get("S3Targets") or ():
        root = lake.folder(target["Path"])
        for stored in lake.Listing().below(root):
            if any(fnmatch.fnmatch(stored.name, each) for each in target.get("Exclusions") or ()):
                continue
            *parts, _ = stored.name.split("/")
            top = parts.pop(0) if parts and "=" not in parts[0] else ""
            location = f"{root}{top}/" if top else root
            keys = tuple(
                part.partition("=")[0].lower() if "=" in part else f"partition_{place}"
                for place, part in enumerate(parts)
            )
            name = crawler.get("TablePrefix", "") + _name(location)
            folder = found.setdefault(location, Folder(name, location, keys))
            if folder.keys != keys:
                raise CrawlFault(
                    f"{location}{stored.name[len(top) + bool(top) :]} has the partition keys "
                    f"{list(keys)}, other files of {folder.name} have {list(folder.keys)}"
                )
            below = stored.name[len(top) + 1 :] if top else stored.name
            values = tuple(part.partition("=")[2] if "=" in part else part for part in parts)
            entry = lake.StoredObject(below, stored.path, stored.size)
            folder.partitions.setdefault(values, []).append(entry)
    return sorted(found.values(), key=lambda each: each.name)


def _drop_vanished(crawler: dict[str, Any], seen: set[str]) -> int:
    """Delete or mark the tables that this crawler wrote and whose objects are gone."""
    behaviour = (crawler.get("SchemaChangePolicy") or {}).get("DeleteBehavior")
    database, count = crawler["DatabaseName"], 0
    for table in list(glue._tables.values()):
        written = (table.get("Parameters") or {}).get("UPDATED_BY_CRAWLER") == crawler["Name"]
        if table["DatabaseName"] != database or not written or table["Name"] in seen:
            continue
        if behaviour == "DELETE_FROM_DATABASE":
            catalogue.require("DeleteTable", database, table["Name"])
            glue._delete_table({"DatabaseName": database, "Name": table["Name"]})
            count += 1
        elif behaviour != "LOG":
            table["Parameters"]["DEPRECATED_BY_CRAWLER"] = str(int(time.time() * 1000))
            sync_partitions(database, table["Name"], {})
    return count


def _name(location: str) -> str:
    last = location.rstrip("/").rsplit("/", 1)[-1].lower()
    return "".join(each if each.isalnum() else "_" for each in last)


def _key(name: str) -> tuple[str, str, str]:
    return get_account_id(), get_region(), name


def _refuse(code: str, message: str) -> Answer:
    return error_response_json(code, message, 400)  # type: ignore[no-any-return]
