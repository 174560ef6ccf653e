"""What lists, quotas and charts show, and what needs a person."""

from datetime import datetime, timedelta
from typing import Final

from django.core.paginator import Paginator
from django.utils.html import format_html

QUOTAS: Final = [
    {"label": "vCPU", "used": 26, "pending": 2, "total": 40, "words": "28 of 40, 12 left"},
    {"label": "Memory, GiB", "used": 71, "pending": 4, "total": 96, "words": "75 of 96, 21 left"},
    {"label": "Preview environments", "used": 11, "total": 12, "tone": "warn"},
]
CHART: Final = {
    "kind": "columns",
    "values": [9, 17, 18, 16, 20, 19, 8, 7, 18, 20, 22, 21, 23, 10, 9, 21, 23, 22, 52, 24, 11, 9, 23, 24, 23, 22],
    "label": "Cost per day, least €7, most €52",
    "marked": 18,
    "later_from": 21,
    "left": "1 Nov",
    "middle": "19 Nov: €52, load test",
    "middle_tone": "warn",
    "right": "30 Nov",
}
BUDGET: Final = [96, 96, 95, 95, 94, 88, 80, 78, 77, 76, 74, 72, 71]
NEEDS: Final = [
    {
        "icon": "circle-x",
        "tone": "bad",
        "title": "checkout-web-pr-877 was not created",
        "text": format_html(
            'Step 4 Apply stopped: quota of 4 vCPU is full. <a href="{}">Reclaim 1.5 vCPU from pr-841</a>',
            "#",
        ),
        "actions": [{"label": "Open failing step", "url": "#"}],
    },
    {
        "icon": "hourglass-low",
        "tone": "warn",
        "title": "ledger-dev-mara is suspended in 5 h 12 min",
        "text": "Its 14-day lifetime ends today at 19:45. Data is kept 7 more days, then destroyed.",
        "actions": [
            {"label": "Let it go", "url": "#", "post": True},
            {"label": "Extend 7 days", "url": "#", "post": True},
        ],
    },
]


def lists(now: datetime) -> dict[str, object]:
    """By component."""
    return {
        "rows": _rows(now),
        "page": Paginator(range(41), 7).page(2),
        "changed": now - timedelta(minutes=26),
        "needs": NEEDS,
        "quotas": QUOTAS,
        "chart": CHART,
        "budget": BUDGET,
    }


def _rows(now: datetime) -> list[dict[str, object]]:
    rows = [
        ("payments-api-stage", "drifted", "stage", "2026.11.4", now + timedelta(days=3, hours=4), 412.6),
        ("payments-api-dev", "ready", "dev", "2026.11.5", None, 96.18),
        (
            "payments-api-pr-1851",
            "creating",
            "preview",
            "2026.11.6-rc1",
            now + timedelta(days=5, hours=23),
            0.31,
        ),
        ("ledger-dev-mara", "expiring", "dev", "2026.10.9", now + timedelta(hours=5, minutes=12), 61.77),
        ("fraud-score-lab", "suspended", "sandbox", "0.9.2", now + timedelta(days=11), 8.4),
        ("payments-api-prod", "ready", "prod", "2026.11.3", None, 1290.11),
        ("checkout-web-pr-877", "failed", "preview", "", None, 0),
    ]
    keys = ("name", "status", "tier", "release", "expires", "cost")
    return [dict(zip(keys, row, strict=True)) for row in rows]
