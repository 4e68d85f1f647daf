package org.pocketmatte.harness.core

import java.io.File
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel

private const val LEVELS = 255f

/** What one step is given, decoded, with the names it is laid down by. */
class PreparedStep(val step: Step, val given: List<Pair<String, FloatArray>>)

/**
 * The numbers of a trace.
 *
 * The file is mapped, so that the expected tensors, by far the most of it, are never all in memory.
 */
class TraceTensors private constructor(val trace: Trace, private val bytes: ByteBuffer) {
    private val sizes = trace.programs.flatMap { program ->
        program.inputs.map { Pair(Pair(program.name, it.name), elements(it.shape)) } +
            program.outputs.map { Pair(Pair(program.name, it.name), elements(it.shape)) }
    }.toMap()

    init {
        for (step in trace.steps) {
            (step.given + step.expected).forEach { within(step.program, it) }
        }
    }

    /** Returns all steps with what they are given; equal tensors are one array. */
    fun prepared(): List<PreparedStep> {
        val decoded = HashMap<Triple<Long, Boolean, Int>, FloatArray>()
        return trace.steps.map { step ->
            PreparedStep(
                step,
                step.given.map { stored ->
                    val size = size(step.program, stored)
                    val key = Triple(stored.offset, stored.bytes, size)
                    stored.name to decoded.getOrPut(key) { decode(stored, size) }
                }
            )
        }
    }

    /** Returns what a step should give, in the order of its program's outputs. */
    fun expected(step: Step): List<FloatArray> =
        step.expected.map { decode(it, size(step.program, it)) }

    private fun size(program: String, stored: Stored): Int =
        sizes.getValue(Pair(program, stored.name))

    private fun within(program: String, stored: Stored) {
        val sizeBytes = size(program, stored).toLong() * (if (stored.bytes) 1 else FLOAT_BYTES)
        if (stored.offset > trace.dataBytes - sizeBytes) {
            throw BundleException(
                "${stored.name} of $program lies at ${stored.offset}, beyond the end of " +
                    "${trace.dataBytes} bytes; record the trace again"
            )
        }
    }

    private fun decode(stored: Stored, size: Int): FloatArray {
        val from = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        from.position(stored.offset.toInt())
        val values = FloatArray(size)
        if (stored.bytes) {
            for (index in values.indices) values[index] = (from.get().toInt() and 0xff) / LEVELS
        } else {
            from.asFloatBuffer().get(values)
        }
        return values
    }

    companion object {
        /** Checks size and sha256 of the numbers in [folder], and maps them. */
        fun open(folder: File, trace: Trace): TraceTensors {
            val file = Trace.data(folder)
            val wrong = damage(file, trace.dataBytes, trace.dataSha256)
            if (wrong != null) throw BundleException(wrong)
            if (trace.dataBytes > Int.MAX_VALUE) {
                throw BundleException("$file is over 2 GiB; record a trace of fewer frames")
            }
            val mapped = RandomAccessFile(file, "r").use { opened ->
                opened.channel.map(FileChannel.MapMode.READ_ONLY, 0, trace.dataBytes)
            }
            return TraceTensors(trace, mapped)
        }
    }
}

/** Returns the number of values of a tensor. */
fun elements(shape: List<Int>): Int = shape.fold(1) { product, size -> product * size }
