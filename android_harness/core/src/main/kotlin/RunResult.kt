package org.pocketmatte.harness.core

import com.google.gson.FieldNamingPolicy
import com.google.gson.GsonBuilder
import java.io.File

// The members of these classes are those of result.schema.json, in its order: Gson writes them by
// reflection, `sizeBytes` as `size_bytes`. An app that shrinks its code must keep their names.

/** The harness that wrote the result. */
data class Tool(val name: String, val version: String)

/** What it ran on, as the operating system says it. */
data class DeviceFacts(
    val platform: String,
    val manufacturer: String?,
    val model: String?,
    val soc: String?,
    val osVersion: String?,
    val apiLevel: Int?,
    val abi: String?,
    val cpu: String?,
    val cores: Int?,
    val ramBytes: Long?,
    val mediaPerformanceClass: Int?,
    val emulator: Boolean
)

/** One program's file, as the device had it. */
data class RunFile(val path: String, val program: String, val sha256: String, val sizeBytes: Long)

/** What was run; `traceSha256` is of `trace.json`. */
data class Subject(
    val network: String,
    val tier: String,
    val orientation: String,
    val format: String,
    val recipe: String,
    val weightsDigest: String,
    val files: List<RunFile>,
    val traceSha256: String
)

/** How it was run. */
data class Execution(
    val process: String,
    val runtime: String,
    val runtimeVersion: String?,
    val delegateRequested: String,
    val delegateActual: String?,
    val threads: Int
)

/** What was asked for; see the protocol's steps 5 and 6. */
data class Plan(
    val warmups: Int,
    val runs: Int,
    val seconds: Double,
    val limitSeconds: Double,
    val framesPerSecond: Double?,
    val sustainedSeconds: Double
)

/** Of one program, or of whole frames. */
data class Latency(
    val what: String,
    val loadMs: Double,
    val firstMs: Double,
    val samplesNs: List<Long>,
    val ms: Statistics
)

/** A run at the camera's rate. */
data class Sustained(
    val framesPerSecond: Double,
    val seconds: Double,
    val frames: Int,
    val late: Int,
    val ms: Statistics,
    val lastQuarterP95Ms: Double
)

/** The most memory that a pass of its own came to, and how it was read. */
data class PeakMemory(val peakBytes: Long, val method: String)

/** One reading of the thermal state, 0 none to 6 shutdown, `seconds` into the run. */
data class Heat(val seconds: Double, val status: Int?, val celsius: Double?)

/** One reading of the battery, `seconds` into the run. */
data class Battery(
    val seconds: Double,
    val percent: Double?,
    val charging: Boolean?,
    val lowPowerMode: Boolean?
)

/** How far an output lies from the trace. */
data class OutputFigures(
    val program: String,
    val name: String,
    val calls: Int,
    val finite: Boolean,
    val psnrDb: Double?,
    val freeMaxAbs: Double?,
    val maxAbs: Double?,
    val mad: Double?,
    val flipped: Double?,
    val faults: List<String>
)

/** The numeric verdict; `sha256` is of all outputs of free replay. */
data class Parity(
    val frames: Int,
    val outputs: List<OutputFigures>,
    val sha256: String,
    val passed: Boolean
)

/** What the latencies are worth; `null` where nobody could tell. */
data class Validity(
    val physicalDevice: Boolean,
    val latencyValid: Boolean,
    val minRunsMet: Boolean?,
    val minSecondsMet: Boolean?,
    val thermalOk: Boolean?,
    val notDebuggable: Boolean?
)

/** One run of one tier in one format and recipe on one device. */
data class RunResult(
    val schemaVersion: Int,
    val runId: String,
    val startedAt: String,
    val tool: Tool,
    val device: DeviceFacts,
    val subject: Subject,
    val execution: Execution,
    val plan: Plan,
    val latency: List<Latency>,
    val sustained: Sustained?,
    val memory: PeakMemory?,
    val thermal: List<Heat>,
    val battery: List<Battery>,
    val parity: Parity?,
    val instructionsPerFrame: Long?,
    val validity: Validity,
    val status: String,
    val errors: List<String>
)

/** Returns the file that a run's result is in. */
fun resultFile(folder: File, runId: String) = File(folder, "$runId.json")

/** Writes a result whole or not at all, and returns its file. */
fun writeResult(folder: File, result: RunResult): File {
    val gson = GsonBuilder()
        .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
        .serializeNulls()
        .setPrettyPrinting()
        .disableHtmlEscaping()
        .create()
    val file = resultFile(folder, result.runId)
    writeWhole(file, gson.toJson(result) + "\n")
    return file
}
