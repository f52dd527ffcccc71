"""E-mail of SNS: each message to an address becomes a file, a line on stdout and a web page.

Hooks: `sns._fanout` of the emulator, and `app._handle_pre_body_request` for `/_mailbox`.
"""

from __future__ import annotations

import email
import email.policy
import html
import os
import threading
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any

import ministack.app
from ministack.services import sns

from local.aws.config import Config

PATH = "/_mailbox"
_SENDER = "AWS Notifications <no-reply@sns.amazonaws.com>"
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:54rem;margin:2.5rem auto;padding:0 1rem;
color:#1d2733;background:#f6f7f9}
h1{font-size:1.3rem} a{color:#0b57a4;text-decoration:none} a:hover{text-decoration:underline}
ol,dl,pre{background:#fff;border:1px solid #dde2e8;border-radius:8px;margin:0 0 1rem}
ol{list-style:none;padding:0} li{display:flex;gap:1rem;padding:.6rem 1rem}
li+li{border-top:1px solid #edf0f3} li a{flex:1} small{color:#66717e}
dl{display:grid;grid-template-columns:6rem 1fr;padding:.8rem 1rem} dt{color:#66717e} dd{margin:0}
pre{padding:1rem;white-space:pre-wrap;overflow-wrap:anywhere}
"""
_lock = threading.Lock()


def install(config: Config) -> None:
    """Deliver e-mail subscriptions into the mailbox and show it under `/_mailbox`."""
    mailbox = config.mailbox
    mailbox.mkdir(parents=True, exist_ok=True)
    publish = sns._fanout
    answer = ministack.app._handle_pre_body_request

    def fan_out(
        topic_arn: str,
        message_id: str,
        message: str,
        subject: str,
        message_structure: str = "",
        message_attributes: dict[str, Any] | None = None,
        *rest: Any,
        **options: Any,
    ) -> None:
        given = (topic_arn, message_id, message, subject, message_structure, message_attributes)
        publish(*given, *rest, **options)
        topic = sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": ()}
        for each in topic["subscriptions"]:
            protocol = each.get("protocol")
            if protocol not in ("email", "email-json") or not each.get("confirmed"):
                continue
            body = sns._resolve_message_for_protocol(message, message_structure, protocol)
            attributes = message_attributes or {}
            if not sns._matches_filter_policy(each, attributes, body):
                continue
            if protocol == "email-json":
                fields = (topic_arn, message_id, body, subject, attributes, False)
                body = sns._build_envelope(*fields)
            deliver(mailbox, topic_arn, each["endpoint"], subject, body)

    async def answer_first(
        method: str, path: str, headers: Any, query: Any, request_id: str
    ) -> tuple[int, dict[str, str], bytes] | None:
        if path == PATH or path.startswith(f"{PATH}/"):
            return _respond(mailbox, method, path)
        handled = await answer(method, path, headers, query, request_id)
        return handled  # type: ignore[no-any-return]

    sns._fanout = fan_out
    ministack.app._handle_pre_body_request = answer_first


def deliver(mailbox: Path, topic_arn: str, address: str, subject: str, body: str) -> Path:
    """Write one message as an .eml file, whose names sort by time, and say so on stdout."""
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"] = _SENDER
    mail["To"] = address
    mail["Subject"] = " ".join((subject or "AWS Notification Message").split())
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain="sns.amazonaws.com")
    mail["X-SNS-Topic"] = topic_arn
    mail.set_content(f"{body}\n\n--\nSent by {topic_arn}\n")
    with _lock:  # one name for each, also within one clock tick
        path = mailbox / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{time.time_ns()}.eml"
        temporary = path.with_suffix(".part")
        temporary.write_bytes(mail.as_bytes())
        os.replace(temporary, path)
    print(f"mail: {mail['Subject']} -> {address} ({path.name})", flush=True)
    return path


def _respond(mailbox: Path, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    name = path[len(PATH) + 1 :]
    known = {each.name: each for each in mailbox.glob("*.eml")}
    if method not in ("GET", "HEAD") or (name and name not in known):
        status, page = 404, _page("No such message", f'<p><a href="{PATH}">All messages</a></p>')
    else:
        status, page = 200, _show(known[name]) if name else _list(known)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return status, headers, page.encode()


def _list(known: dict[str, Path]) -> str:
    lines = []
    for name in sorted(known, reverse=True):
        mail = _read(known[name])
        subject, to, date = (html.escape(str(mail[each])) for each in ("Subject", "To", "Date"))
        lines.append(
            f'<li><a href="{PATH}/{html.escape(name)}">{subject}</a><small>{to}</small>'
            f"<small>{date}</small></li>"
        )
    body = f"<ol>{''.join(lines)}</ol>" if lines else "<p>No message yet.</p>"
    return _page(f"Mailbox ({len(lines)})", body)


def _show(path: Path) -> str:
    mail = _read(path)
    fields = "".join(
        f"<dt>{each}</dt><dd>{html.escape(str(mail[each]))}</dd>" for each in ("From", "To", "Date")
    )
    text = html.escape(mail.get_content())
    body = f'<dl>{fields}</dl><pre>{text}</pre><p><a href="{PATH}">All messages</a></p>'
    return _page(str(mail["Subject"]), body)


def _read(path: Path) -> EmailMessage:
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def _page(title: str, body: str) -> str:
    title = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{body}</html>"
    )
