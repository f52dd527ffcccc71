"""Alarms, and whether their mail reaches anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployment.smoke.line import FAILED, LOOK, OK, Deployment, Line


def alarms(deployed: Deployment) -> Iterator[Line]:
    """No alarm of the stack is on."""
    pages = deployed.client("cloudwatch").get_paginator("describe_alarms")
    found = [
        each
        for page in pages.paginate(AlarmNamePrefix=f"{deployed.stack}-")
        for each in page["MetricAlarms"]
    ]
    if not found:
        yield Line(FAILED, "alarms", "there is none", "deploy again")
        return
    on = [each for each in found if each["StateValue"] == "ALARM"]
    for each in on:
        yield Line(FAILED, f"alarm {each['AlarmName']}", "on", each.get("AlarmDescription", ""))
    if not on:
        silent = sum(each["StateValue"] == "INSUFFICIENT_DATA" for each in found)
        yield Line(OK, "alarms", f"{len(found)}, none on, {silent} without data yet")


def subscription(deployed: Deployment) -> Iterator[Line]:
    """Somebody gets the alerts, and has said so."""
    topic = deployed.outputs["AlertsTopicArn"]
    pages = deployed.client("sns").get_paginator("list_subscriptions_by_topic")
    found = [each for page in pages.paginate(TopicArn=topic) for each in page["Subscriptions"]]
    if not found:
        step = "give AlertEmail in the environment's file, and deploy again"
        yield Line(LOOK, "alerts", "nobody gets them", step)
    yield from map(tell, found)


def tell(subscription: Mapping[str, str]) -> Line:
    """Return the line of one subscription, as SNS lists it."""
    if subscription["SubscriptionArn"].startswith("arn:"):
        found = f"{subscription['Protocol']} to {subscription['Endpoint']}, confirmed"
        return Line(OK, "alerts", found)
    step = "open the mail of AWS Notifications (look in the spam folder), and confirm"
    return Line(FAILED, "alerts", f"{subscription['Endpoint']} did not confirm", step)
