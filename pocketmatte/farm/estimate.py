"""What jobs are expected to take: for their order, the time left, and the memory they share.

Seconds are of one core of the machine that they were fitted on, and count against one another only.
"""

import functools

from export.recipe import recipe as recipe_of
from pocketmatte.farm.jobs import CaptureJob, Job, RecordJob
from tiers.spec import TierSpec

# Fitted on what `build` wrote to results/build.json: benchmarks/build_time.py prints both.
_CAPTURE_S = 1.0
_FORMAT_S = {"onnx": 1.5, "executorch": 4.5, "coreml": 1.5, "coreai": 6.0}
_OTHER_FORMAT_S = 5.0  # the other forms of Core ML files
_EIGHT_BIT_TIMES = 2.0  # a rounded graph has more than twice the nodes
_SEARCH_S, _SEARCH_S_PER_GMAC = 10.0, 15.0  # of both recipes
_SEARCH_BYTES_PER_PIXEL = 1700  # frames, true mattes and outputs of all calibration scenes
_BASE_BYTES = 850 << 20  # a process that holds PyTorch and the converters
_TIMES_PARAMETERS = 40  # bytes a parameter: copies in the graph, in passes and in what is written
_TIMES_ACTIVATIONS = 4  # of the peak that ``tiers.cost`` counts


def expected_seconds(job: Job) -> float:
    """Return what a job is expected to take."""
    if isinstance(job, RecordJob):
        return _SEARCH_S + _SEARCH_S_PER_GMAC * _gmacs(job.spec)
    return _CAPTURE_S + sum(_format_seconds(job, form) for form in job.formats)


def _format_seconds(job: CaptureJob, form: str) -> float:
    times = 1.0 if recipe_of(job.recipe).floating else _EIGHT_BIT_TIMES
    return times * _FORMAT_S.get(form, _OTHER_FORMAT_S)


def expected_bytes(job: Job) -> int:
    """Return the memory that a job is expected to need."""
    from tiers.cost import cost

    found = cost(job.spec)
    own = _TIMES_PARAMETERS * found.params + _TIMES_ACTIVATIONS * found.peak_activation_bytes
    if isinstance(job, RecordJob):
        height, width = job.spec.output_hw
        own += _SEARCH_BYTES_PER_PIXEL * height * width
    return _BASE_BYTES + own


@functools.cache
def _gmacs(spec: TierSpec) -> float:
    from tiers.cost import cost

    return cost(spec).gmacs
