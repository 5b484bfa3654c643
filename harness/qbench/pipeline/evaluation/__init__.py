"""Labelled images through models: answers, and grades with intervals."""

from qbench.pipeline.evaluation.answering import answers, examine, get_ready, in_order
from qbench.pipeline.evaluation.grading import grade
from qbench.pipeline.evaluation.records import Answer, Grade, Subject

__all__ = ["Answer", "Grade", "Subject", "answers", "examine", "get_ready", "grade", "in_order"]
