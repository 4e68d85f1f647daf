package org.pocketmatte.harness.core

private val PATH = Regex("[ -~]{1,4096}")
private val WORD = Regex("[!-~]{1,80}")
private val LEADS_OUT = setOf("", ".", "..")

/** A file of a bundle, as it was chosen. */
data class HeldFile(
    val path: String,
    val program: String,
    val sha256: String,
    val sizeBytes: Long
)

/** One tier in one format and recipe, with the files of its programs in the order of calls. */
data class HeldStep(
    val tier: String,
    val format: String,
    val recipe: String,
    val files: List<HeldFile>
)

/** What a group gets of one network; `taken` is `null` where nothing will do. */
internal class DeviceChoice(
    val network: String,
    val taken: HeldStep?,
    val delegate: String?,
    val frameMs: Double?
)

/** Devices that get the same. */
internal class DeviceGroup(
    val platform: String,
    val deviceClass: String,
    val choices: List<DeviceChoice>
)

/** The part of `tiers.lock.json` that an app looks at. */
internal class DeviceLock(val devicesSha256: String, val groups: List<DeviceGroup>)

/** Reads a lock; refuses a name that is there twice and a path that leads out. */
internal fun deviceLock(fields: Fields): DeviceLock {
    fields.skipOthers()
    schemaVersion(fields, 1)
    val groups = fields.list("groups", ::group)
    once("groups", groups.map { Pair(it.platform, it.deviceClass) })
    val devicesSha256 = fields.member("inputs") {
        it.skipOthers()
        it.sha256("devices_sha256")
    }
    return DeviceLock(devicesSha256, groups)
}

private fun group(fields: Fields): DeviceGroup {
    fields.skipOthers()
    val choices = fields.list("choices", ::choice)
    once("choices", choices.map { it.network })
    return DeviceGroup(platform(fields), fields.matched("device_class", TIER), choices)
}

private fun choice(fields: Fields): DeviceChoice {
    fields.skipOthers()
    val network = fields.matched("network", WORD)
    return fields.memberOrNull("taken") { taken(it, network) }
        ?: DeviceChoice(network, null, null, null)
}

private fun taken(fields: Fields, network: String): DeviceChoice {
    val step = heldStep(fields)
    val delegate = fields.memberOrNull("delegate") {
        it.skipOthers()
        it.matched("requested", WORD)
    }
    val frameMs = fields.member("frame_ms") {
        it.skipOthers()
        it.numberOrNull("limit")
    }
    if (frameMs != null && frameMs < 0) throw MalformedException("frame_ms", "is below 0")
    return DeviceChoice(network, step, delegate, frameMs)
}

internal fun heldStep(fields: Fields): HeldStep {
    fields.skipOthers()
    val files = fields.list("files") {
        it.skipOthers()
        HeldFile(
            path = it.matched("path", PATH),
            program = it.matched("program", WORD),
            sha256 = it.sha256("sha256"),
            sizeBytes = it.notNegative("size_bytes")
        )
    }
    if (files.isEmpty()) throw MalformedException("files", "there is none")
    for (file in files) {
        if ('\\' in file.path || file.path.split('/').any { it in LEADS_OUT }) {
            throw MalformedException("files", "'${file.path}' leads outside")
        }
    }
    once("files", files.map { it.path })
    once("files", files.map { it.program })
    return HeldStep(
        tier = fields.matched("tier", TIER),
        format = fields.matched("format", WORD),
        recipe = fields.matched("recipe", WORD),
        files = files
    )
}

internal fun word(fields: Fields, name: String) = fields.matched(name, WORD)

internal fun once(where: String, names: List<Any>) {
    val twice = names.groupBy { it }.entries.firstOrNull { it.value.size > 1 } ?: return
    throw MalformedException(where, "${twice.key} is there twice")
}
