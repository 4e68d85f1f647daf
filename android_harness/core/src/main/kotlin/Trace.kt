package org.pocketmatte.harness.core

import java.io.File

private const val FILE_NAME = "trace.json"
private const val DATA_NAME = "tensors.bin"
private const val MEND = "record the trace again with the release of this harness"

/** A tensor in `tensors.bin`; `bytes` where a value is a byte divided by 255. */
data class Stored(val name: String, val bytes: Boolean, val offset: Long)

/** A tensor that a program takes. */
data class TraceInput(val name: String, val shape: List<Int>)

/**
 * A tensor that a program gives, and what a replay of it is held to.
 *
 * @property relative differences are divided by the largest magnitude of the reference.
 * @property seen people see it: `psnrDb` holds, otherwise `othersPsnrDb`.
 * @property shownBy the matte that its error is multiplied by before its PSNR is taken.
 * @property judged `matte`, `mask` or `null`.
 */
data class TraceOutput(
    val name: String,
    val shape: List<Int>,
    val relative: Boolean,
    val seen: Boolean,
    val shownBy: String?,
    val judged: String?
)

/** A program: inputs and outputs in the order of the exported function, and its states. */
data class TraceProgram(
    val name: String,
    val inputs: List<TraceInput>,
    val outputs: List<TraceOutput>,
    val states: List<StatePair>
)

/** What files of one recipe are held to; `null` where a recipe sets nothing. */
data class Limits(
    val psnrDb: Double,
    val othersPsnrDb: Double,
    val maxAbs: Double?,
    val matteMad: Double?,
    val maskFlipped: Double?
)

/** One call of one program: what is laid down before it, and what it should give. */
data class Step(
    val frame: Int,
    val program: String,
    val given: List<Stored>,
    val expected: List<Stored>
)

/** What PyTorch was given and gave, frame after frame. */
class Trace(
    val network: String,
    val tier: String,
    val orientation: String,
    val weightsDigest: String,
    val frames: Int,
    val featureRange: Double,
    val programs: List<TraceProgram>,
    val limits: Map<String, Limits>,
    val steps: List<Step>,
    val dataSha256: String,
    val dataBytes: Long
) {
    companion object {
        /** The folder of a tier's trace in a bundle, from its root. */
        fun path(network: String, tier: String, orientation: String): String {
            val held = if (orientation == "portrait") "-portrait" else ""
            return "traces/$network/$tier$held"
        }

        /** The file that describes the trace in [folder]. */
        fun file(folder: File) = File(folder, FILE_NAME)

        /** The file of the numbers of the trace in [folder]. */
        fun data(folder: File) = File(folder, DATA_NAME)

        /** Reads `trace.json` and checks that it holds together. */
        fun read(folder: File): Trace {
            val trace = Fields.ofFile(file(folder), "trace", MEND, ::trace)
            val wrong = loose(trace)
            if (wrong != null) {
                throw BundleException("${file(folder)} does not hold together: $wrong; $MEND")
            }
            return trace
        }
    }
}

private fun trace(fields: Fields): Trace {
    schemaVersion(fields, 1)
    val (sha256, sizeBytes) = fields.member("data") {
        it.oneOf("path", DATA_NAME)
        Pair(it.sha256("sha256"), it.notNegative("size_bytes"))
    }
    return Trace(
        network = fields.text("network"),
        tier = fields.text("tier"),
        orientation = fields.oneOf("orientation", "landscape", "portrait"),
        weightsDigest = fields.sha256("weights_digest"),
        frames = fields.notNegative("frames").toInt(),
        featureRange = fields.number("feature_range"),
        programs = fields.list("programs", ::program),
        limits = fields.map("limits", ::limits),
        steps = fields.list("steps", ::step),
        dataSha256 = sha256,
        dataBytes = sizeBytes
    )
}

private fun program(fields: Fields) = TraceProgram(
    name = fields.text("name"),
    inputs = fields.list("inputs") { TraceInput(it.text("name"), it.shape("shape")) },
    outputs = fields.list("outputs", ::traceOutput),
    states = fields.list("states", ::statePair)
)

internal fun traceOutput(fields: Fields) = TraceOutput(
    name = fields.text("name"),
    shape = fields.shape("shape"),
    relative = fields.flag("relative"),
    seen = fields.flag("seen"),
    shownBy = fields.textOrNull("shown_by"),
    judged = fields.textOrNull("judged")
)

internal fun limits(fields: Fields) = Limits(
    psnrDb = fields.number("psnr_db"),
    othersPsnrDb = fields.number("others_psnr_db"),
    maxAbs = fields.numberOrNull("max_abs"),
    matteMad = fields.numberOrNull("matte_mad"),
    maskFlipped = fields.numberOrNull("mask_flipped")
)

private fun step(fields: Fields) = Step(
    frame = fields.notNegative("frame").toInt(),
    program = fields.text("program"),
    given = fields.list("given", ::stored),
    expected = fields.list("expected", ::stored)
)

private fun stored(fields: Fields) = Stored(
    name = fields.text("name"),
    bytes = fields.oneOf("dtype", "float32", "uint8") == "uint8",
    offset = fields.notNegative("offset")
)

/** Returns the first thing that a step or a program names and the trace has not. */
private fun loose(trace: Trace): String? {
    val programs = trace.programs.associateBy { it.name }
    for (program in trace.programs) {
        val wrong = looseNames(program)
        if (wrong != null) return wrong
    }
    trace.steps.forEachIndexed { number, step ->
        val program = programs[step.program] ?: return "step $number runs ${step.program}"
        val inputs = program.inputs.map { it.name }
        val unknown = step.given.firstOrNull { it.name !in inputs }
        if (unknown != null) return "step $number gives ${unknown.name}"
        val expected = step.expected.map { it.name }
        if (expected != program.outputs.map { it.name }) return "step $number expects $expected"
    }
    val frames = trace.steps.map { it.frame }
    if (frames != frames.sorted() || frames.distinct() != (0 until trace.frames).toList()) {
        return "its ${frames.size} steps are not of the frames 0 to ${trace.frames - 1} in order"
    }
    return null
}

private fun looseNames(program: TraceProgram): String? {
    val inputs = program.inputs.associate { it.name to it.shape }
    val outputs = program.outputs.associate { it.name to it.shape }
    for (pair in program.states) {
        val shape = inputs[pair.input]
        if (shape == null || shape != outputs[pair.output]) {
            return "${program.name} carries ${pair.output} to ${pair.input}, of another shape"
        }
    }
    for (output in program.outputs) {
        val matte = outputs[output.shownBy ?: continue]
        if (matte == null || !spreads(matte, output.shape)) {
            return "${output.name} of ${program.name} is shown by ${output.shownBy}"
        }
    }
    return null
}

/** Says whether a matte covers an output: alike, or one plane for all of the output's. */
private fun spreads(matte: List<Int>, output: List<Int>): Boolean {
    val onePlane = matte.dropLast(2).all { it == 1 }
    return matte == output ||
        matte.size == output.size && onePlane && matte.takeLast(2) == output.takeLast(2)
}
