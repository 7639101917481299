"""Was a patient copied? Every synthetic slice against every training slice, judged by real patients held out."""

from medattngan.audit.conduct import audit

__all__ = ["audit"]
