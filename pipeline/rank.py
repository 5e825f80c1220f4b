"""Ranking of metric shifts, entities and changes: pure, no I/O, usable on any CSV of metrics."""

from pipeline.ranking.changes import RankedChange, rank_changes
from pipeline.ranking.entities import RankedEntity, rank_entities
from pipeline.ranking.series_names import SeriesKind
from pipeline.ranking.shifts import Shift, rank_shifts

__all__ = ["RankedChange", "RankedEntity", "SeriesKind", "Shift", "rank_changes", "rank_entities", "rank_shifts"]
