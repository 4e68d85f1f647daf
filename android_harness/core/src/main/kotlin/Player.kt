package org.pocketmatte.harness.core

/** One program of the trace, loaded. */
class Wired(val program: TraceProgram, val loaded: LoadedProgram)

/** What one call gave, in the order of the trace, and what the call itself took. */
class Played(val outputs: List<FloatArray>, val nanos: Long)

/** Plays the steps of a trace on a board of named tensors. */
class Player(wired: List<Wired>, private val clock: Clock) {
    private val wired = wired.associateBy { it.program.name }
    private val board = HashMap<String, FloatArray>()

    /** What the first call of each program took, in nanoseconds. */
    val firstNanos = HashMap<String, Long>()

    /** Lays every state input of every program down at its reset value. */
    fun reset() {
        board.clear()
        for (each in wired.values) {
            for (pair in each.program.states) {
                val shape = each.program.inputs.first { it.name == pair.input }.shape
                board[pair.input] = FloatArray(elements(shape)) { pair.reset }
            }
        }
    }

    /** Lays down what a step is given, runs its program, and lays down what that gives. */
    fun free(prepared: PreparedStep): Played {
        val played = call(prepared)
        lay(prepared.step, played.outputs)
        return played
    }

    /** Likewise, but lays [expected] down in place of what the program gives. */
    fun forced(prepared: PreparedStep, expected: List<FloatArray>): Played {
        val played = call(prepared)
        lay(prepared.step, expected)
        return played
    }

    private fun call(prepared: PreparedStep): Played {
        val each = wired.getValue(prepared.step.program)
        for ((name, values) in prepared.given) board[name] = values
        val inputs = each.program.inputs.map { input ->
            board[input.name] ?: throw EngineException(
                "${each.program.name} needs ${input.name}, which no step gave; " +
                    "record the trace again"
            )
        }
        val began = clock.nanos()
        val outputs = foreign("${each.program.name} gave up") { each.loaded.call(inputs) }
        val nanos = clock.nanos() - began
        if (each.program.name !in firstNanos) firstNanos[each.program.name] = nanos
        val wanted = each.program.outputs.map { elements(it.shape) }
        if (outputs.map { it.size } != wanted) {
            throw EngineException(
                "${each.program.name} gives ${outputs.map { it.size }} values, " +
                    "the trace has $wanted; build the bundle again"
            )
        }
        return Played(outputs, nanos)
    }

    private fun lay(step: Step, outputs: List<FloatArray>) {
        val program = wired.getValue(step.program).program
        program.outputs.forEachIndexed { index, output -> board[output.name] = outputs[index] }
        for (pair in program.states) board[pair.input] = board.getValue(pair.output)
    }
}
