package org.pocketmatte.harness.core

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonNull
import com.google.gson.JsonObject
import java.io.File
import java.security.MessageDigest
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

private val FOLDER = File(VECTORS, "on_device")
private val ENDED = mapOf(
    "done" to Ended.DONE, "cancelled" to Ended.CANCELLED, "failed" to Ended.FAILED
)

/** What an app decides on the device is what Python decides, case by case. */
class OnDeviceVectorsTest {
    private val lockBytes = File(FOLDER, "lock.json").readBytes()
    private val lock = Fields.ofBytes(lockBytes, "lock", "mend it", ::deviceLock)
    private val file = Fields.ofBytes(File(FOLDER, "device.json").readBytes(), "file", "mend it") {
        deviceFile(it, lock, hash(lockBytes))
    }

    @Test
    fun `a device is in the class that Python finds`() {
        for (case in cases("on_device/places.json")) {
            val said = case.getAsJsonObject("facts")
            val wanted = case["expected"]
            if (wanted.isJsonNull) {
                refusal<UsageException> { facts(said) }
            } else {
                val found = place(file.index, facts(said))
                assertEquals(said.toString(), placed(wanted.asJsonObject), found)
            }
        }
    }

    @Test
    fun `what is run, what is held and what is damaged is as Python says`() {
        for (case in cases("on_device/decisions.json")) {
            val damaged = texts(case["damaged"])
            val network = case["network"].asString
            val found = decide(lock, file, facts(case.getAsJsonObject("facts")), network) {
                it.path !in damaged
            }
            val wanted = case.getAsJsonObject("expected")
            val what = case.toString()
            assertEquals(what, placed(wanted), found.placed)
            assertEquals(what, textOf(wanted["group_class"]), found.groupClass)
            assertEquals(what, textOf(wanted["refused"]), found.refused)
            assertEquals(what, given(wanted["at"]) { it.asInt }, found.at)
            assertEquals(what, textOf(wanted["delegate"]), found.delegate)
            assertEquals(what, given(wanted["frame_ms"]) { it.asDouble }, found.frameMs)
            assertEquals(what, texts(wanted["damaged"]), found.damaged)
            val steps = found.steps.map { listOf(it.tier, it.format, it.recipe) }
            assertEquals(what, wanted["steps"].asJsonArray.map(::texts), steps)
            val paths = found.steps.flatMap { step -> step.files.map { it.path } }
            assertEquals(what, texts(wanted["files"]), paths)
        }
    }

    @Test
    fun `a hostile file is refused where Python refuses it`() {
        for (case in cases("on_device/hostile.json")) {
            val bytes = case["lock"].asString.toByteArray()
            val read = try {
                val lock = Fields.ofBytes(bytes, "lock", "mend it", ::deviceLock)
                Fields.ofBytes(case["device"].asString.toByteArray(), "file", "mend it") {
                    deviceFile(it, lock, hash(bytes))
                }
                true
            } catch (error: BundleException) {
                assertTrue(error.message, error.message?.contains('\n') == false)
                false
            }
            assertEquals(case["name"].asString, case["expected"].asBoolean, read)
        }
    }

    @Test
    fun `a calibration comes to what Python says`() {
        for (case in cases("on_device/calibrations.json")) {
            val held = case["held"].asInt
            val at = case["at"].asInt
            val limitMs = given(case["limit_ms"]) { it.asDouble }
            val own = trial(case.getAsJsonObject("own"))
            val higher = given(case["higher"]) { trial(it.asJsonObject) }
            val wanted = case.getAsJsonObject("expected")
            val what = case.toString()
            assertEquals(what, case["tries_higher"].asBoolean, triesHigher(held, at, limitMs, own))
            val expected =
                Calibrated(wanted["at"].asInt, wanted["why"].asString, wanted["valid"].asBoolean)
            assertEquals(what, expected, calibrated(held, at, limitMs, own, higher))
        }
    }

    @Test
    fun `what is remembered is what Python remembers`() {
        for (case in cases("on_device/memories.json")) {
            val of = case.getAsJsonObject("key")
            val key = CalibrationKey(
                of["device"].asString, of["os_build"].asString, of["app"].asString,
                of["lock_sha256"].asString, of["device_sha256"].asString
            )
            val memory = CalibrationMemory.recalled(case["text"].asString.toByteArray(), key)
            val steps = case["steps"].asJsonArray.map(::texts)
                .map { HeldStep(it[0], "onnx", it[1], emptyList()) }
            val placed = Placed("android", "t01", "nothing")
            val decision = DeviceDecision(
                case["network"].asString, placed, steps = steps, at = case["at"].asInt
            )
            val wanted = case.getAsJsonObject("expected")
            val found = case.getAsJsonObject("found")
            val after = memory.noted(
                decision,
                Calibrated(found["at"].asInt, found["why"].asString, found["valid"].asBoolean)
            )
            val what = case.toString()
            val place = given(wanted["remembered"]) { it.asInt }
            assertEquals(what, place, memory.remembered(decision))
            assertEquals(what, wanted["is_due"].asBoolean, memory.isDue(decision))
            val entries = wanted["entries"].asJsonArray.map { entry(it.asJsonObject) }
            assertEquals(what, entries, after.entries)
        }
    }

    @Test
    fun `a warm phone goes down and up when Python says`() {
        for ((number, case) in cases("on_device/thermals.json").withIndex()) {
            val of = case.getAsJsonObject("steps")
            val rules = StepRules(of["ceiling"].asInt, given(of["limit_ms"]) { it.asDouble })
            val status = given(case["status"]) { it.asInt }
            val run = Played(rules, StepState.started(rules, case["begun_ms"].asLong, status))
            for (event in case["events"].asJsonArray) run.play(event.asJsonObject)
            val changes = case["changes"].asJsonArray.map {
                Pair(it.asJsonObject["at_ms"].asLong, it.asJsonObject["at"].asInt)
            }
            assertEquals("case $number", changes, run.changes)
            assertEquals("case $number", stepState(case.getAsJsonObject("end")), run.state)
        }
    }

    private class Played(private val rules: StepRules, var state: StepState) {
        val changes = ArrayList<Pair<Long, Int>>()

        fun play(event: JsonObject) {
            val atMs = event["at_ms"].asLong
            when (event["kind"].asString) {
                "thermal" -> {
                    val status = event["status"].takeIf { !it.isJsonNull }?.asInt
                    now(state.warmed(rules, atMs, status))
                }
                "refused" -> {
                    state = state.resumed(rules, atMs, event["at"].asInt)
                    changes.add(Pair(state.nowMs, state.at))
                }
                else -> frames(event, atMs)
            }
        }

        private fun frames(event: JsonObject, atMs: Long) {
            val oneIn = event["late_one_in"].asInt
            val usual = event["frame_ms"].asDouble
            for (place in 0 until event["count"].asInt) {
                val ms = if (oneIn > 0 && place % oneIn == 0) usual * 10 else usual
                now(state.played(rules, atMs + place * event["every_ms"].asLong, ms))
            }
        }

        private fun now(after: StepState) {
            if (after.at != state.at) changes.add(Pair(after.nowMs, after.at))
            state = after
        }
    }

    private fun stepState(of: JsonObject) = StepState(
        at = of["at"].asInt,
        changedMs = of["changed_ms"].asLong,
        nowMs = of["now_ms"].asLong,
        last = Way.values().first { it.name.equals(of["last"].asString, ignoreCase = true) },
        status = given(of["status"]) { it.asInt },
        troubleMs = given(of["trouble_ms"]) { it.asLong },
        calmMs = given(of["calm_ms"]) { it.asLong },
        neededMs = of["needed_ms"].asLong,
        windowMs = given(of["window_ms"]) { it.asLong },
        frames = of["frames"].asInt,
        late = of["late"].asInt,
        pace = Pace.values().first { it.name.equals(of["pace"].asString, ignoreCase = true) }
    )

    private fun entry(of: JsonObject) = CalibrationEntry(
        of["network"].asString, of["chosen"].asString, of["recipe"].asString,
        textOf(of["tier"]), of["attempts"].asLong
    )

    private fun trial(of: JsonObject) = Trial(
        ended = ENDED.getValue(of["ended"].asString),
        physicalDevice = of["physical_device"].asBoolean,
        debuggable = given(of["debuggable"]) { it.asBoolean },
        runs = of["runs"].asInt,
        seconds = of["seconds"].asDouble,
        hottest = given(of["hottest"]) { it.asInt },
        p95Ms = given(of["p95_ms"]) { it.asDouble }
    )

    private fun placed(of: JsonObject) = Placed(
        of["platform"].asString, of["device_class"].asString, of["by"].asString
    )

    private fun facts(of: JsonObject) = Facts(
        platform = of["platform"].asString,
        manufacturer = textOf(of["manufacturer"]),
        model = textOf(of["model"]),
        device = textOf(of["device"]),
        soc = textOf(of["soc"]),
        ramBytes = given(of["ram_bytes"]) { it.asLong },
        osVersion = textOf(of["os_version"]),
        apiLevel = given(of["api_level"]) { it.asLong },
        mediaPerformanceClass = given(of["media_performance_class"]) { it.asLong },
        cores = given(of["cores"]) { it.asLong }
    )

    private fun <T> given(element: JsonElement?, read: (JsonElement) -> T): T? =
        if (element == null || element == JsonNull.INSTANCE) null else read(element)

    private fun textOf(element: JsonElement?) = given(element) { it.asString }

    private fun texts(element: JsonElement): List<String> =
        (element as JsonArray).map { it.asString }

    private fun hash(bytes: ByteArray): String {
        val digest = MessageDigest.getInstance("SHA-256")
        digest.update(bytes)
        return hexadecimal(digest)
    }
}
