"""What is known of a take, in words."""

from __future__ import annotations

import math

from textual.content import Content

from actionpose.template import Template
from actionpose.tui.listing import Row

__all__ = ["describe_take"]

_MUTED = "$foreground-muted"
_QUALITY = {"confidence": "confidence", "visible": "visible", "motion": "motion"}


def describe_take(row: Row, *, health_note: str = "") -> Content:
    """Return name, origin, quality and health of a take; `health_note` stands in for a health that is not known."""
    template = row.template
    lines = [
        Content.styled(template.label, "bold") + Content.styled(f"  take {template.id[:8]}", _MUTED),
        *(Content.styled(f"! Nearly the name of {other}: rename or merge one", "$text-warning") for other in row.alike),
        *_health(row, health_note),
        Content(""),
        Content(_timing(template)),
        *(Content.styled(text, _MUTED) for text in (_origin(template), _quality(template), _tags(row)) if text),
    ]
    return Content("\n").join(lines)


def _timing(template: Template) -> str:
    sequence = template.sequence
    kind = f"{sequence.skeleton.name} {sequence.n_dims}-D"
    return f"{sequence.duration:.2f} s · {len(sequence)} frames · {sequence.rate_hz:.0f} fps\n{kind}"


def _origin(template: Template) -> str:
    source = template.provenance.get("source", "")
    mirrored = "mirrored" if "mirror_of" in template.provenance else ""
    return " · ".join(filter(None, (f"{template.created.astimezone():%Y-%m-%d %H:%M}", source, mirrored)))


def _quality(template: Template) -> str:
    return " · ".join(
        f"{name} {template.quality[key]:.2f}"
        for key, name in _QUALITY.items()
        if math.isfinite(template.quality.get(key, math.nan))
    )


def _tags(row: Row) -> str:
    return f"tags {', '.join(row.tags)}" if row.tags else ""


def _health(row: Row, note: str) -> list[Content]:
    health = row.health
    if not row.template.enabled:
        return [Content("Off: kept, but not recognised by.")]
    if health is None:
        return [Content.styled(note, _MUTED)]
    ratios = [] if math.isnan(health.own_ratio) else [f"own takes {health.own_ratio:.2f}"]
    if health.nearest_label:
        ratios.append(f"{health.nearest_label} {health.nearest_ratio:.2f}")
    verdict = "Good." if math.isnan(health.own_ratio) or not health.is_exemplar else "Good: the most typical take."
    lines = [Content.styled(f"! {problem}", "$text-warning") for problem in health.problems] or [
        Content.styled(verdict, "$text-success")
    ]
    if ratios:
        lines.append(Content.styled(f"distance in thresholds: {', '.join(ratios)}", _MUTED))
    return lines
