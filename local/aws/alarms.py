"""CloudWatch alarms that judge by themselves: by dimension and period, missing data included.

Hook: `cloudwatch._evaluate_alarm` of the emulator, which knows neither dimensions nor missing
data, and is called only when a metric is put; a thread calls it for every alarm as well.
"""

from __future__ import annotations

import logging
import operator
import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from local.aws.config import Config

EVERY_SECONDS = 2.0
_log = logging.getLogger("alarms")
_lock = threading.RLock()
_COMPARE = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def install(config: Config, every_seconds: float = EVERY_SECONDS) -> None:
    """Judge all alarms now and then, whether a metric comes or not."""
    cloudwatch._evaluate_alarm = evaluate

    def watch() -> None:
        while True:
            time.sleep(every_seconds)
            for (account, region, name), alarm in cloudwatch._alarms.all_items():
                with request_scope(account, region):
                    try:
                        evaluate(alarm)
                    except Exception:
                        _log.exception("alarm %s", name)

    threading.Thread(target=watch, name="alarms", daemon=True).start()


def evaluate(alarm: dict[str, Any]) -> None:
    """Judge one alarm; its actions run only when its state changes."""
    if not alarm.get("MetricName") or alarm.get("ComparisonOperator") not in _COMPARE:
        return
    with _lock:
        points = _datapoints(alarm, time.time())
        new = judge(alarm, points)
        old = alarm["StateValue"]
        if new == old:
            return
        shown = ", ".join("missing" if each is None else f"{each:g}" for each in points)
        reason = (
            f"Threshold Crossed: datapoints [{shown}] (newest first), "
            f"{alarm['ComparisonOperator']} {float(alarm['Threshold']):g} makes ALARM; "
            f"missing data: {alarm.get('TreatMissingData') or 'missing'}"
        )
        alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)


def judge(alarm: dict[str, Any], points: list[float | None]) -> str:
    """Return the state that the datapoints of the evaluation periods (None: no data) mean."""
    compare, threshold = _COMPARE[alarm["ComparisonOperator"]], float(alarm["Threshold"])
    missing = alarm.get("TreatMissingData") or "missing"
    present = [each for each in points if each is not None]
    if not present and missing in ("missing", "ignore"):
        return "INSUFFICIENT_DATA" if missing == "missing" else str(alarm["StateValue"])
    breaches = sum(compare(each, threshold) for each in present)
    if missing == "breaching":
        breaches += len(points) - len(present)
    needed = int(alarm.get("DatapointsToAlarm") or len(points))
    if missing in ("missing", "ignore"):
        needed = min(needed, len(present))
    return "ALARM" if breaches >= needed else "OK"


def _datapoints(alarm: dict[str, Any], now: float) -> list[float | None]:
    """Return one value for each evaluation period, newest first; periods end now, not at :00."""
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    stored = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    period, found = int(alarm.get("Period") or 60), []
    for place in range(int(alarm.get("EvaluationPeriods") or 1)):
        end = now - place * period
        points = [each for each in stored if end - period < each["Timestamp"] <= end]
        stats = cloudwatch._calc_stats(points)
        found.append(cloudwatch._stat_value(stats, statistic, points) if stats else None)
    return found
