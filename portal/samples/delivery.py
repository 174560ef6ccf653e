"""How releases move: the stages of a pipeline and the gates between them."""

from typing import Final

PLAN: Final = "sha256:3f9a1c7be20d48f6a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abc91ac"
STAGES: Final = [
    {
        "tier": tier,
        "status": "ready",
        "release": release,
        "digest": PLAN,
        "facts": [
            {"label": "Checks", "value": "41 of 41"},
            {"label": "Drift", "value": drift, "tone": tone},
        ],
        "foot": "Since Sun 19:52, Mara L.",
    }
    for tier, release, drift, tone in (
        ("dev", "2026.11.5", "none", ""),
        ("stage", "2026.11.4", "1 finding", "warn"),
        ("prod", "2026.11.3", "none", ""),
    )
]
GATE_OPEN: Final = {
    "open": True,
    "verdict": "Can move: 2026.11.5",
    "conditions": [
        {"met": True, "text": "Verified in dev, 41 checks"},
        {"met": True, "text": "Soaked 2 h 10 min of 1 h"},
    ],
    "foot": "Would change 2 resources, usual 1:12.",
    "foot_url": "#",
    "foot_label": "See its plan",
}
GATE_SHUT: Final = {
    "open": False,
    "verdict": "2026.11.4 cannot move yet",
    "conditions": [
        {
            "met": False,
            "icon": "signature",
            "tone": "wait",
            "lead": "Signature 2 of 2 missing.",
            "text": "Waits for Tomasz Wieczorek, 51 min.",
            "url": "#",
            "label": "Remind",
        },
        {
            "met": False,
            "icon": "clock",
            "tone": "warn",
            "lead": "Soak 18 h 40 min of 24 h.",
            "text": "Passes by itself at 19:52.",
        },
        {"met": True, "text": "No freeze before Fri 27 Nov, 16:00"},
    ],
}


def delivery() -> dict[str, object]:
    """By component."""
    return {
        "stages": STAGES,
        "gate_open": GATE_OPEN,
        "gate_shut": GATE_SHUT,
    }
