package org.pocketmatte.harness.core

/** What a group may step to from what it gets of one network, from low to high. */
internal class Neighbours(
    val platform: String,
    val deviceClass: String,
    val network: String,
    val steps: List<HeldStep>
)

/** `tiers.device.json`: what an app needs beside its lock. */
internal class DeviceFile(val index: DeviceIndex, val neighbours: List<Neighbours>)

/** Reads what lies beside [lock]; refuses what was made for another, or contradicts it. */
internal fun deviceFile(fields: Fields, lock: DeviceLock, lockSha256: String): DeviceFile {
    fields.skipOthers()
    schemaVersion(fields, 1)
    if (fields.sha256("lock_sha256") != lockSha256) {
        throw MalformedException("lock_sha256", "it was made for another lock")
    }
    if (fields.sha256("devices_sha256") != lock.devicesSha256) {
        throw MalformedException("devices_sha256", "it was made of another device table")
    }
    val neighbours = fields.list("neighbours", ::neighbours)
    once("neighbours", neighbours.map { Triple(it.platform, it.deviceClass, it.network) })
    neighbours.forEach { check(it, lock) }
    return DeviceFile(fields.member("index", ::deviceIndex), neighbours)
}

private fun neighbours(fields: Fields): Neighbours {
    fields.skipOthers()
    val steps = fields.list("steps", ::heldStep)
    val tiers = steps.map { it.tier }
    if (tiers != tiers.distinct().sorted()) {
        throw MalformedException("neighbours", "their steps do not rise")
    }
    return Neighbours(
        platform(fields), fields.matched("device_class", TIER), word(fields, "network"), steps
    )
}

/** Refuses neighbours of what was not taken, or of another format. */
private fun check(of: Neighbours, lock: DeviceLock) {
    val group = lock.groups.firstOrNull {
        it.platform == of.platform && it.deviceClass == of.deviceClass
    }
    val taken = group?.choices?.firstOrNull { it.network == of.network }?.taken
        ?: throw MalformedException("neighbours", "the lock takes nothing beside them")
    val odd = of.steps.firstOrNull { it.format != taken.format || it.tier == taken.tier } ?: return
    throw MalformedException("neighbours", "${odd.tier} in ${odd.format} is none")
}
