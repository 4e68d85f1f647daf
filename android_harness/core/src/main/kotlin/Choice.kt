package org.pocketmatte.harness.core

private val FLAGS = listOf("min_runs_met", "min_seconds_met", "thermal_ok", "not_debuggable")

/**
 * What a choice looks at in a result.
 *
 * @property flags its other validity flags by name; `null` where nobody could tell.
 * @property p95Ms of whole frames, of the sustained run where there was one.
 */
data class Measured(
    val runId: String,
    val tier: String,
    val format: String,
    val recipe: String,
    val status: String,
    val process: String,
    val physicalDevice: Boolean,
    val latencyValid: Boolean,
    val flags: Map<String, Boolean?>,
    val p95Ms: Double?,
    val peakBytes: Long?
)

/** What a frame may cost, and whose results count. */
data class Budget(val frameMs: Double, val peakBytes: Long?, val process: String)

/** The run whose tier, format and recipe to take, and why each that is out is out. */
data class Choice(val runId: String?, val ruledOut: Map<String, String>)

/** Takes the highest tier that keeps the budget, of several results of it the fastest. */
fun choose(results: List<Measured>, budget: Budget): Choice {
    val fitting = ArrayList<Measured>()
    val ruledOut = LinkedHashMap<String, String>()
    for (result in results) {
        val reason = reason(result, budget)
        if (reason == null) fitting.add(result) else ruledOut[result.runId] = reason
    }
    val best = fitting.sortedWith(
        compareByDescending<Measured> { it.tier }
            .thenBy { it.p95Ms }
            .thenBy { it.format }
            .thenBy { it.recipe }
            .thenBy { it.runId }
    ).firstOrNull()
    return Choice(best?.runId, ruledOut)
}

/** Returns the first reason why a result cannot be chosen. */
private fun reason(result: Measured, budget: Budget): String? {
    if (result.status != "ok" && result.status != "fallback") return "status"
    if (result.process != budget.process) return "process"
    if (!result.physicalDevice) return "not_physical"
    if (!result.latencyValid) return "latency_invalid"
    val broken = FLAGS.firstOrNull { result.flags[it] == false }
    if (broken != null) return broken
    if (result.p95Ms == null) return "not_measured"
    if (result.p95Ms > budget.frameMs) return "too_slow"
    return budget.peakBytes?.let { most ->
        when {
            result.peakBytes == null -> "memory_not_measured"
            result.peakBytes > most -> "too_large"
            else -> null
        }
    }
}
