package org.pocketmatte.harness.core

private const val MEBIBYTE = 1L shl 20
private val RAM_BYTES = 64 * MEBIBYTE..(1L shl 40)
private val API_LEVELS = 1L..10_000L // 10,000 is what Android calls a system still in the making
private val PERFORMANCE_CLASSES = 0L..10_000L
private val CORES = 1L..1024L
private const val MAJOR_DIGITS = 3

// Android's version of an API level, https://apilevels.com; from 33 on it is 20 less.
private val ANDROID_OF_API =
    mapOf(26L to 8L, 27L to 8L, 28L to 9L, 29L to 10L, 30L to 11L, 31L to 12L, 32L to 12L)
private const val EVEN_FROM = 33L

/**
 * What a device says of itself; `null` where it does not say.
 *
 * What no device can say counts as not known: nobody is there to mend it.
 *
 * @property device `Build.DEVICE`.
 */
class Facts(
    val platform: String,
    val manufacturer: String? = null,
    val model: String? = null,
    val device: String? = null,
    val soc: String? = null,
    ramBytes: Long? = null,
    private val osVersion: String? = null,
    apiLevel: Long? = null,
    mediaPerformanceClass: Long? = null,
    cores: Long? = null
) {
    internal val android = platform == "android"
    internal val ramMib = ramBytes?.takeIf { it in RAM_BYTES }?.let { it / MEBIBYTE }
    internal val mediaPerformanceClass =
        mediaPerformanceClass?.takeIf { it in PERFORMANCE_CLASSES }
    internal val cores = cores?.takeIf { it in CORES }
    private val apiLevel = apiLevel?.takeIf { it in API_LEVELS }

    constructor(said: DeviceFacts, device: String?) : this(
        platform = said.platform,
        manufacturer = said.manufacturer,
        model = said.model,
        device = device,
        soc = said.soc,
        ramBytes = said.ramBytes,
        osVersion = said.osVersion,
        apiLevel = said.apiLevel?.toLong(),
        mediaPerformanceClass = said.mediaPerformanceClass?.toLong(),
        cores = said.cores?.toLong()
    )

    init {
        if (platform !in PLATFORMS) {
            throw UsageException("platform is $platform; there are ${PLATFORMS.joinToString(", ")}")
        }
    }

    /** Major version of the system, of its API level where it says no version. */
    internal val major: Long?
        get() {
            val said = (osVersion ?: "").dropWhile { it !in '0'..'9' }
            val digits = said.takeWhile { it in '0'..'9' }
            if (digits.length in 1..MAJOR_DIGITS) return digits.toLong()
            if (apiLevel == null || !android) return null
            return if (apiLevel >= EVEN_FROM) apiLevel - 20 else ANDROID_OF_API[apiLevel]
        }

    companion object {
        /** That there are classes of. */
        val PLATFORMS = listOf("android", "ios", "ipados")
    }
}
