package org.pocketmatte.harness.core

import java.io.File
import java.io.IOException
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone
import java.util.concurrent.TimeUnit

private val PEAK = Regex("(?m)^VmHWM:\\s*([0-9]+) kB$")
private val EMULATED_HARDWARE = setOf("goldfish", "ranchu", "cutf_cvm") // the last is Cuttlefish
private val EMULATED_PRODUCT = Regex("^(sdk_|sdk$|aosp_cf_|vbox)|_sdk|emulator")
private const val RESET_PEAK = "5" // of clear_refs: see proc(5)
private const val KILOBYTE = 1024L

/** The clocks of Java. */
class SystemClock : Clock {
    override fun nanos(): Long = System.nanoTime()

    override fun sleepUntil(nanos: Long) {
        var left = nanos - nanos()
        while (left > 0) {
            TimeUnit.NANOSECONDS.sleep(left)
            left = nanos - nanos()
        }
    }

    override fun utc(): String {
        val format = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.ROOT)
        format.timeZone = TimeZone.getTimeZone("UTC")
        return format.format(Date())
    }
}

/** Says whether an Android device is an emulator, by the names that its build goes by. */
fun isEmulator(fingerprint: String, hardware: String, product: String): Boolean =
    hardware in EMULATED_HARDWARE ||
        EMULATED_PRODUCT.containsMatchIn(product) ||
        fingerprint.startsWith("generic")

/**
 * The high-water mark of this process's resident memory, as Linux keeps it.
 *
 * Where the mark cannot be set back, what is read is the peak since the process began, and `method`
 * says so.
 */
class HighWaterMark(private val process: File = File("/proc/self")) : MemoryProbe {
    private var wasReset = false

    override fun reset() {
        wasReset = try {
            File(process, "clear_refs").writeText(RESET_PEAK)
            true
        } catch (error: IOException) {
            false
        }
    }

    override fun peak(): PeakMemory? {
        val status = try {
            // as a stream: proc says that its files are empty, and `readText` may believe it
            File(process, "status").reader().use { it.readText() }
        } catch (error: IOException) {
            return null
        }
        val kilobytes = PEAK.find(status)?.groupValues?.get(1) ?: return null
        val since = if (wasReset) "of a pass of its own" else "since the process began"
        return PeakMemory(kilobytes.toLong() * KILOBYTE, "VmHWM, $since")
    }
}
