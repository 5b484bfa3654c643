"""A device that is not there: every run is a prediction, told as JSON like any runner's output."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from qbench import __version__, modelfile
from qbench.errors import InputError, RunnerError
from qbench.formats import failure_of
from qbench.records import (
    Case,
    DeviceInfo,
    DeviceProfile,
    DeviceState,
    ModelInfo,
    Origin,
    OutputFormat,
    RawOutput,
)
from qbench.simulator.oracle import Oracle

TOOL = f"qbench simulator {__version__}"


class SimulatorBackend:
    """Backend for Origin.SIMULATED. Reads a model once, predicts the same from it every time.

    Raises ProfileError when the profile's anchors cannot be read.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        self._oracle = Oracle(profile)
        self._models: dict[str, ModelInfo] = {}

    @property
    def origin(self) -> Origin:
        return Origin.SIMULATED

    def describe(self) -> DeviceInfo:
        profile = self._oracle.profile
        return DeviceInfo(
            name=profile.name,
            title=profile.title,
            origin=Origin.SIMULATED,
            os=f"Android {profile.android.release}" if profile.android else None,
            cpu=profile.soc,
            cores=sum(len(cluster.cores) for cluster in profile.cpu.clusters),
            runtime=TOOL,
            profile=profile.name,
        )

    def settle(self) -> DeviceState:
        """A device that is not there has no state."""
        return DeviceState()

    def state(self) -> DeviceState:
        return DeviceState()

    def run(self, case: Case) -> RawOutput:
        """The prediction as JSON. A model, delegate or profile that does not work is an error in
        the RawOutput; raises nothing."""
        try:
            stdout = self._predict(case)
        except (InputError, RunnerError) as error:
            return RawOutput(
                OutputFormat.SIMULATION, self.origin, "", "", None, TOOL, error=failure_of(error)
            )
        return RawOutput(OutputFormat.SIMULATION, self.origin, stdout, "", 0, TOOL)

    def _predict(self, case: Case) -> str:
        model = self._models.get(case.model_path)
        if model is None:
            model = self._models[case.model_path] = modelfile.read(Path(case.model_path))
        told = self._oracle.foresee(model, case.delegate, case.threads, xnnpack=case.xnnpack)
        return msgspec.json.encode(told.prediction).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._models.clear()
