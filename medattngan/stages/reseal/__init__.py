"""A folder that was changed on purpose → the same folder, whole again, with a record of the change."""
