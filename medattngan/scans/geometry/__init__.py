"""Where a slice lies in the patient, and which way up it is drawn."""
