package org.pocketmatte.harness.core

import java.io.File
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

/** Results that are written and read again, requests, halves and pictures. */
class DeviceTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val clock = HandClock()

    private fun run(runId: String, results: File, host: Host, sustained: Boolean = false) {
        val bundle = TestBundle(File(temporary.root, "bundle-$runId"))
        val rate = if (sustained) 10.0 else null
        val request = request(bundle, framesPerSecond = rate, sustainedSeconds = 1.0)
        Run(bundle.root, request.copy(runId = runId), host, Cancellation()).execute(results)
    }

    /** The folder that the host side then reads; see `tests/harness_kotlin`. */
    private fun results(): File =
        System.getProperty("pocketmatte.results")?.let(::File) ?: temporary.newFolder()

    @Test
    fun `this device's tier is decided by the results that it wrote`() {
        val results = results()
        run("fits", results, host(LineEngine(clock), clock))
        run("sustained", results, host(LineEngine(clock), clock), sustained = true)
        run("fallback", results, host(LineEngine(clock, delegate = null), clock))
        run("emulator", results, host(LineEngine(clock), clock, emulator = true))
        run("hot", results, host(LineEngine(clock), clock, ToldProbes(heat = 3)))
        run("host", results, host(LineEngine(clock), clock, process = "host", debuggable = null))
        run("wrong", results, host(LineEngine(clock) { _, _, it -> nan(it) }, clock))
        run("broken", results, host(LineEngine(clock) { _, _, _ -> emptyList() }, clock))
        File(results, "cut.json").writeText("{\"schema_version\": 1")
        val network = Trace.read(TRACE).network
        val decision = decide(results, network, Budget(33.3, null, "app_foreground"))
        assertEquals("fallback", decision.tier?.measured?.runId)
        assertEquals("executorch", decision.tier?.chosen?.format)
        assertEquals(Pair("xnnpack", 1), decision.tier?.let { Pair(it.delegate, it.threads) })
        val ruledOut = mapOf(
            "emulator" to "not_physical", "hot" to "status", "host" to "process",
            "wrong" to "status", "broken" to "status"
        )
        assertEquals(ruledOut, decision.ruledOut)
        assertTrue(decision.unreadable.single().contains("cut.json is no result"))
        File(results, "cut.json").delete()
        assertNull(decide(results, network, Budget(1.0, null, "app_foreground")).tier)
        assertNull(decide(File(results, "none"), network, Budget(1.0, null, "host")).tier)
    }

    private fun nan(outputs: List<FloatArray>) = outputs.map { FloatArray(it.size) { Float.NaN } }

    @Test
    fun `a request says what is missing, unknown or out of range`() {
        val whole = mapOf(
            "run_id" to "a", "network" to "rvm", "tier" to "t01", "format" to "onnx",
            "recipe" to "fp32", "delegate" to "cpu"
        )
        val usual = request(whole)
        assertEquals(Plan(10, 100, 10.0, 120.0, null, 0.0), usual.plan)
        assertEquals("rvm/t01 in onnx fp32", usual.subject.toString())
        val refused = listOf(
            "threads" to "0", "runs" to "many", "seconds" to "-1", "seconds" to "NaN",
            "frames_per_second" to "0", "run_id" to "../a", "orientation" to "upright",
            "tier" to "", "colour" to "green"
        )
        for ((name, value) in refused) {
            val message = refusal<UsageException> { request(whole + (name to value)) }
            assertTrue(message, message.contains(name))
        }
        val missing = refusal<UsageException> { request(whole - "recipe") }
        assertEquals("recipe is missing; give it as a text", missing)
    }

    @Test
    fun `every half survives, and what lies midway goes to the even one`() {
        for (bits in 0..0xffff) {
            val value = fromHalf(bits.toShort())
            if (!value.isNaN()) assertEquals(bits.toShort(), toHalf(value))
        }
        for (bits in 0 until 0x7bff) {
            val below = fromHalf(bits.toShort())
            val above = fromHalf((bits + 1).toShort())
            val midway = below + (above - below) / 2
            val even = (if (bits % 2 == 0) bits else bits + 1).toShort()
            assertEquals(even, toHalf(midway))
            assertEquals((bits + 1).toShort(), toHalf(Math.nextUp(midway)))
            assertEquals(bits.toShort(), toHalf(Math.nextDown(midway)))
        }
    }

    @Test
    fun `halves are those of the standard`() {
        assertEquals(0x3c00.toShort(), toHalf(1f))
        assertEquals(0xc000.toShort(), toHalf(-2f))
        assertEquals(0x7bff.toShort(), toHalf(65504f))
        assertEquals(0x7bff.toShort(), toHalf(65519.996f))
        assertEquals(0x7c00.toShort(), toHalf(65520f))
        assertEquals(0xfc00.toShort(), toHalf(Float.NEGATIVE_INFINITY))
        assertEquals(0x8000.toShort(), toHalf(-0f))
        assertEquals(0x0001.toShort(), toHalf(5.9604645e-8f))
        assertTrue(fromHalf(toHalf(Float.NaN)).isNaN())
        val exact = floatArrayOf(0.5f, -3f)
        assertArrayEquals(exact, fromHalves(toHalves(exact)), 0f)
    }

    @Test
    fun `a pixel becomes three planes, and a matte lays it over a colour`() {
        val planes = planesOf(intArrayOf(0x11ff8000, 0x000000ff))
        assertArrayEquals(floatArrayOf(1f, 0f, 128 / 255f, 0f, 0f, 1f), planes, 0f)
        val shown = composite(planes, floatArrayOf(1f, 0f), 0x00ff00)
        assertEquals(listOf(0xffff8000.toInt(), 0xff00ff00.toInt()), shown.toList())
        val half = composite(floatArrayOf(1f, 1f, 1f), floatArrayOf(0.5f), 0)
        assertEquals(listOf(0xff808080.toInt()), half.toList())
        refusal<IllegalArgumentException> { composite(planes, floatArrayOf(1f), 0) }
    }

    @Test
    fun `a picture is cut from its middle to the shape of the frame`() {
        assertEquals(Crop(0, 60, 640, 360), middle(640, 480, listOf(288, 512)))
        assertEquals(Crop(185, 0, 270, 480), middle(640, 480, listOf(512, 288)))
        assertEquals(Crop(0, 0, 512, 288), middle(512, 288, listOf(288, 512)))
    }

    @Test
    fun `an emulator is known by its build`() {
        assertTrue(isEmulator("google/sdk_gphone64_x86_64/emu64x", "ranchu", "sdk_gphone64_x86_64"))
        assertTrue(isEmulator("generic/aosp", "x", "y"))
        assertTrue(isEmulator("generic/aosp_cf", "cutf_cvm", "aosp_cf_x86_64_phone"))
        assertFalse(isEmulator("google/husky/husky:16", "zuma", "husky"))
    }

    @Test
    fun `a live matte feeds its states back until it is reset`() {
        val tensors = listOf("frame", "memory").map { FileTensor(it, listOf(1, 1, 1, 1), false) }
        val outputs = listOf("memory_next", "foreground", "alpha")
            .map { FileTensor(it, listOf(1, 1, 1, 1), false) }
        val artifact = Manifest.read(TestBundle(File(temporary.root, "live")).root).artifacts[0]
            .copy(
                inputs = tensors,
                outputs = outputs,
                states = listOf(StatePair("memory", "memory_next", 0.5f))
            )
        val adding = object : LoadedProgram {
            override val delegate: String? = null

            override fun call(inputs: List<FloatArray>): List<FloatArray> {
                val sum = floatArrayOf(inputs[0][0] + inputs[1][0])
                return listOf(sum, inputs[0], sum)
            }

            override fun close() = Unit
        }
        val live = LiveMatte(artifact, adding)
        val frame = floatArrayOf(1f)
        assertEquals(listOf(1.5f, 2.5f), List(2) { live.matte(frame).alpha[0] })
        assertEquals(1f, live.matte(frame).foreground[0], 0f)
        live.reset()
        assertEquals(1.5f, live.matte(frame).alpha[0], 0f)
        val stateless = artifact.copy(states = emptyList())
        val message = refusal<UsageException> { LiveMatte(stateless, adding) }
        assertTrue(message, message.contains("takes memory and gives memory_next"))
    }
}
