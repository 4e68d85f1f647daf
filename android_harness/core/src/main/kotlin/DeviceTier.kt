package org.pocketmatte.harness.core

import java.io.File

private const val MEND = "run it again"

/** What one run ran, how, and what a choice looks at in its result. */
data class DeviceTier(
    val chosen: Choosing,
    val orientation: String,
    val delegate: String,
    val threads: Int,
    val measured: Measured
)

/**
 * What the results of this device say.
 *
 * @property tier `null` where no result will do.
 * @property ruledOut why each other run is out, by run.
 * @property unreadable one line for each file that is no result.
 */
data class Decision(
    val tier: DeviceTier?,
    val ruledOut: Map<String, String>,
    val unreadable: List<String>
)

/** Decides which tier of [network] this device runs, from the results in [folder]. */
fun decide(folder: File, network: String, budget: Budget): Decision {
    val read = ArrayList<DeviceTier>()
    val unreadable = ArrayList<String>()
    val files = (folder.listFiles() ?: emptyArray()).filter { it.name.endsWith(".json") }
    for (file in files.sortedBy { it.name }) {
        try {
            read.add(readTier(file))
        } catch (error: BundleException) {
            unreadable.add(error.message ?: file.name)
        }
    }
    val ours = read.filter { it.chosen.network == network }
    val choice = choose(ours.map { it.measured }, budget)
    val best = ours.firstOrNull { it.measured.runId == choice.runId }
    return Decision(best, choice.ruledOut, unreadable)
}

/** Reads what a decision looks at in a result. */
fun readTier(file: File): DeviceTier = Fields.ofFile(file, "result", MEND) { fields ->
    schemaVersion(fields, 1)
    fields.skip(
        "started_at", "tool", "device", "plan", "thermal", "battery", "parity",
        "instructions_per_frame", "errors"
    )
    val (subject, orientation) = fields.member("subject", ::subject)
    fields.member("execution") {
        it.skip("runtime", "runtime_version", "delegate_actual")
        DeviceTier(
            chosen = subject,
            orientation = orientation,
            delegate = it.text("delegate_requested"),
            threads = it.whole("threads").toInt(),
            measured = measured(fields, subject, it.text("process"))
        )
    }
}

private fun measured(fields: Fields, subject: Choosing, process: String): Measured {
    val frames = fields.list("latency", ::p95OfFrames)
    val sustained = fields.memberOrNull("sustained") {
        it.skip("frames_per_second", "seconds", "frames", "late", "last_quarter_p95_ms")
        it.member("ms", ::p95)
    }
    val peakBytes = fields.memberOrNull("memory") {
        it.skip("method")
        it.notNegative("peak_bytes")
    }
    val validity = fields.member("validity") { of ->
        listOf("physical_device", "latency_valid").associateWith { of.flag(it) } +
            listOf("min_runs_met", "min_seconds_met", "thermal_ok", "not_debuggable")
                .associateWith { of.flagOrNull(it) }
    }
    return Measured(
        runId = fields.text("run_id"),
        tier = subject.tier,
        format = subject.format,
        recipe = subject.recipe,
        status = fields.text("status"),
        process = process,
        physicalDevice = validity["physical_device"] == true,
        latencyValid = validity["latency_valid"] == true,
        flags = validity - listOf("physical_device", "latency_valid"),
        p95Ms = sustained ?: frames.firstOrNull { it != null },
        peakBytes = peakBytes
    )
}

private fun subject(fields: Fields): Pair<Choosing, String> {
    fields.skip("weights_digest", "files", "trace_sha256")
    val chosen = Choosing(
        fields.text("network"), fields.text("tier"), fields.text("format"), fields.text("recipe")
    )
    return Pair(chosen, fields.oneOf("orientation", "landscape", "portrait"))
}

private fun p95OfFrames(fields: Fields): Double? {
    fields.skip("load_ms", "first_ms", "samples_ns")
    val p95Ms = fields.member("ms", ::p95)
    return if (fields.text("what") == "frame") p95Ms else null
}

private fun p95(fields: Fields): Double {
    fields.skip("count", "mean", "min", "max", "stddev", "p50", "p90", "p99")
    return fields.number("p95")
}
