"""Was a patient copied? Every synthetic slice against every training slice, judged by real patients held out."""
