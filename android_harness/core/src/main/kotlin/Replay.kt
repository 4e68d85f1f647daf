package org.pocketmatte.harness.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest

/**
 * Replays a trace freely and, where the recipe limits single steps, forced.
 *
 * @throws EngineException where a program gives up.
 */
fun parity(
    tensors: TraceTensors,
    steps: List<PreparedStep>,
    player: Player,
    heldTo: Limits,
    cancellation: Cancellation
): Parity {
    val trace = tensors.trace
    val programs = trace.programs.associateBy { it.name }
    val comparisons = trace.programs.associate { program ->
        program.name to program.outputs.map { Comparison(it, trace.featureRange) }
    }
    val digest = MessageDigest.getInstance("SHA-256")
    player.reset()
    for (prepared in steps) {
        cancellation.check()
        val name = prepared.step.program
        val outputs = programs.getValue(name).outputs
        val expected = tensors.expected(prepared.step)
        val given = player.free(prepared).outputs
        outputs.forEachIndexed { index, output ->
            val by = output.shownBy
            val matte = if (by == null) null else expected[outputs.indexOfFirst { it.name == by }]
            comparisons.getValue(name)[index].free(given[index], expected[index], matte)
            digest.update(bytesOf(given[index]))
        }
    }
    if (heldTo.maxAbs != null) {
        player.reset()
        for (prepared in steps) {
            cancellation.check()
            val expected = tensors.expected(prepared.step)
            val given = player.forced(prepared, expected).outputs
            val compared = comparisons.getValue(prepared.step.program)
            for (index in given.indices) compared[index].forced(given[index], expected[index])
        }
    }
    val judged = trace.programs.flatMap { program ->
        program.outputs.mapIndexed { index, output ->
            judged(program.name, output, comparisons.getValue(program.name)[index], heldTo)
        }
    }
    return Parity(trace.frames, judged, hexadecimal(digest), judged.all { it.faults.isEmpty() })
}

private fun judged(
    program: String,
    output: TraceOutput,
    comparison: Comparison,
    heldTo: Limits
): OutputFigures {
    val found = comparison.figures()
    return OutputFigures(
        program = program,
        name = output.name,
        calls = found.calls,
        finite = found.finite,
        psnrDb = found.psnrDb,
        freeMaxAbs = found.freeMaxAbs,
        maxAbs = found.maxAbs,
        mad = found.mad,
        flipped = found.flipped,
        faults = faults(output, found, heldTo)
    )
}

private fun bytesOf(values: FloatArray): ByteArray {
    val bytes = ByteBuffer.allocate(values.size * FLOAT_BYTES).order(ByteOrder.LITTLE_ENDIAN)
    bytes.asFloatBuffer().put(values)
    return bytes.array()
}
