package org.pocketmatte.harness.core

import com.google.gson.JsonElement
import com.google.gson.JsonObject
import kotlin.math.abs
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

private const val LANGUAGES_AGREE_TO = 1e-12 // relative; see the protocol

/** What every language must make of the same numbers. */
class VectorsTest {
    @Test
    fun `statistics are those of the vectors`() {
        for (case in cases("statistics.json")) {
            val found = statistics(case.getAsJsonArray("samples").map { it.asDouble })
            val wanted = case.getAsJsonObject("expected")
            assertEquals(wanted["count"].asInt, found.count)
            assertClose(wanted, "mean", found.mean)
            assertClose(wanted, "min", found.min)
            assertClose(wanted, "max", found.max)
            assertClose(wanted, "stddev", found.stddev)
            assertClose(wanted, "p50", found.p50)
            assertClose(wanted, "p90", found.p90)
            assertClose(wanted, "p95", found.p95)
            assertClose(wanted, "p99", found.p99)
        }
    }

    @Test
    fun `figures and faults are those of the vectors`() {
        for (case in cases("verdicts.json")) {
            val output = Fields.of(case["output"], "output", ::traceOutput)
            val comparison = Comparison(output, case["feature_range"].asDouble)
            val matte = case["matte"].takeIf { !it.isJsonNull }?.let(::singles)
            for (call in case.getAsJsonArray("free").map { it.asJsonObject }) {
                comparison.free(singles(call["given"]), singles(call["reference"]), matte)
            }
            for (call in case.getAsJsonArray("forced").map { it.asJsonObject }) {
                comparison.forced(singles(call["given"]), singles(call["reference"]))
            }
            val found = comparison.figures()
            val wanted = case.getAsJsonObject("expected")
            val name = case["name"].asString
            assertEquals(name, wanted["calls"].asInt, found.calls)
            assertEquals(name, wanted["finite"].asBoolean, found.finite)
            assertClose(wanted, "psnr_db", found.psnrDb)
            assertClose(wanted, "free_max_abs", found.freeMaxAbs)
            assertClose(wanted, "max_abs", found.maxAbs)
            assertClose(wanted, "mad", found.mad)
            assertClose(wanted, "flipped", found.flipped)
            val faults = faults(output, found, Fields.of(case["limits"], "limits", ::limits))
            assertEquals(name, wanted.getAsJsonArray("faults").map { it.asString }, faults)
        }
    }

    @Test
    fun `choices are those of the vectors`() {
        for (case in cases("choices.json")) {
            val of = case.getAsJsonObject("budget")
            val budget = Budget(
                of["frame_ms"].asDouble,
                whenGiven(of["peak_bytes"]) { it.asLong },
                of["process"].asString
            )
            val results = case.getAsJsonArray("results").map { measured(it.asJsonObject) }
            val choice = choose(results, budget)
            val wanted = case.getAsJsonObject("expected")
            val ruledOut = wanted.getAsJsonObject("ruled_out").entrySet()
            val name = case["name"].asString
            assertEquals(name, whenGiven(wanted["run_id"]) { it.asString }, choice.runId)
            assertEquals(name, ruledOut.associate { it.key to it.value.asString }, choice.ruledOut)
        }
    }

    @Test
    fun `the numbers of the trace are those that the protocol computes`() {
        val tensors = TraceTensors.open(TRACE, Trace.read(TRACE))
        val first = tensors.prepared()[0]
        val frame = floatArrayOf(0f, 51f / 255f, 102f / 255f, 1f)
        assertEquals("frame", first.given.single().first)
        assertEquals(frame.toList(), first.given.single().second.toList())
        val alpha = tensors.expected(first.step)[0]
        assertEquals(frame.map { it / 2 }, alpha.toList())
    }

    private fun assertClose(of: JsonObject, name: String, found: Double?) {
        val wanted = whenGiven(of[name]) { it.asDouble }
        if (wanted == null || found == null) {
            assertEquals(name, wanted, found)
        } else {
            val apart = abs(found - wanted)
            assertTrue("$name: $found, not $wanted", apart <= LANGUAGES_AGREE_TO * abs(wanted))
        }
    }

    private fun <T> whenGiven(element: JsonElement, read: (JsonElement) -> T): T? =
        if (element.isJsonNull) null else read(element)

    private fun singles(element: JsonElement): FloatArray =
        element.asJsonArray.map {
            if (it.asString == "nan") Float.NaN else it.asDouble.toFloat()
        }.toFloatArray()

    private fun measured(of: JsonObject) = Measured(
        runId = of["run_id"].asString,
        tier = of["tier"].asString,
        format = of["format"].asString,
        recipe = of["recipe"].asString,
        status = of["status"].asString,
        process = of["process"].asString,
        physicalDevice = of["physical_device"].asBoolean,
        latencyValid = of["latency_valid"].asBoolean,
        flags = of.getAsJsonObject("flags").entrySet().associate { entry ->
            entry.key to whenGiven(entry.value) { it.asBoolean }
        },
        p95Ms = whenGiven(of["p95_ms"]) { it.asDouble },
        peakBytes = whenGiven(of["peak_bytes"]) { it.asLong }
    )
}
