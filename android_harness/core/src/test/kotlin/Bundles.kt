package org.pocketmatte.harness.core

import java.io.File

/** A bundle of the vectors' trace, whose files hold nothing but their names. */
class TestBundle(val root: File) {
    private val trace = Trace.read(TRACE)
    val subject = Choosing(trace.network, trace.tier, "executorch", "fp32")
    val traceFolder = File(root, "traces/${trace.network}/${trace.tier}")
    val manifestFile = File(root, "manifest.json")

    init {
        TRACE.copyRecursively(traceFolder)
        for (program in trace.programs) {
            file(program.name).parentFile.mkdirs()
            file(program.name).writeText(program.name)
        }
        manifestFile.writeText(manifest())
    }

    /** The file of a program. */
    fun file(program: String) = File(root, path(program))

    /** Changes the text of a file; the old text must be there. */
    fun edit(file: File, old: String, new: String) {
        val text = file.readText()
        check(old in text) { "$file does not hold $old" }
        file.writeText(text.replace(old, new))
    }

    /** Changes `trace.json`. */
    fun editTrace(old: String, new: String) = edit(Trace.file(traceFolder), old, new)

    private fun path(program: String) = "${trace.network}/${trace.tier}/$program-fp32.pte"

    private fun manifest(): String {
        val artifacts = trace.programs.joinToString(",\n") { artifact(it) }
        return """{"schema_version": 1, "pocketmatte": "0", "weights": [], "packages": [],
            "artifacts": [$artifacts]}"""
    }

    private fun artifact(program: TraceProgram): String {
        val inputs = program.inputs.joinToString { tensor(it.name, it.shape) }
        val outputs = program.outputs.joinToString { tensor(it.name, it.shape) }
        val states = program.states.joinToString {
            """{"input": "${it.input}", "output": "${it.output}", "reset": ${it.reset}}"""
        }
        return """{"path": "${path(program.name)}", "network": "${trace.network}",
            "tier": "${trace.tier}", "program": "${program.name}", "format": "executorch",
            "recipe": "fp32", "sha256": "${sha256Of(file(program.name))}",
            "size_bytes": ${file(program.name).length()},
            "frame": {"output_hw": [2, 2], "working_hw": [2, 2], "orientation": "landscape",
                "colour_order": "RGB", "low": 0.0, "high": 1.0},
            "inputs": [$inputs], "outputs": [$outputs], "states": [$states],
            "weights_digest": "${trace.weightsDigest}", "tools": {"executorch": "1"},
            "notes": {"any": [1, null]}, "build_key": "${"0".repeat(64)}"}"""
    }

    private fun tensor(name: String, shape: List<Int>) =
        """{"name": "$name", "shape": $shape, "dtype": "float32", "low": 0.0, "high": null,
            "meaning": "any"}"""
}
