"""Who says what of the Neural Engine.

Apple documents little of it. ``reverse-engineered`` sources are detailed but unofficial: their
limits were measured on some chips and predicted for others.
"""

from pocketmatte.lint.finding import Source

_GUIDE = "https://apple.github.io/coremltools/docs-guides/source/"
_ANE_GUIDE = "https://github.com/sbryngelson/ane-guide/blob/main/"


def _guide(title: str, page: str) -> Source:
    return Source(kind="Apple", title=f"Core ML Tools guide: {title}", url=f"{_GUIDE}{page}.html")


def _thread(repository: str, number: int) -> Source:
    name = repository.partition("/")[2]
    url = f"https://github.com/{repository}/issues/{number}"
    return Source(kind="report", title=f"{name} #{number}", url=url)


def _measured(title: str, page: str) -> Source:
    url = f"{_ANE_GUIDE}{page}.md"
    return Source(kind="reverse-engineered", title=f"ane-guide {title}", url=url)


TYPED_EXECUTION = _guide("typed execution", "typed-execution")
FLEXIBLE_INPUTS = _guide("flexible inputs", "flexible-inputs")
QUESTIONS = _guide("questions", "faqs")
IMAGES = _guide("images", "image-inputs")
COMPRESSION = _guide("compression", "opt-overview")
COMPRESSION_NEWS = _guide("compression by version", "opt-whats-new")
ENGINE_RULES = Source(
    kind="Apple",
    title="Apple coreai-models: Neural Engine rules",
    url="https://github.com/apple/coreai-models",
)
TRANSFORMERS = Source(
    kind="Apple",
    title="Apple: transformers on the Neural Engine",
    url="https://machinelearning.apple.com/research/neural-engine-transformers",
)
HALF_INTERFACE = Source(
    kind="Apple",
    title="Apple: WWDC22 10027",
    url="https://developer.apple.com/videos/play/wwdc2022/10027/",
)
RANGE_SHAPES = Source(
    kind="Apple",
    title="Apple engineer, forum 724930",
    url="https://developer.apple.com/forums/thread/724930",
)
HALF_LOGARITHMS = Source(
    kind="report",
    title="forum 831370",
    url="https://developer.apple.com/forums/thread/831370",
)
UNSUPPORTED_LAYERS = Source(
    kind="observation",
    title="hollance/neural-engine",
    url="https://github.com/hollance/neural-engine/blob/master/docs/unsupported-layers.md",
)
STATE_WIDTH = _thread("apple/coremltools", 2631)
STATE_VIEW = _thread("apple/coremltools", 2275)
STATE_TRANSPOSE = _thread("apple/coremltools", 2278)
STATE_PALETTES = _thread("apple/coremltools", 2716)
SCALED_PALETTES = _thread("apple/coremltools", 2688)
UNPALETTISED = _thread("apple/coremltools", 2777)
BLOCK_SCALES = _thread("apple/coreai-models", 279)
IMAGE_SCALE = _thread("apple/coremltools", 2213)
LAYER_NORM_SHAPES = _thread("apple/coremltools", 1909)
GATHER_ON_CPU = _thread("apple/coremltools", 1103)
SOFTPLUS = _thread("apple/coremltools", 2359)
RESAMPLE_PLACE = _thread("apple/coremltools", 1875)
ROW_STRIDES = _thread("microsoft/onnxruntime", 21416)
LANES = Source(
    kind="reverse-engineered",
    title="tinygrad extra/accel/ane",
    url="https://github.com/tinygrad/tinygrad",
)
OPERATIONS = _measured("appendix A", "appendices/a-op-device-matrix")
NUMERICS = _measured("chapter 3", "part-1-machine/03-numerics")
DESIGN = _measured("chapter 17", "part-5-practice/17-model-design-rules")
PITFALLS = _measured("chapter 19", "part-5-practice/19-pitfalls-and-limits")
