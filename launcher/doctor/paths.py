"""The files of a probe, in a folder of its own. Both the launcher and the node's Python know them by name."""

QUESTION = "question"
"""A secret word of the launcher's."""
ANSWER = "answer.json"
"""What the node says; with the word, so both see one file system."""
LOG = "job.log"
