package org.pocketmatte.harness.ort

import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import java.io.File
import java.nio.FloatBuffer
import java.nio.ShortBuffer
import org.pocketmatte.harness.core.Artifact
import org.pocketmatte.harness.core.Engine
import org.pocketmatte.harness.core.EngineException
import org.pocketmatte.harness.core.FileTensor
import org.pocketmatte.harness.core.LoadedProgram
import org.pocketmatte.harness.core.fromHalves
import org.pocketmatte.harness.core.toHalves

/** ONNX Runtime on its CPU provider, which runs every operator itself: nothing falls back. */
class OrtEngine(private val threads: Int, override val runtimeVersion: String?) : Engine {
    override val runtime = "onnxruntime"

    override fun load(file: File, artifact: Artifact): LoadedProgram {
        val environment = OrtEnvironment.getEnvironment()
        val options = OrtSession.SessionOptions()
        try {
            options.setIntraOpNumThreads(threads)
            options.setInterOpNumThreads(1)
            val session = environment.createSession(file.path, options)
            return OrtProgram(environment, session, artifact)
        } finally {
            options.close()
        }
    }
}

private class OrtProgram(
    private val environment: OrtEnvironment,
    private val session: OrtSession,
    private val artifact: Artifact
) : LoadedProgram {
    override val delegate: String? = "cpu"

    override fun call(inputs: List<FloatArray>): List<FloatArray> {
        val given = LinkedHashMap<String, OnnxTensor>()
        try {
            artifact.inputs.forEachIndexed { index, tensor ->
                given[tensor.name] = laid(tensor, inputs[index])
            }
            val result = session.run(given)
            try {
                return artifact.outputs.map { taken(it, result) }
            } finally {
                result.close()
            }
        } finally {
            given.values.forEach { it.close() }
        }
    }

    private fun laid(tensor: FileTensor, values: FloatArray): OnnxTensor {
        val shape = LongArray(tensor.shape.size) { tensor.shape[it].toLong() }
        if (tensor.half) {
            val halves = ShortBuffer.wrap(toHalves(values))
            return OnnxTensor.createTensor(environment, halves, shape, OnnxJavaType.FLOAT16)
        }
        return OnnxTensor.createTensor(environment, FloatBuffer.wrap(values), shape)
    }

    private fun taken(tensor: FileTensor, result: OrtSession.Result): FloatArray {
        val value = result.get(tensor.name).orElse(null) as? OnnxTensor
            ?: throw EngineException("${artifact.path} gives no ${tensor.name}; build it again")
        if (tensor.half) {
            val buffer = value.shortBuffer
            val halves = ShortArray(buffer.remaining())
            buffer.get(halves)
            return fromHalves(halves)
        }
        val buffer = value.floatBuffer
        val values = FloatArray(buffer.remaining())
        buffer.get(values)
        return values
    }

    override fun close() {
        session.close()
    }
}
