"""What a session will do: protocols, plan files, and their expansion into cases and runs."""

from qbench.plan.budgets import read_budgets
from qbench.plan.expansion import (
    PlanModel,
    Target,
    estimate_run_s,
    estimate_s,
    expand,
    in_turn,
    restrict,
)
from qbench.plan.naming import model_name
from qbench.plan.protocols import PROTOCOLS, Protocol, protocol
from qbench.plan.spec import SCHEMA_VERSION, PlanSpec, json_schema, load

__all__ = [
    "PROTOCOLS",
    "SCHEMA_VERSION",
    "PlanModel",
    "PlanSpec",
    "Protocol",
    "Target",
    "estimate_run_s",
    "estimate_s",
    "expand",
    "in_turn",
    "json_schema",
    "load",
    "model_name",
    "protocol",
    "read_budgets",
    "restrict",
]
