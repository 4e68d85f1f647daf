package org.pocketmatte.harness.core

import java.io.Closeable
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

private const val MS = 1_000_000L
private val PHONE = Facts(platform = "android", manufacturer = "maker", model = "phone")

/** The files of a shipped bundle, a calibration on a clock by hand, and a change under way. */
class OnDeviceTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val clock = HandClock()
    private val probes = ToldProbes()
    private val steps =
        listOf("t03", "t04", "t05").map { HeldStep(it, "onnx", "fp16", emptyList()) }

    private fun decision(at: Int = 1, frameMs: Double? = 30.0, held: List<HeldStep> = steps) =
        DeviceDecision(
            "rvm", Placed("android", "t04", "identifier"), steps = held, at = at, frameMs = frameMs
        )

    private fun calibration(
        cancellation: Cancellation = Cancellation(),
        main: Boolean = false,
        debuggable: Boolean? = false,
        open: (HeldStep) -> FramePlayer
    ): Calibration {
        val host = CalibrationHost(clock, probes, true, debuggable)
        return Calibration(host, cancellation, { main }, open)
    }

    private inner class Timed(private val ms: Long, private val each: (Int) -> Unit = {}) :
        FramePlayer {
        var frames = 0
        var closed = false

        override fun frame() {
            frames += 1
            clock.pass(ms * MS)
            each(frames)
        }

        override fun close() {
            closed = true
        }
    }

    @Test
    fun `a tier that is too slow here gives way to the one below`() {
        val opened = ArrayList<Timed>()
        val found = calibration { Timed(40).also { opened.add(it) } }.run(decision())
        assertEquals(Calibrated(0, "too_slow", true), found)
        assertTrue(opened.single().closed)
    }

    @Test
    fun `a device that is faster than its class gets the tier above`() {
        val took = mapOf("t04" to 15L, "t05" to 24L)
        val found = calibration { Timed(took.getValue(it.tier)) }.run(decision())
        assertEquals(Calibrated(2, "faster", true), found)
        val near = calibration { Timed(if (it.tier == "t04") 15 else 27) }.run(decision())
        assertEquals(Calibrated(1, "kept", true), near)
    }

    @Test
    fun `a run has enough frames and seconds, and ends in bounded time`() {
        val quick = Timed(1)
        val begun = clock.nanos()
        assertEquals("kept", calibration { quick }.run(decision(at = 2)).why)
        assertTrue(quick.frames > 2_000)
        val slow = Timed(900)
        val found = calibration { slow }.run(decision())
        assertEquals(Calibrated(1, "min_runs_met", false), found)
        assertTrue((clock.nanos() - begun) / NANOS_PER_SECOND < 2 * CALIBRATION_LIMIT_SECONDS)
    }

    @Test
    fun `what is warm, called off or broken changes nothing`() {
        probes.heat = 2
        val warm = Timed(40)
        assertEquals("thermal_ok", calibration { warm }.run(decision()).why)
        assertEquals(0, warm.frames)
        probes.heat = 0
        val warming = Timed(40) { if (it == 30) probes.heat = 3 }
        val found = calibration { warming }.run(decision())
        assertEquals(Calibrated(1, "thermal_ok", false), found)
        assertTrue(warming.frames < 60)
        probes.heat = 0
        val off = Cancellation()
        val left = Timed(40) { if (it == 9) off.request() }
        assertEquals("cancelled", calibration(off) { left }.run(decision()).why)
        assertEquals(9, left.frames)
        assertTrue(left.closed)
        val broken = calibration { throw EngineException("no such delegate") }.run(decision())
        assertEquals(Calibrated(1, "failed", false), broken)
        val falling = calibration { Timed(40) { if (it == 7) error("gave up") } }.run(decision())
        assertEquals(Calibrated(1, "failed", false), falling)
        val debug = calibration(debuggable = true) { Timed(40) }.run(decision())
        assertEquals("not_debuggable", debug.why)
    }

    @Test
    fun `the main thread never waits for a calibration, and nothing is run without a budget`() {
        val message = refusal<UsageException> {
            calibration(main = true) { throw AssertionError("it was run") }.run(decision())
        }
        assertTrue(message, message.contains("run it on another thread"))
        val free = calibration { throw AssertionError("it was run") }.run(decision(frameMs = null))
        assertEquals("no_budget", free.why)
    }

    @Test
    fun `what was found is there at the next launch, and not for another build`() {
        val file = File(temporary.root, "calibration.json")
        val key = CalibrationKey("maker phone", "UP1A", "1 (2)", "a".repeat(64), "b".repeat(64))
        val none = CalibrationMemory.read(file, key)
        assertTrue(none.isDue(decision()))
        none.noted(decision(), Calibrated(0, "too_slow", true)).write(file)
        val again = CalibrationMemory.read(file, key)
        assertEquals(0, again.remembered(decision()))
        assertFalse(again.isDue(decision()))
        val updated = CalibrationMemory.read(file, key.copy(osBuild = "UP1B"))
        assertNull(updated.remembered(decision()))
        assertTrue(updated.isDue(decision()))
        var memory = none
        for (attempt in 1..3) {
            assertTrue(memory.isDue(decision()))
            memory = memory.noted(decision(), Calibrated(1, "thermal_ok", false))
            memory.write(file)
            memory = CalibrationMemory.read(file, key)
        }
        assertFalse(memory.isDue(decision()))
        assertNull(memory.remembered(decision()))
        file.writeText("{")
        assertTrue(CalibrationMemory.read(file, key).isDue(decision()))
    }

    @Test
    fun `a launch calibrates once, and a full disk costs no more than that`() {
        val file = File(temporary.root, "launch.json")
        val key = CalibrationKey("maker phone", "UP1A", "1 (2)", "a".repeat(64), "b".repeat(64))
        var runs = 0
        val slow = calibration { Timed(40).also { runs += 1 } }
        assertEquals(listOf(0, 0), List(2) { launchPlace(decision(), file, key, slow) })
        assertEquals(1, runs)
        val folder = File(temporary.newFolder("taken"), "launch.json").apply { mkdirs() }
        File(folder, "kept").writeText("a folder that a file cannot replace")
        assertEquals(0, launchPlace(decision(), folder, key, slow))
        assertEquals(2, runs)
        assertEquals(1, launchPlace(decision(frameMs = null), file, key.copy(app = "2"), slow))
        assertEquals(2, runs)
    }

    private inner class Model(val tier: String) : Closeable {
        var closed = false

        override fun close() {
            closed = true
        }
    }

    private fun Stepper<Model>.seconds(count: Int, ms: Long): List<Pair<String, Boolean>> {
        val seen = ArrayList<Pair<String, Boolean>>()
        for (number in 1..count * 10) {
            val one = frame { model, fresh ->
                clock.pass(ms * MS)
                Pair(model.tier, fresh)
            }
            clock.pass((100 - ms) * MS)
            if (one.second) seen.add(one)
        }
        return seen
    }

    @Test
    fun `a phone that grows hot steps down to a new model, and comes back when it is cool`() {
        val opened = ArrayList<Model>()
        val stepper = Stepper(steps, 1, 30.0, clock, 0) { Model(it.tier).also { opened.add(it) } }
        assertEquals(listOf(Pair("t04", true)), stepper.seconds(20, 20))
        stepper.warmed(3)
        assertEquals(listOf(Pair("t03", true)), stepper.seconds(20, 20))
        assertTrue(opened[0].closed)
        stepper.warmed(0)
        assertEquals(listOf(Pair("t04", true)), stepper.seconds(200, 20))
        assertEquals(listOf("t04", "t03", "t04"), opened.map { it.tier })
        stepper.warmed(6)
        assertEquals(listOf(Pair("t03", true)), stepper.seconds(300, 20))
        assertEquals("t03", stepper.step.tier)
        stepper.close()
        assertTrue(opened.all { it.closed })
    }

    @Test
    fun `a tier that cannot be opened leaves the one that runs`() {
        var allowed = false
        val stepper = Stepper(steps, 1, 30.0, clock, 0) {
            if (it.tier == "t03" && !allowed) throw EngineException("no memory left")
            Model(it.tier)
        }
        assertEquals(listOf(Pair("t04", true)), stepper.seconds(60, 45))
        assertEquals("t04", stepper.step.tier)
        assertEquals("no memory left", stepper.refused)
        allowed = true
        assertEquals(listOf(Pair("t03", true)), stepper.seconds(60, 45))
        assertNull(stepper.refused)
    }

    private fun shipped(damaged: Boolean = false, climbs: String = "a.onnx"): File {
        val root = temporary.newFolder()
        val whole = File(root, "a.onnx").apply { writeText("model") }
        val sha256 = sha256Of(whole)
        if (damaged) whole.writeText("mode1")
        val lock = File(root, "tiers.lock.json")
        lock.writeText(
            """{"schema_version": 1, "inputs": {"devices_sha256": "${"d".repeat(64)}"}, "groups":
            [{"platform": "android", "device_class": "t01", "choices": [{"network": "rvm", "taken":
            {"tier": "t01", "format": "onnx", "recipe": "fp16", "delegate": null, "files": [{"path":
            "$climbs", "program": "matte", "sha256": "$sha256", "size_bytes": 5}],
            "frame_ms": {"limit": 30}}}]}]}"""
        )
        File(root, "tiers.device.json").writeText(
            """{"schema_version": 1, "lock_sha256": "${sha256Of(lock)}", "devices_sha256":
            "${"d".repeat(64)}", "neighbours": [], "index": {"android": $FAMILY, "apple": $FAMILY,
            "declared": [], "few_cores": 4, "socs": [], "devices": []}}"""
        )
        return root
    }

    @Test
    fun `a folder of the build step is read, and its files are hashed before anything is loaded`() {
        val found = OnDevice.read(shipped()).decide(PHONE, "rvm")
        assertEquals(0, found.require())
        assertEquals("a.onnx", found.steps[0].files[0].path)
        val wrong = OnDevice.read(shipped(damaged = true)).decide(PHONE, "rvm")
        assertEquals("files_damaged", wrong.refused)
        val message = refusal<BundleException> { wrong.require() }
        assertEquals("of rvm nothing is whole: a.onnx; bring the bundle again", message)
        val none = OnDevice.read(shipped()).decide(PHONE, "trimap")
        assertTrue(refusal<BundleException> { none.require() }.contains("the lock has no trimap"))
    }

    @Test
    fun `a lock that was edited, or that leads out, is refused`() {
        val root = shipped()
        val lock = File(root, "tiers.lock.json")
        lock.writeText(lock.readText().replace("30", "300"))
        val other = refusal<BundleException> { OnDevice.read(root) }
        assertTrue(other, other.contains("made for another lock"))
        val out = refusal<BundleException> { OnDevice.read(shipped(climbs = "../a.onnx")) }
        assertTrue(out, out.contains("leads outside"))
        File(root, "tiers.device.json").delete()
        val missing = refusal<BundleException> { OnDevice.read(root) }
        assertTrue(missing, missing.contains("run pocketmatte bundle --neighbours again"))
    }

    @Test
    fun `what only some languages can read is refused, and the largest size is not`() {
        val lock = File(shipped(), "tiers.lock.json").readText()
        fun <T> read(text: String, read: (Fields) -> T) =
            Fields.ofBytes(text.toByteArray(), "it", "make it anew", read)
        fun sized(size: String) = lock.replace("\"size_bytes\": 5", "\"size_bytes\": $size")
        val most = read(sized("9223372036854775807"), ::deviceLock).groups[0].choices[0].taken
        assertEquals(Long.MAX_VALUE, most!!.files[0].sizeBytes)
        for (wrong in listOf(sized("9223372036854775808"), sized("5.0"), "\ufeff$lock")) {
            refusal<BundleException> { read(wrong, ::deviceLock) }
        }
        fun index(name: String) = """{"android": $FAMILY, "apple": $FAMILY, "declared": [],
            "few_cores": 4, "socs": [{"names": ["$name"], "apple": true, "most": null,
            "least_mib": 0}], "devices": []}"""
        val pair = read(index("\\ud83d\\ude00"), ::deviceIndex)
        assertEquals(listOf("\ud83d\ude00"), pair.socs[0].names)
        val half = refusal<BundleException> { read(index("\\ud83d"), ::deviceIndex) }
        assertTrue(half, half.contains("names: holds more than texts in UTF-8"))
    }
}

private const val FAMILY = """{"memory": [], "sold": [], "systems": []}"""
