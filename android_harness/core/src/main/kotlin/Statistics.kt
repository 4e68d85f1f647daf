package org.pocketmatte.harness.core

import kotlin.math.abs
import kotlin.math.floor
import kotlin.math.min
import kotlin.math.sqrt

/** What is said of samples, all in their unit; `stddev` is divided by their count. */
data class Statistics(
    val count: Int,
    val mean: Double,
    val min: Double,
    val max: Double,
    val stddev: Double,
    val p50: Double,
    val p90: Double,
    val p95: Double,
    val p99: Double
)

/** Returns what is said of at least one sample, all finite. */
fun statistics(samples: List<Double>): Statistics {
    require(samples.isNotEmpty() && samples.all { !it.isNaN() && !it.isInfinite() }) {
        "${samples.size} samples; at least one is needed, and all finite"
    }
    val sorted = samples.sorted()
    val mean = sum(samples) / samples.size
    return Statistics(
        count = samples.size,
        mean = mean,
        min = sorted.first(),
        max = sorted.last(),
        stddev = sqrt(sum(samples.map { (it - mean) * (it - mean) }) / samples.size),
        p50 = percentile(sorted, 50),
        p90 = percentile(sorted, 90),
        p95 = percentile(sorted, 95),
        p99 = percentile(sorted, 99)
    )
}

/** Definition 7 of Hyndman and Fan, The American Statistician 50(4), 1996. */
private fun percentile(sorted: List<Double>, percent: Int): Double {
    val rank = (sorted.size - 1) * percent.toDouble() / 100
    val below = floor(rank).toInt()
    val above = min(below + 1, sorted.size - 1)
    return sorted[below] + (rank - below) * (sorted[above] - sorted[below])
}

/** Neumaier's sum: Python's is exact, and all languages agree to a relative 1e-12. */
private fun sum(values: List<Double>): Double {
    var total = 0.0
    var lost = 0.0
    for (value in values) {
        val next = total + value
        lost += if (abs(total) >= abs(value)) (total - next) + value else (value - next) + total
        total = next
    }
    return total + lost
}
