package org.pocketmatte.harness.executorch

import java.io.File
import java.nio.FloatBuffer
import java.nio.ShortBuffer
import org.pocketmatte.harness.core.Artifact
import org.pocketmatte.harness.core.Engine
import org.pocketmatte.harness.core.FileTensor
import org.pocketmatte.harness.core.LoadedProgram
import org.pocketmatte.harness.core.elements
import org.pocketmatte.harness.core.fromHalves
import org.pocketmatte.harness.core.toHalves
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

private const val METHOD = "forward"

/** ExecuTorch; which delegates a program uses was decided when it was exported. */
class ExecuTorchEngine(private val threads: Int, override val runtimeVersion: String?) : Engine {
    override val runtime = "executorch"

    override fun load(file: File, artifact: Artifact): LoadedProgram {
        val module = Module.load(file.path, Module.LOAD_MODE_MMAP, threads)
        module.loadMethod(METHOD)
        return ExecuTorchProgram(module, artifact)
    }
}

/** An input whose buffer is laid down once: the runtime reads it anew at every call. */
private class ExecuTorchInput(tensor: FileTensor) {
    private val floats: FloatBuffer?
    private val halves: ShortBuffer?
    val value: EValue

    init {
        val shape = LongArray(tensor.shape.size) { tensor.shape[it].toLong() }
        if (tensor.half) {
            val buffer = Tensor.allocateHalfBuffer(elements(tensor.shape))
            floats = null
            halves = buffer
            value = EValue.from(Tensor.fromBlob(buffer, shape))
        } else {
            val buffer = Tensor.allocateFloatBuffer(elements(tensor.shape))
            floats = buffer
            halves = null
            value = EValue.from(Tensor.fromBlob(buffer, shape))
        }
    }

    fun lay(values: FloatArray) {
        floats?.apply { rewind() }?.put(values)
        halves?.apply { rewind() }?.put(toHalves(values))
    }
}

private class ExecuTorchProgram(
    private val module: Module,
    private val artifact: Artifact
) : LoadedProgram {
    private val inputs = artifact.inputs.map { ExecuTorchInput(it) }
    private val values = inputs.map { it.value }.toTypedArray()

    override val delegate: String? = named(module.getMethodMetadata(METHOD).backends.toList())

    override fun call(inputs: List<FloatArray>): List<FloatArray> {
        this.inputs.forEachIndexed { index, input -> input.lay(inputs[index]) }
        return module.forward(*values).mapIndexed { index, value ->
            val tensor = value.toTensor()
            if (artifact.outputs[index].half) fromHalves(tensor.dataAsShortArray)
            else tensor.dataAsFloatArray
        }
    }

    override fun close() {
        module.destroy()
    }

    /** The names of a request: `xnnpack` of `XnnpackBackend`, `portable` where there is none. */
    private fun named(backends: List<String>): String =
        if (backends.isEmpty()) "portable"
        else backends.distinct().joinToString(",") {
            if (it == "XnnpackBackend") "xnnpack" else it
        }
}
