package org.pocketmatte.harness.core

private const val FRAME = "frame"
private const val FOREGROUND = "foreground"
private const val ALPHA = "alpha"

/** What a frame was parted into: `(1, 3, H, W)` straight colours and a `(1, 1, H, W)` matte. */
class Matted(val foreground: FloatArray, val alpha: FloatArray)

/**
 * Mattes frame after frame with a network of one program, whose states it feeds back.
 *
 * Networks of several programs need to be told which runs when; this is for the simple ones.
 */
class LiveMatte(private val artifact: Artifact, private val loaded: LoadedProgram) {
    private val states = HashMap<String, FloatArray>()

    init {
        val carried = artifact.states.map { it.input }
        val others = artifact.inputs.map { it.name }.filter { it != FRAME && it !in carried }
        val outputs = artifact.outputs.map { it.name }
        if (others.isNotEmpty() || FOREGROUND !in outputs || ALPHA !in outputs) {
            throw UsageException(
                "${artifact.path} takes ${others.joinToString(", ")} and gives " +
                    "${outputs.joinToString(", ")}; a live matte takes $FRAME and states alone " +
                    "and gives $FOREGROUND and $ALPHA: choose rvm"
            )
        }
        reset()
    }

    /** Forgets every frame before: a cut, or another camera. */
    fun reset() {
        for (pair in artifact.states) {
            val shape = artifact.inputs.first { it.name == pair.input }.shape
            states[pair.input] = FloatArray(elements(shape)) { pair.reset }
        }
    }

    /** Mattes a `(1, 3, H, W)` frame in 0..1, the next of its video. */
    fun matte(frame: FloatArray): Matted {
        val inputs = artifact.inputs.map {
            if (it.name == FRAME) frame else states.getValue(it.name)
        }
        val given = foreign("${artifact.program} gave up") { loaded.call(inputs) }
        val outputs = artifact.outputs.mapIndexed { index, it -> it.name to given[index] }.toMap()
        for (pair in artifact.states) states[pair.input] = outputs.getValue(pair.output)
        return Matted(outputs.getValue(FOREGROUND), outputs.getValue(ALPHA))
    }
}
