"""Statistics of a blinded reader study: can readers tell, do they agree, and what does the study rule out?"""

from __future__ import annotations

from medattngan.review.statistics.plan import StudyPlan, plan_study
from medattngan.review.statistics.report import load_statistics, report_statistics

__all__ = ["StudyPlan", "load_statistics", "plan_study", "report_statistics"]
