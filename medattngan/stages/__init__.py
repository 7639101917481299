"""The verbs: each reads one kind of folder and writes the next; STAGE/STAGE.py is the verb."""
