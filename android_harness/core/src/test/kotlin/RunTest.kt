package org.pocketmatte.harness.core

import java.io.File
import java.security.MessageDigest
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

/** A run of the vectors' network from its first step to its result. */
class RunTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private lateinit var bundle: TestBundle
    private lateinit var results: File
    private val clock = HandClock()
    private val engine = LineEngine(clock)
    private val probes = ToldProbes()

    @Before
    fun build() {
        bundle = TestBundle(File(temporary.root, "bundle"))
        results = File(temporary.root, "results")
    }

    private fun run(host: Host, request: Request = request(bundle)) =
        Run(bundle.root, request, host, Cancellation()).execute(results)

    @Test
    fun `a faithful runtime passes, bit for bit`() {
        val result = run(host(engine, clock, probes))
        assertEquals(emptyList<String>(), result.errors)
        assertEquals("ok", result.status)
        val parity = result.parity!!
        assertTrue(parity.passed)
        assertEquals(listOf(3, 3, 2), parity.outputs.map { it.calls })
        assertEquals(listOf(0.0, 0.0, 0.0), parity.outputs.map { it.maxAbs })
        assertEquals(listOf(null, null, null), parity.outputs.map { it.psnrDb })
        assertEquals(hashOfTheReference(), parity.sha256)
    }

    private fun hashOfTheReference(): String {
        val trace = Trace.read(TRACE)
        val bytes = Trace.data(TRACE).readBytes()
        val digest = MessageDigest.getInstance("SHA-256")
        for (stored in trace.steps.flatMap { it.expected }) {
            digest.update(bytes, stored.offset.toInt(), 4 * FLOAT_BYTES)
        }
        return hexadecimal(digest)
    }

    @Test
    fun `a forced replay starts every step from the reference, a free one from its own states`() {
        val off = 1f / 1024
        val spoilt = LineEngine(clock) { program, _, outputs ->
            if (program != "mix") outputs
            else outputs.map { o -> FloatArray(o.size) { o[it] + off } }
        }
        val alpha = run(host(spoilt, clock, probes)).parity!!.outputs[0]
        assertEquals(off.toDouble(), alpha.maxAbs!!, 1e-7)
        assertEquals(off * (1 + 1 / 4.0 + 1 / 16.0), alpha.freeMaxAbs!!, 1e-7)
        assertEquals(emptyList<String>(), alpha.faults)
    }

    @Test
    fun `where the recipe limits no single step nothing is replayed forced`() {
        bundle.editTrace("\"max_abs\": 0.005", "\"max_abs\": null")
        val result = run(host(engine, clock, probes))
        assertTrue(result.parity!!.outputs.all { it.maxAbs == null })
        val once = listOf("mix", "tone", "mix", "mix", "tone")
        assertEquals(listOf("mix", "tone") + once, engine.calls.take(7))
    }

    @Test
    fun `a wrong runtime fails its parity and is timed all the same`() {
        val wrong = LineEngine(clock) { _, _, outputs ->
            outputs.map { o -> FloatArray(o.size) { o[it] + 0.5f } }
        }
        val result = run(host(wrong, clock, probes))
        assertEquals("parity_failed", result.status)
        assertEquals(listOf("max_abs", "psnr_db", "mad"), result.parity!!.outputs[0].faults)
        assertEquals(4, result.latency[0].ms.count)
    }

    @Test
    fun `samples are of whole frames, of frames 1 to the last, over and over`() {
        val result = run(host(engine, clock, probes))
        assertEquals(listOf("frame", "program:mix", "program:tone"), result.latency.map { it.what })
        val (frame, mix, tone) = result.latency
        val long = MIX_NANOS + TONE_NANOS // the warm-up took frame 1: frame 2 comes first
        assertEquals(listOf(long, MIX_NANOS, long, MIX_NANOS), frame.samplesNs)
        assertEquals(List(4) { MIX_NANOS }, mix.samplesNs)
        assertEquals(List(2) { TONE_NANOS }, tone.samplesNs)
        assertEquals(7.0, frame.firstMs, 1e-9)
        assertEquals(6.0, frame.loadMs, 1e-9)
        assertEquals(5.0, mix.firstMs, 1e-9)
        assertEquals(3.0, tone.loadMs, 1e-9)
    }

    @Test
    fun `sampling goes on until both the runs and the seconds are met`() {
        val result = run(host(engine, clock, probes), request(bundle, runs = 1, seconds = 0.1))
        assertTrue(result.latency[0].samplesNs.fold(0L) { sum, it -> sum + it } >= 100_000_000)
        assertEquals(true, result.validity.minSecondsMet)
    }

    @Test
    fun `runs that the limit of seconds cuts short make a phone's result invalid`() {
        val cut = request(bundle, runs = 1000, limitSeconds = 0.1)
        val result = run(host(engine, clock, probes), cut)
        assertEquals(false, result.validity.minRunsMet)
        assertEquals("invalid", result.status)
        assertFalse(result.validity.latencyValid)
        assertTrue(result.latency[0].ms.count < 1000)
    }

    @Test
    fun `a sustained run starts frames when they are due and counts the late ones`() {
        val kept = request(bundle, framesPerSecond = 100.0, sustainedSeconds = 0.1)
        val inTime = run(host(engine, clock, probes), kept).sustained!!
        assertEquals(Pair(10, 0), Pair(inTime.frames, inTime.late))
        val missed = request(bundle, framesPerSecond = 250.0, sustainedSeconds = 0.1)
        val behind = run(host(engine, clock, probes), missed).sustained!!
        assertEquals(behind.frames, behind.late)
        assertEquals(17, behind.frames) // 5 and 7 ms in turn, at once: over 100 ms with the 17th
        assertNull(run(host(engine, clock, probes)).sustained)
    }

    @Test
    fun `the last quarter of a sustained run is judged apart`() {
        var calls = 0
        val slowing = LineEngine(clock) { program, _, outputs ->
            if (program == "mix") calls += 1
            if (calls > 18) clock.pass(20_000_000)
            outputs
        }
        val asked = request(bundle, framesPerSecond = 20.0, sustainedSeconds = 0.8)
        val sustained = run(host(slowing, clock, probes), asked).sustained!!
        assertTrue(sustained.lastQuarterP95Ms > sustained.ms.p50 + 10)
    }

    @Test
    fun `heat and charge are read before, every second and after`() {
        val result = run(host(engine, clock, probes), request(bundle, runs = 500))
        assertEquals(2 + 3, result.thermal.size) // 500 frames of 6 ms
        assertEquals(result.thermal.size, result.battery.size)
        val seconds = result.thermal.map { it.seconds }
        assertEquals(seconds.sorted(), seconds)
        assertEquals(true, result.validity.thermalOk)
    }

    @Test
    fun `a hot phone's result is invalid, and nobody's heat is nobody's`() {
        assertEquals("invalid", run(host(engine, clock, ToldProbes(heat = 2))).status)
        val untold = run(host(engine, clock, ToldProbes(heat = null)))
        assertNull(untold.validity.thermalOk)
        assertEquals("ok", untold.status)
    }

    @Test
    fun `a debug build's latencies are invalid`() {
        val result = run(host(engine, clock, probes, debuggable = true))
        assertEquals("invalid", result.status)
        assertEquals(false, result.validity.notDebuggable)
    }

    @Test
    fun `another delegate than the one asked for is a fallback`() {
        val other = run(host(LineEngine(clock, delegate = "portable"), clock, probes))
        assertEquals("fallback", other.status)
        assertEquals("portable", other.execution.delegateActual)
        val unknown = run(host(LineEngine(clock, delegate = null), clock, probes))
        assertEquals("fallback", unknown.status)
    }

    @Test
    fun `neither an emulator nor a host is a physical device`() {
        val emulated = run(host(engine, clock, probes, emulator = true))
        assertFalse(emulated.validity.physicalDevice || emulated.validity.latencyValid)
        assertEquals("ok", emulated.status)
        val host = run(host(engine, clock, probes, process = "host", debuggable = null))
        assertFalse(host.validity.physicalDevice)
    }

    @Test
    fun `memory is read of a pass of its own, and everything is closed`() {
        val result = run(host(engine, clock, probes))
        assertEquals(PeakMemory(1234, "told"), result.memory)
        assertEquals(1, probes.resets)
        assertEquals(Pair(4, 0), Pair(engine.loads, engine.open))
    }
}
