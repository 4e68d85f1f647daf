package org.pocketmatte.harness.core

import com.google.gson.GsonBuilder
import com.google.gson.JsonArray
import com.google.gson.JsonObject
import java.io.File
import java.io.IOException
import kotlin.math.abs

private const val MOST_ATTEMPTS = 3 // of a phone that is always hot, or an app that is always left
private const val MEND = "it is made anew"

/**
 * What a calibration holds for: where one of these changed, it is made anew.
 *
 * @property device manufacturer, model and memory.
 * @property osBuild of the system, not only its version.
 * @property app version and build of the app.
 */
data class CalibrationKey(
    val device: String,
    val osBuild: String,
    val app: String,
    val lockSha256: String,
    val deviceSha256: String
)

/**
 * What was found of one network.
 *
 * @property chosen tier that the calibration began with, in [recipe].
 * @property tier that it came to; `null` where every attempt so far said nothing.
 */
data class CalibrationEntry(
    val network: String,
    val chosen: String,
    val recipe: String,
    val tier: String?,
    val attempts: Long
)

/** What earlier calibrations found, for the next launch. Immutable. */
class CalibrationMemory(val key: CalibrationKey, val entries: List<CalibrationEntry>) {

    /** Returns the place of the tier that an earlier calibration came to, if it is still held. */
    fun remembered(decision: DeviceDecision): Int? {
        val at = decision.require()
        val tier = entry(decision.network, decision.steps[at])?.tier
        val place = decision.steps.indexOfFirst { it.tier == tier }
        return place.takeIf { it >= 0 && abs(it - at) <= 1 }
    }

    /** Says whether a calibration is to be made. */
    fun isDue(decision: DeviceDecision): Boolean {
        if (remembered(decision) != null) return false
        val entry = entry(decision.network, decision.steps[decision.require()])
        return entry == null || entry.tier != null || entry.attempts < MOST_ATTEMPTS
    }

    /** Returns a memory with what a calibration came to. */
    fun noted(decision: DeviceDecision, found: Calibrated): CalibrationMemory {
        val step = decision.steps[decision.require()]
        val before = entry(decision.network, step)?.takeIf { it.tier == null }?.attempts ?: 0
        val entry = CalibrationEntry(
            network = decision.network,
            chosen = step.tier,
            recipe = step.recipe,
            tier = if (found.valid) decision.steps[found.at].tier else null,
            attempts = before + 1
        )
        return CalibrationMemory(key, entries.filter { it.network != decision.network } + entry)
    }

    /** Writes it whole or not at all. */
    fun write(file: File) {
        val listed = JsonArray()
        for (entry in entries) {
            val one = JsonObject()
            one.addProperty("network", entry.network)
            one.addProperty("chosen", entry.chosen)
            one.addProperty("recipe", entry.recipe)
            one.addProperty("tier", entry.tier)
            one.addProperty("attempts", entry.attempts)
            listed.add(one)
        }
        val held = JsonObject()
        held.addProperty("device", key.device)
        held.addProperty("os_build", key.osBuild)
        held.addProperty("app", key.app)
        held.addProperty("lock_sha256", key.lockSha256)
        held.addProperty("device_sha256", key.deviceSha256)
        val whole = JsonObject()
        whole.addProperty("schema_version", 1)
        whole.add("key", held)
        whole.add("entries", listed)
        writeWhole(file, GsonBuilder().serializeNulls().create().toJson(whole))
    }

    private fun entry(network: String, step: HeldStep) = entries.firstOrNull {
        it.network == network && it.chosen == step.tier && it.recipe == step.recipe
    }

    companion object {
        /** Returns what is remembered: nothing where the file is damaged or of another key. */
        fun read(file: File, key: CalibrationKey): CalibrationMemory {
            val bytes = try {
                if (file.isFile) file.readBytes() else null
            } catch (error: IOException) {
                null
            }
            return recalled(bytes, key)
        }

        internal fun recalled(bytes: ByteArray?, key: CalibrationKey): CalibrationMemory {
            val nothing = CalibrationMemory(key, emptyList())
            if (bytes == null) return nothing
            return try {
                Fields.ofBytes(bytes, "what is remembered", MEND, ::memory)
                    .takeIf { it.key == key } ?: nothing
            } catch (error: BundleException) {
                nothing
            }
        }

        private fun memory(fields: Fields): CalibrationMemory {
            fields.skipOthers()
            schemaVersion(fields, 1)
            return CalibrationMemory(fields.member("key", ::key), fields.list("entries", ::entry))
        }

        private fun key(fields: Fields): CalibrationKey {
            fields.skipOthers()
            return CalibrationKey(
                fields.text("device"), fields.text("os_build"), fields.text("app"),
                fields.text("lock_sha256"), fields.text("device_sha256")
            )
        }

        private fun entry(fields: Fields): CalibrationEntry {
            fields.skipOthers()
            return CalibrationEntry(
                word(fields, "network"),
                fields.matched("chosen", TIER),
                word(fields, "recipe"),
                fields.matchedOrNull("tier", TIER),
                fields.notNegative("attempts")
            )
        }
    }
}
