package org.pocketmatte.harness.core

internal val TIER = Regex("t0[1-9]|t1[0-2]")
internal const val LOWEST_CLASS = "t01"

/** From [least] on it is [tier]. */
internal class Floor(val least: Long, val tier: String)

/** The weakest class of what runs versions up to [last]; `null` for every later one. */
internal class Running(val last: Long?, val tier: String)

/** What holds for all devices of Android, or all of Apple. */
internal class Family(val memory: List<Floor>, val sold: List<Floor>, val systems: List<Running>)

/** A processor; [most] is the class that it allows, `null` where nobody says what it does. */
internal class IndexSoc(
    val names: List<String>,
    val apple: Boolean,
    val most: String?,
    val leastMib: Long
)

/** A device, its names folded; [soc] is the place of its processor. */
internal class IndexDevice(
    val platform: String,
    val manufacturer: String,
    val models: List<String>,
    val devices: List<String>,
    val soc: Int,
    val leastMib: Long
)

/** The device table as a device needs it: names to classes. See docs/on-device.md. */
internal class DeviceIndex(
    val android: Family,
    val apple: Family,
    val declared: List<Floor>,
    val fewCores: Long,
    val socs: List<IndexSoc>,
    val devices: List<IndexDevice>
) {
    fun family(facts: Facts) = if (facts.android) android else apple
}

internal fun deviceIndex(fields: Fields): DeviceIndex {
    fields.skipOthers()
    val socs = fields.list("socs", ::indexSoc)
    return DeviceIndex(
        android = fields.member("android", ::family),
        apple = fields.member("apple", ::family),
        declared = fields.list("declared", ::floor),
        fewCores = fields.notNegative("few_cores"),
        socs = socs,
        devices = fields.list("devices") { indexDevice(it, socs.size) }
    )
}

private fun family(fields: Fields): Family {
    fields.skipOthers()
    return Family(
        memory = fields.list("memory", ::floor),
        sold = fields.list("sold", ::floor),
        systems = fields.list("systems") {
            it.skipOthers()
            Running(it.notNegativeOrNull("last"), it.matched("tier", TIER))
        }
    )
}

private fun floor(fields: Fields): Floor {
    fields.skipOthers()
    return Floor(fields.notNegative("least"), fields.matched("tier", TIER))
}

private fun indexSoc(fields: Fields): IndexSoc {
    fields.skipOthers()
    return IndexSoc(
        names = fields.textList("names"),
        apple = fields.flag("apple"),
        most = fields.matchedOrNull("most", TIER),
        leastMib = fields.notNegative("least_mib")
    )
}

private fun indexDevice(fields: Fields, socs: Int): IndexDevice {
    fields.skipOthers()
    val soc = fields.notNegative("soc")
    if (soc >= socs) throw MalformedException("index", "there is no processor $soc")
    return IndexDevice(
        platform = platform(fields),
        manufacturer = fields.text("manufacturer"),
        models = fields.textList("models"),
        devices = fields.textList("devices"),
        soc = soc.toInt(),
        leastMib = fields.notNegative("least_mib")
    )
}

internal fun platform(fields: Fields): String =
    fields.oneOf("platform", *Facts.PLATFORMS.toTypedArray())
