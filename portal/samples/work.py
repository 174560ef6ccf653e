"""What is under way: an operation with its steps and log, its plan, what it waits for, and what happened."""

from datetime import datetime, timedelta
from typing import Final

QUEUE: Final = {
    "position": 2,
    "of": 3,
    "title": "waits for pool data-seed",
    "why": "Its only worker is seeding ledger-dev-jonas, about 50 s left. People go before bots.",
}
UNDER_WAY: Final = [
    {
        "title": "Create payments-api-pr-1851",
        "status": "applying",
        "detail": "step 4 of 6",
        "tones": ["ok"] * 3 + ["run"] + ["idle"] * 2,
        "note": "2:14 of usual 3:10",
    },
    {
        "title": "Promote payments-api 2026.11.4 to prod",
        "status": "awaiting_approval",
        "word": "1 of 2 signed",
        "tones": ["ok", "run", "idle", "idle", "idle"],
        "note": "18 h 40 min soaked of 24 h",
    },
]
CHANGES: Final = [
    {
        "address": "deployment/payments-api",
        "action": "change",
        "note": "rolling, 6 replicas, 2 at a time",
        "rows": [
            {"sign": "", "no": 14, "text": "  containers:"},
            {
                "sign": "-",
                "no": 15,
                "text": "  - image: payments-api@sha256:88d0f1…7b   # 2026.11.3",
                "mark": "sha256:88d0f1…7b",
            },
            {
                "sign": "+",
                "no": 15,
                "text": "  - image: payments-api@sha256:51be90…c3   # 2026.11.4",
                "mark": "sha256:51be90…c3",
            },
            {"sign": "+", "no": 18, "text": '      REFUND_IDEMPOTENCY: "on"'},
        ],
    },
    {
        "address": "job/migrate-0142",
        "action": "create",
        "note": "before switch, additive",
        "rows": [{"sign": "+", "no": 1, "text": "sql: ALTER TABLE refund ADD COLUMN idem_key uuid NULL;"}],
    },
    {
        "address": "route/old",
        "action": "destroy",
        "shut": True,
        "rows": [{"sign": "-", "no": 1, "text": "host: old"}],
    },
]
FINDINGS: Final = [
    {
        "rule": "net.public_ingress",
        "severity": "block",
        "field": "public_endpoint",
        "value": "true",
        "message": "Public endpoints are not allowed in stage.",
        "fix": "Turn it off, or use the VPN name.",
        "who": "Platform Security",
    },
    {
        "rule": "parity.backup_retention",
        "severity": "warn",
        "field": "retention_days",
        "value": 7,
        "message": "Backups kept 7 days, prod keeps 14.",
        "fix": "Set the same as prod.",
        "who": "",
    },
]
SIGNERS: Final = [
    {"name": "Jonas Keller", "role": "payments-leads, 13:41 today", "state": "signed"},
    {"name": "You, for reliability", "role": "or Nadia Haddad", "state": "open", "when": "51 min"},
]


def work(now: datetime) -> dict[str, object]:
    """By component."""
    return {
        "steps": _steps(),
        "lines": _lines(now),
        "queue": QUEUE,
        "under_way": UNDER_WAY,
        "changes": CHANGES,
        "findings": FINDINGS,
        "signers": SIGNERS,
        "events": _events(now),
        "expires": now + timedelta(days=1),
    }


def _steps() -> list[dict[str, object]]:
    names = (
        ("Check policy and quota", "done", 3, 3, ""),
        ("Wait for the environment lock", "done", 38, 5, "Waited for destroy pr-841 to free its namespace"),
        ("Plan", "done", 11, 14, ""),
        ("Apply", "run", 82, 105, "7 of 9 resources made"),
        ("Seed test data", "todo", None, 40, ""),
        ("Verify and hand over", "bad", 4, 18, "The probe answered 503 ten times"),
    )
    return [
        {
            "id": at,
            "name": n,
            "state": st,
            "seconds": s,
            "usual": u,
            "scale": 125,
            "late": n.startswith("Wait"),
            "why": why,
        }
        for at, (n, st, s, u, why) in enumerate(names)
    ]


def _lines(now: datetime) -> list[dict[str, object]]:
    texts = (
        ("Apply  sandbox driver 1.8.2, worker w-04", "", True),
        ("namespace/payments-pr-1851               created", "", False),
        ("DATABASE_URL=postgres://payments_pr_1851:●●●●●●●●@db-dev-2:5432/app", "", False),
        ("probe /healthz 503 from payments-api-7d9f-x2kql, try 1 of 10", "warn", False),
        ("probe /healthz 200 from payments-api-7d9f-x2kql, 41 ms", "ok", False),
    )
    lines: list[dict[str, object]] = [
        {"at": None if head else now, "text": t, "tone": tone, "head": head} for t, tone, head in texts
    ]
    return [*lines, {"at": now, "text": "ingress/payments-api-pr-1851             creating", "fresh": True}]


def _events(now: datetime) -> list[dict[str, object]]:
    return [
        {
            "tone": "warn",
            "text": "Drift found: memory limit 1Gi → 2Gi",
            "at": now - timedelta(hours=2),
            "who": "scan #2 118",
        },
        {
            "tone": "ok",
            "text": "Deployed 2026.11.4, verified in 1:12",
            "at": now - timedelta(days=1),
            "who": "Mara Lindqvist",
        },
        {
            "tone": "idle",
            "text": "Suspended by schedule, saved €9.10",
            "at": now - timedelta(days=3),
            "who": "",
        },
    ]
